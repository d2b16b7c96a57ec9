// Package node is one running process: it opens the parts of a pipeline in order and closes them in
// reverse.
//
//	check the data folder   nothing is touched before it is known to be writable, ours and roomy
//	take the HTTP port      one loopback socket, or none
//	open the store          its lock is the folder's lock
//	open the broker         topics, every acknowledged record on the disk
//	make the topics         those that the project reads and writes
//	open the engine         from the newest checkpoint
//	start the generator     where it stopped
//	serve                   the JSON API, by which a second shell reaches the process
//
// A bounded run over files (bounded.go) has an engine and nothing else of this.
//
// The files: node.go opens and closes, run.go runs and restarts, folder.go and port.go check what the
// process needs of its machine, sinks.go and logs.go are the engine's ports on the broker, spool.go the
// same on temporary files, publish.go, tail.go and topics.go serve the API, measure.go counts rates.
package node
