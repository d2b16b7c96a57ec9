package file

import (
	"context"
	"errors"
	"sync"

	"github.com/nagare-stream/nagare/engine/record"
)

// A Tally is a log that nobody reads: it counts rows and keeps none.
type Tally struct {
	mu   sync.Mutex
	next []int64
}

// NewTally makes a log of so many partitions.
func NewTally(partitions int) *Tally { return &Tally{next: make([]int64, partitions)} }

// Write counts the rows.
func (t *Tally) Write(_ context.Context, _ uint64, out *record.Rows) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next[out.Partition] = max(t.next[out.Partition], out.First+int64(out.Len()))
	return nil
}

// Flush does nothing.
func (t *Tally) Flush(context.Context) error { return nil }

// Close does nothing.
func (t *Tally) Close() error { return nil }

// Partitions is how many the log was made with.
func (t *Tally) Partitions(context.Context) (int, error) { return len(t.next), nil }

// End is the number of rows that a partition would have.
func (t *Tally) End(_ context.Context, partition int32) (record.Position, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return record.Position{Offset: t.next[partition]}, nil
}

// Open fails: the rows are not kept.
func (t *Tally) Open(context.Context, int32, record.Position) (record.Reader, error) {
	return nil, errors.New("read rows that were only counted: run with --out to keep them")
}
