package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
)

// deliveryWaits is how long rows wait for another try.
var deliveryWaits = retry.Waits{First: 50 * time.Millisecond, Most: 3 * time.Second}

// deliver hands a destination's rows to its sink until ctx ends. A sink that fails gets the same
// rows again, after a wait; an error of it that is final is returned.
func (e *Engine) deliver(ctx context.Context, d *destination) error {
	q := e.outbox.queues[d]
	fails := 0
	for {
		batch := e.outbox.head(q)
		if len(batch) == 0 {
			select {
			case <-q.wake:
				continue
			case <-ctx.Done():
				return nil
			}
		}
		d.begin(e.opt.Now())
		err := writeAll(ctx, d.sink, batch)
		if err != nil && ctx.Err() != nil {
			return nil
		}
		d.end(e.opt.Now(), e.opened, batch, err)
		if err == nil {
			if e.outbox.delivered(q, len(batch)) {
				e.changed.Store(true) // the next checkpoint removes them
			}
			fails = 0
			e.stir()
			continue
		}
		e.outbox.refused(q)
		if isFinal(err) {
			return fmt.Errorf("deliver to %s: %w", d.name, err)
		}
		fails++
		wait := deliveryWaits.After(fails)
		e.log.Warn("rows wait", "destination", d.name, "error", err, "retry", wait)
		if retry.Pause(ctx, wait) != nil {
			return nil
		}
	}
}

// writeAll gives a sink rows to keep. A sink that panics has not taken them.
func writeAll(ctx context.Context, sink record.Sink, batch []*entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the sink panicked: %v", p)
		}
	}()
	for _, e := range batch {
		switch {
		case e.rows == nil:
		case e.preview != nil:
			err = sink.(record.Updater).Update(ctx, e.rows)
		default:
			err = sink.Write(ctx, e.epoch, e.rows)
		}
		if err != nil {
			return err
		}
	}
	return sink.Flush(ctx)
}

// begin notes that the sink is given rows.
func (d *destination) begin(now int64) {
	d.mu.Lock()
	d.writing = now
	d.mu.Unlock()
}

// end notes whether the sink has taken the rows, and how long that took since their records came, if they came at opened
// or later.
func (d *destination) end(now, opened int64, batch []*entry, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writing = 0
	if err != nil {
		d.trouble = err.Error()
		return
	}
	d.trouble = ""
	for _, e := range batch {
		if e.preview != nil {
			continue
		}
		d.delivered += int64(e.rows.Len())
		for _, m := range e.rows.Made {
			if m.At != 0 && m.At >= opened {
				d.latency.Add(now-m.At, m.Rows)
			}
		}
	}
}
