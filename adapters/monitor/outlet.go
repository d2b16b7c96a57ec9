package monitor

import (
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
)

// A Writer appends to a topic and returns once the records are durable; see broker.Writer.
type Writer interface {
	Append(ctx context.Context, partition int32, r *record.Records, seq int64) (int64, error)
}

// The limits of an outlet.
const (
	mostPending = 120              // batches, which are seconds, that wait for a topic that is away; the oldest go
	appendWait  = 10 * time.Second // for an append
	outletPause = time.Second      // after one that failed
	reopenPause = 30 * time.Second // after a topic could not be had
)

// An outlet appends batches to a topic, in order. Whoever sends never waits.
type outlet struct {
	topic string
	open  func(ctx context.Context, topic string) (Writer, error)
	wake  chan struct{}

	mu      sync.Mutex
	pending []batch
	first   int64  // number of the first of them
	dropped int64  // records
	trouble string // why records wait, "" while they do not

	records record.Records // of the append in hand; of run alone
}

// A batch is records of one moment.
type batch struct {
	at   int64 // µs
	keys []string
	rows [][]byte
}

func newOutlet(topic string, open func(ctx context.Context, topic string) (Writer, error)) *outlet {
	return &outlet{topic: topic, open: open, wake: make(chan struct{}, 1)}
}

// send hands a batch on.
func (o *outlet) send(b batch) {
	o.mu.Lock()
	o.pending = append(o.pending, b)
	if n := len(o.pending) - mostPending; n > 0 {
		for _, gone := range o.pending[:n] {
			o.dropped += int64(len(gone.rows))
		}
		o.pending, o.first = slices.Delete(o.pending, 0, n), o.first+int64(n)
	}
	o.mu.Unlock()
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// run appends what is sent until ctx ends.
func (o *outlet) run(ctx context.Context) {
	var w Writer
	defer func() {
		if c, ok := w.(io.Closer); ok {
			_ = c.Close() // everything that was appended is durable
		}
	}()
	for {
		select {
		case <-o.wake:
		case <-ctx.Done():
			return
		}
		pause := outletPause
		for n := o.waiting(); n > 0; n = o.waiting() {
			var err error
			if w == nil {
				if w, err = o.open(ctx, o.topic); err != nil {
					pause = reopenPause
				}
			}
			if err == nil {
				err = o.append(ctx, w)
			}
			if ctx.Err() != nil {
				return
			}
			o.note(err)
			if err == nil {
				continue
			}
			if retry.Pause(ctx, pause) != nil {
				return
			}
		}
	}
}

func (o *outlet) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending)
}

// append appends all that waits, as one batch of records.
func (o *outlet) append(ctx context.Context, w Writer) error {
	o.mu.Lock()
	all := slices.Clone(o.pending)
	behind := o.first + int64(len(all))
	o.mu.Unlock()
	r := &o.records
	r.Reset()
	for _, b := range all {
		for i, row := range b.rows {
			r.Times = append(r.Times, b.at)
			r.Keys.Append([]byte(b.keys[i]))
			r.Values.Append(row)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, appendWait)
	defer cancel()
	if _, err := w.Append(ctx, 0, r, -1); err != nil {
		o.records = record.Records{} // who gave up waiting may hold on to it
		return record.At("append to topic "+o.topic, err)
	}
	if len(all) > 1 {
		o.records = record.Records{} // what gathered while the topic was away is given back
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := behind - o.first; n > 0 { // some may have been let go meanwhile
		o.pending, o.first = slices.Delete(o.pending, 0, int(n)), behind
	}
	return nil
}

func (o *outlet) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trouble = ""
	if err != nil {
		o.trouble = err.Error()
	}
}

// report tells what the outlet is in trouble with, and how many records it had to let go.
func (o *outlet) report() (trouble string, dropped int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.trouble, o.dropped
}
