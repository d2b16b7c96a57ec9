package generator

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
)

// A Writer is a log to write to, as the one producer of its name; broker.Writer is one.
//
// An implementer: numbers the records of a partition from 0 as its caller does; returns from
// AppendMarked only once the records are durable; cuts away what it has already when a number is
// appended again; keeps the mark together with the last record of an append. AppendMarked is called
// for different partitions at the same time, for one partition by one goroutine at a time. After an
// error some of the records, from the first on, may be in the log.
type Writer interface {
	// AppendMarked writes the records of a partition, the first of which is the producer's number seq.
	AppendMarked(ctx context.Context, partition int32, r *record.Records, seq int64, mark uint64) (first int64, err error)
	// Last returns the number of the first record that is not in the log.
	Last(ctx context.Context, partition int32) (int64, error)
	// LastMark returns the mark of the last append that is in the log as a whole; 0 for none.
	LastMark(ctx context.Context, partition int32) (uint64, error)
}

// Clock is what the pace is kept by. The zero value is the clock of the process.
type Clock struct {
	Now func() time.Time
	// Wait returns after d or with the error of ctx.
	Wait func(ctx context.Context, d time.Duration) error
}

// RunOptions is how events are written. The zero value is usable.
type RunOptions struct {
	Clock Clock
	// Batch is the most events that are made before they are appended; 0: 4,096; at most 32,768.
	Batch int
	// Linger is how long an event that is due may wait for others; 0: 2 ms. It bounds the
	// appends a second at high rates.
	Linger time.Duration
	// Observe, if set, is told after each append the next event to write and how many are overdue.
	Observe func(next, overdue int64)
}

// nap is the longest wait. Timers stand still while a computer sleeps and the schedule does not.
const nap = time.Second

// Run writes the events of g to w, each when it is due and overdue ones at full speed, until
// Config.Count events are written (it returns nil), ctx ends (its error, as it is) or w fails.
//
// With each append goes a mark that says which event comes next. A new Run makes the events behind
// the marks again and gives their records the same numbers: nothing is left out or written twice,
// wherever the last one was killed. After an error of w it is right to call Run again.
func (g *Generator) Run(ctx context.Context, w Writer, opt RunOptions) error {
	r, err := g.newRun(ctx, w, opt)
	if err != nil {
		return err
	}
	for g.cfg.Count == 0 || r.next < g.cfg.Count {
		due := g.Before(r.opt.Clock.Now().UnixMicro())
		for r.next < due {
			if err := r.append(ctx, min(due, r.next+int64(r.opt.Batch))); err != nil {
				return err
			}
			if opt.Observe != nil {
				opt.Observe(r.next, due-r.next)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if g.cfg.Count > 0 && r.next >= g.cfg.Count {
			break
		}
		wait := time.Duration(g.Due(r.next)-r.opt.Clock.Now().UnixMicro()) * time.Microsecond
		if err := r.opt.Clock.Wait(ctx, min(nap, max(wait, r.opt.Linger))); err != nil {
			return err
		}
	}
	return nil
}

// run is one call of Run: the event to write next and where each partition stands.
type run struct {
	g     *Generator
	w     Writer
	opt   RunOptions
	next  int64
	busy  int64 // below this, only the silent partition may lack events
	parts []part
	text  []byte
}

// part is one partition. Of the events that belong to it those below mark are in the log, as the
// records below rows.
type part struct {
	mark    int64
	rows    int64
	records record.Records
	err     error
}

// A mark of the log is part.mark and, in its low bits, as much of part.rows as is needed: the log
// tells how many records it has, but a killed append may have added fewer than maxBatch to rows.
const (
	rowBits  = 16
	rowMask  = 1<<rowBits - 1
	maxBatch = 1 << (rowBits - 1)
)

func packMark(mark, rows int64) uint64 { return uint64(mark)<<rowBits | uint64(rows)&rowMask }

// unpackMark returns mark and rows; last is the number of records in the log.
func unpackMark(packed uint64, last int64) (mark, rows int64) {
	return int64(packed >> rowBits), last - (last-int64(packed&rowMask))&rowMask
}

func (g *Generator) newRun(ctx context.Context, w Writer, opt RunOptions) (*run, error) {
	if opt.Batch <= 0 {
		opt.Batch = 4096
	}
	opt.Batch = min(opt.Batch, maxBatch)
	if opt.Linger <= 0 {
		opt.Linger = 2 * time.Millisecond
	}
	if opt.Clock.Now == nil {
		opt.Clock.Now = time.Now
	}
	if opt.Clock.Wait == nil {
		opt.Clock.Wait = retry.Pause
	}
	r := &run{g: g, w: w, opt: opt, parts: make([]part, g.cfg.Partitions)}
	for p := range r.parts {
		last, err := w.Last(ctx, int32(p))
		if err != nil {
			return nil, fmt.Errorf("find the last event of partition %d: %w", p, err)
		}
		mark, err := w.LastMark(ctx, int32(p))
		if err != nil {
			return nil, fmt.Errorf("find the last event of partition %d: %w", p, err)
		}
		r.parts[p].mark, r.parts[p].rows = unpackMark(mark, last)
	}
	r.start()
	return r, nil
}

// start finds the first event that some partition may lack.
func (r *run) start() {
	r.next, r.busy = math.MaxInt64, math.MaxInt64
	for p := range r.parts {
		mark := r.parts[p].mark
		if !r.g.silenced(math.MaxInt64, int32(p)) {
			r.busy = min(r.busy, mark)
		}
		r.next = min(r.next, mark)
	}
	r.skip()
}

// skip goes on to where others than the silent partition may lack events, once that one lacks none.
func (r *run) skip() {
	if r.g.silenced(r.next, int32(r.g.cfg.SilentPartition)) {
		r.next = max(r.next, r.busy)
	}
}

// append makes the events up to end and writes them, all partitions at once.
func (r *run) append(ctx context.Context, end int64) error {
	for p := range r.parts {
		r.parts[p].records.Reset()
		r.parts[p].records.Partition = int32(p)
	}
	for i := r.next; i < end; i++ {
		e := r.g.Event(i, r.text[:0])
		r.text = e.Value
		if p := &r.parts[e.Partition]; i >= p.mark {
			e.appendTo(&p.records)
		}
	}
	var wg sync.WaitGroup
	for p := range r.parts {
		if part := &r.parts[p]; part.records.Len() > 0 {
			wg.Go(func() {
				mark := packMark(end, part.rows+int64(part.records.Len()))
				_, part.err = r.w.AppendMarked(ctx, int32(p), &part.records, part.rows, mark)
			})
		}
	}
	wg.Wait()
	var failed error
	for p := range r.parts {
		part := &r.parts[p]
		switch {
		case part.records.Len() == 0:
		case part.err != nil && failed == nil:
			failed = fmt.Errorf("write events %d to %d to partition %d: %w", r.next, end-1, p, part.err)
		case part.err == nil:
			part.rows += int64(part.records.Len())
			part.mark = end
		}
	}
	if failed != nil {
		if err := ctx.Err(); err != nil {
			return err
		}
		return failed
	}
	r.next = end
	r.skip()
	return nil
}
