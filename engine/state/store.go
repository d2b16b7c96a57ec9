package state

import "context"

// A Store makes checkpoints durable, each in one transaction with the state that changed.
//
// An implementer: applies a whole Delta or nothing of it; once Commit has returned nil the
// checkpoint survives a power cut; an error of Commit is final.
type Store interface {
	Commit(ctx context.Context, cp Checkpoint, d *Delta) error
	// Load returns the newest checkpoint and hands every entry of every operator that is state
	// (see Delta.Put) to restore, ordered by operator and key; the bytes are valid during the call.
	// The zero Checkpoint, Epoch 0, means a fresh store. With a nil restore no state is read.
	Load(ctx context.Context, restore func(op string, key, value []byte) error) (Checkpoint, error)
	// Scan hands the entries of op with from <= key < to, in key order, to visit; a nil to is the
	// end; the bytes are valid during the call. It holds no transaction open for long: entries
	// committed meanwhile may or may not be seen.
	Scan(ctx context.Context, op string, from, to []byte, visit func(key, value []byte) error) error
	Close() error
}

// A Checkpoint is a consistent cut through a running pipeline, less the state, which goes into
// the Delta. Data is the engine's own encoding of positions, watermarks and ledger.
type Checkpoint struct {
	Epoch uint64 // 1 for the first, then one more each
	Data  []byte
}
