package engine

import (
	"context"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

// Rows are final before a checkpoint knows of them, and leave for their sinks at once: what follows from the topics
// alone comes out the same, with the same numbers, when a crash has it computed again from the checkpoint before, and
// the sinks leave out what they have. So two orders hold: the input is durable before it is read, and a checkpoint that
// says that a lane has come to row n is made when the rows before n are durable, in their sinks or, where one takes
// nothing, in the checkpoint.
//
// Rows leave inside the gate, at the end of a piece of work: none leaves of work that was broken off.
//
// What does not follow from the topics alone holds rows back until a checkpoint has them: see hold.

// hand has the rows that were gathered leave. The owner of the writer calls it, inside the gate. In a run without
// checkpoints they leave by writeThrough alone: from the outbox they would come behind rows that were gathered later.
func (w *rowWriter) hand() {
	e := w.e
	if w.rows.Len() == 0 && len(w.full) == 0 || e.holding.Load() || e.opt.Ephemeral || commitsFirst {
		return
	}
	now := e.opt.Now()
	for _, rows := range w.take() {
		e.outbox.push(w.to, &entry{epoch: e.epoch.Load(), rows: rows, loose: w.to.isCache(), at: now})
	}
}

func handAll(writers []*rowWriter) {
	for _, w := range writers {
		w.hand()
	}
}

func (d *destination) isCache() bool {
	_, ok := d.sink.(record.Cache)
	return ok
}

// hold keeps all rows from now on for the next checkpoint, which makes them durable before they leave, and asks for it:
// what was just done, or is about to be, would not come out the same when it was done again. It is called inside the gate.
func (e *Engine) hold() {
	e.holding.Store(true)
	e.changed.Store(true)
	e.askCheckpoint()
}

// deliverWait is how long a checkpoint waits for sinks that take rows; it keeps those of others itself.
const deliverWait = time.Second

// cut ends the queues where a checkpoint ends, and returns how many entries each has had by then.
func (o *outbox) cut() map[*destination]int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.trimSpare()
	ends := make(map[*destination]int64, len(o.queues))
	for d, q := range o.queues {
		q.fixed = len(q.entries)
		ends[d] = q.pushed
	}
	return ends
}

// settle waits until the sinks have what was before the ends, but not for one that is in trouble, and not for long. What
// is left is to be kept by the checkpoint, which is returned with new ids.
func (o *outbox) settle(ctx context.Context, ends map[*destination]int64, wait time.Duration) []outgoing {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	o.mu.Lock()
	defer o.mu.Unlock()
	_ = o.waitWhile(ctx, func() bool { return o.owes(ends) }) // what it did not wait for is left
	var left []outgoing
	for d, q := range o.queues {
		for _, e := range q.entries[:max(0, min(ends[d]-q.gone, int64(len(q.entries))))] {
			if e.kept || e.loose {
				continue
			}
			e.id, e.kept = o.nextID, true
			o.nextID++
			left = append(left, outgoing{d, e})
		}
	}
	return left
}

// owes reports whether a sink that takes rows has not taken all that were before the ends. The lock is held.
func (o *outbox) owes(ends map[*destination]int64) bool {
	for d, q := range o.queues {
		if q.gone < ends[d] && !q.away && !d.isCache() {
			return true
		}
	}
	return false
}
