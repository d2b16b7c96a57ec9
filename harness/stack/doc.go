// Package stack is one whole pipeline in this process, to be tested: opened, fed, waited for, crashed,
// opened again. It returns errors; package harness turns them into failures of a test, and package
// script runs texts over it.
//
//	Open ──► Publish, WaitWatermark, Rows ──► Crash ──► Restart ──► … ──► Close
//	              one life of the pipeline        another life
//
// What lies between two lives is what a data folder holds: topics and checkpoints. In memory it is a
// node.Memory, which opens in a few milliseconds; with Config.Dir it is a folder with the broker and the
// store of a real run.
//
// The files: project.go finds and resolves a project, stack.go opens and ends lives, watermark.go and
// moment.go wait, rows.go reads tables and topics, cache.go Redis, faults.go stands between the engine and
// what it writes to, folder.go copies a folder as a kill would leave it, keep.go writes down what a failed
// test leaves.
package stack
