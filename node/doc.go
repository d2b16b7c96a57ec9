// Package node is one running process: it opens the parts of a pipeline in order and closes them in
// reverse.
//
//	check the data folder   nothing is touched before it is known to be writable, ours and roomy
//	take the HTTP port      a loopback socket, or none, and one for other machines if that is wanted (others.go)
//	open the store          its lock is the folder's lock
//	open the broker         topics, every acknowledged record on the disk
//	make the topics         those that the project reads and writes
//	open the engine         from the newest checkpoint
//	start the generator     where it stopped
//	serve                   the JSON API, by which a second shell reaches the process
//
// A bounded run over files (bounded.go) has an engine and nothing else of this.
//
// The files:
//
//	node.go        opens and closes
//	run.go         runs, and looks after the parts
//	engine.go      the engine on this process's store and topics; what is done after a panic
//	feed.go        the generator, over starts
//	folder.go      the data folder: is it ours, writable, roomy
//	port.go        the one socket, or who has it
//	queries.go     the queries that made the checkpoint, for whoever looks
//	reset.go       a checkpoint forgotten
//	apply.go       a changed project applied: noted, gone on with, finished or forgotten; fill.go fills (until.go: up to where
//	               others are; waiting.go: rows of sinks), takeover.go changes the two, generations.go keeps them apart, renewed.go has sinks go on
//	bounded.go     a run over files
//	tablefiles.go  tables to files
//	budget.go      what queries may take; intake.go when they have to step back
//	defect.go      a panic becomes an answer
//	rows.go        rows as text; safecsv.go for spreadsheets; cells.go for a terminal; log.go read back from a topic
//	append.go      records as they are, into topics and out of them
//	publish.go, tail.go, topics.go, meter.go   what the API asks for
//	memory.go      a node without a folder, for tests; settle.go what tests wait for
//	exit.go        which exit code an error stands for
package node
