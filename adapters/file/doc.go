// Package file makes files into topics and writes rows into files.
//
// A Source reads a file as a partitioned topic. Its form is told by its name and first line:
//
//	.ndjson .jsonl   one JSON value a line; a blank line is no record
//	                 or the lines of kcat -J, which keep partition, offset, order and time
//	.csv             a header row, then a row a record, which becomes a JSON object
//	-                standard input, one JSON value a line
//
// each of the files also compressed, with .gz behind its name. What is malformed inside a record
// is not looked at here: it is a record like any other, and the engine judges it.
//
// One goroutine, a pass, reads the file once for all partitions:
//
//	file ─ lines ─ key ─ partition ─┬─ lane 0: buffer, queue ─ Reader 0
//	                                ├─ lane 1: buffer, queue ─ Reader 1
//	                                └─ …
//
// All buffers together hold at most about 32 MiB, plus records that are larger than a buffer. When
// a queue is full the pass waits for its reader, and with it all other lanes wait. So readers that
// are open must all be read, each by a goroutine of its own. A partition that nobody has opened
// holds nothing up: when a reader waits for it in vain its records are let go, and read again, by a
// pass of their own, when it is opened. Standard input cannot be read again, so there the pass waits
// for all.
//
//	source.go    what a file is, and its ends
//	pass.go      the goroutine and its lanes
//	reader.go    one partition's reader
//	lines.go     a stream cut into lines
//	member.go    the members of a JSON object, without decoding it
//	key.go       the key of a record
//	csv.go       rows to JSON objects
//	kcat.go      lines of kcat -J
//	sink.go      rows to the end of a file, once each
//	progress.go  what a sink remembers over a crash
//	console.go   rows to a terminal, or nowhere
//	open.go      a sink by its configuration
//	spool.go     a log on temporary files, for a run that leaves nothing behind
//	tally.go     a log that counts rows and keeps none
//	fault.go     errors with what to do
package file
