package record

import "context"

// A Source is a partitioned, replayable log.
//
// An implementer: gives the same records at the same offsets whenever it is asked; keeps the
// order of a partition; reports a gap, a truncation or damage as an error and never skips it.
type Source interface {
	// Partitions returns how many there are now, and may return more later.
	Partitions(ctx context.Context) (int, error)
	// Open starts a reader at a position; the zero Position is the first record there is.
	Open(ctx context.Context, partition int32, from Position) (Reader, error)
	// End returns the position behind the partition's last record.
	End(ctx context.Context, partition int32) (Position, error)
}

// A Starter is a Source that is not always read from its first record on.
type Starter interface {
	// Start returns where a pipeline that has no checkpoint begins to read a partition.
	Start(ctx context.Context, partition int32) (Position, error)
}

// A Reader reads one partition. It is used by one goroutine.
type Reader interface {
	// Read blocks for the first record and returns what has arrived; io.EOF ends a bounded source.
	// dst is overwritten. A batch without records may come where a log has entries that are none:
	// dst.Next is behind them. An error of ctx is returned as it is.
	Read(ctx context.Context, dst *Records) error
	Close() error
}
