// Package record is what passes between the engine and the outside: records that come in, rows that
// go out, and the ports through which they do. It is the whole vocabulary that a log, a source or a
// sink needs.
//
//	record.go     Records, a batch of one partition; Position
//	headers.go    the headers of a record, as one string
//	partition.go  which partition a key belongs to
//	source.go     Source, Starter, Reader: where records come from
//	rows.go       Rows, a batch for one sink, numbered
//	sink.go       Sink, Updater, Cache, Log: where rows go, and how a sink is
//	place.go      where an error happened, said once
package record
