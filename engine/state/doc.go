// Package state is what a checkpoint keeps, and the port to where it is kept.
//
//	store.go  Store, Checkpoint
//	delta.go  Delta: what changed since the checkpoint before
//	key.go    numbers in keys, in whose order entries are
package state
