package engine

import (
	"context"
	"slices"
	"sync"

	"github.com/nagare-stream/nagare/engine/record"
)

// outboxOp is the operator of the store that holds rows which are committed and not yet delivered.
const outboxOp = "outbox"

// outboxLimit is how many bytes of rows may wait for delivery; tasks stop reading above it.
const outboxLimit = 64 << 20

// The outbox holds rows from the moment when they are final until their sink has them. Those that a sink did not take
// by the next checkpoint are kept by it; a crash between delivery and removal delivers again, with the same identity.
type outbox struct {
	mu     sync.Mutex
	room   sync.Cond
	queues map[*destination]*queue
	bytes  int64
	rows   int64
	nextID uint64
	done   []uint64       // delivered, to be removed by the next checkpoint
	free   []*record.Rows // delivered, to be filled again
	kept   int64          // bytes of memory in free
	least  int            // the shortest that free was since the last checkpoint: so many lay there unused
	text   []byte         // scratch of encodeRows
	body   []byte         // the same
	packed []byte         // the same
}

type queue struct {
	entries []*entry
	fixed   int   // so many of them stay as they are: their deliverer has them, or a checkpoint ends there
	pushed  int64 // entries so far
	gone    int64 // those of them that are delivered
	away    bool  // the sink has refused the first ones
	wake    chan struct{}
}

type entry struct {
	id      uint64 // if it is kept
	epoch   uint64
	rows    *record.Rows // nil: it turned out that there are none
	kept    bool         // in the store, by a checkpoint at which it was not delivered
	loose   bool         // never kept: what is lost can be computed again
	preview *preview     // of rows of open windows, which are loose and hold nobody up
	at      int64        // since when it waits, wall clock, µs
	empty   bool         // its rows are still being computed, and what comes behind it waits for them
}

func newOutbox() *outbox {
	o := &outbox{queues: map[*destination]*queue{}}
	o.room.L = &o.mu
	return o
}

func (o *outbox) add(d *destination) { o.queues[d] = &queue{wake: make(chan struct{}, 1)} }

// wait blocks while too much waits for delivery.
func (o *outbox) wait(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waitWhile(ctx, func() bool { return o.bytes > outboxLimit })
}

// waitWhile waits until a condition that deliveries end does not hold any more, or ctx ends. The lock is held, but for
// the waiting.
func (o *outbox) waitWhile(ctx context.Context, holds func() bool) error {
	if !holds() {
		return ctx.Err()
	}
	stop := context.AfterFunc(ctx, func() {
		o.mu.Lock()
		o.room.Broadcast()
		o.mu.Unlock()
	})
	defer stop()
	for holds() && ctx.Err() == nil {
		o.room.Wait()
	}
	return ctx.Err()
}

// push hands rows to the deliverer of their destination.
func (o *outbox) push(d *destination, e *entry) {
	o.mu.Lock()
	q := o.queues[d]
	if e.preview != nil {
		e.preview.busy = true // and it holds nobody up
	} else {
		o.bytes += rowsBytes(e.rows)
		o.rows += int64(e.rows.Len())
	}
	if last := q.joinable(e); last != nil {
		last.rows.Join(e.rows)
		o.recycle(e.rows)
	} else {
		q.entries = append(q.entries, e)
		q.pushed++
	}
	o.mu.Unlock()
	q.ring()
}

func (q *queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// joinReach is how many entries back push looks for one that rows can join.
const joinReach = 16

// joinable is the entry that still waits and can take the rows of e; nil: none can. Rows of open windows are passed by
// nothing.
func (q *queue) joinable(e *entry) *entry {
	if e.kept || e.preview != nil {
		return nil
	}
	for i := len(q.entries) - 1; i >= max(q.fixed, len(q.entries)-joinReach); i-- {
		last := q.entries[i]
		if last.preview != nil {
			return nil
		}
		if last.rows.Partition != e.rows.Partition {
			continue
		}
		fits := last.rows.Len()+e.rows.Len() <= fullRows && len(last.rows.Values.Data)+len(e.rows.Values.Data) <= fullBytes
		if last.kept || !fits || last.rows.First+int64(last.rows.Len()) != e.rows.First {
			return nil
		}
		return last
	}
	return nil
}

// reserve holds the place of rows of open windows that are still to be computed: fill puts them there.
func (o *outbox) reserve(v *preview, epoch uint64) *entry {
	e := &entry{epoch: epoch, loose: true, preview: v, empty: true}
	o.push(v.to, e)
	return e
}

// fill ends what reserve began; nil: there are no such rows.
func (o *outbox) fill(e *entry, rows *record.Rows) {
	o.mu.Lock()
	e.rows, e.empty = rows, false
	o.mu.Unlock()
	o.queues[e.preview.to].ring()
}

// head returns the first entries of a queue, without taking them.
func (o *outbox) head(q *queue) []*entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for n < len(q.entries) && !q.entries[n].empty {
		n++
	}
	q.fixed = max(q.fixed, n)
	return q.entries[:n:n]
}

// refused notes that the sink did not take what is at the head of a queue.
func (o *outbox) refused(q *queue) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q.away = true
	o.room.Broadcast()
}

// delivered takes the first n entries of a queue away, and reports whether some of them are in the store.
func (o *outbox) delivered(q *queue, n int) (kept bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range q.entries[:n] {
		if e.preview != nil {
			e.preview.busy = false
		} else {
			o.bytes -= rowsBytes(e.rows)
			o.rows -= int64(e.rows.Len())
		}
		if e.kept {
			o.done, kept = append(o.done, e.id), true
			continue // a checkpoint may be writing its rows
		}
		o.recycle(e.rows)
	}
	q.entries = append([]*entry(nil), q.entries[n:]...)
	q.fixed, q.gone, q.away = max(0, q.fixed-n), q.gone+int64(n), false
	o.room.Broadcast()
	return kept
}

// recycle keeps a batch of rows to be filled again. The lock is held.
func (o *outbox) recycle(r *record.Rows) {
	if r == nil {
		return
	}
	if size := r.Memory(); o.kept+size <= spareRowBytes {
		r.Reset()
		o.free, o.kept = append(o.free, r), o.kept+size
	}
}

// isBusy reports whether rows of a preview are still on their way.
func (o *outbox) isBusy(v *preview) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return v.busy
}

// spareRowBytes is how much memory delivered rows may keep to be filled again.
const spareRowBytes = 32 << 20

// spare returns an empty batch of rows.
func (o *outbox) spare() *record.Rows {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.free); n > 0 {
		r := o.free[n-1]
		o.free, o.kept = o.free[:n-1], o.kept-r.Memory()
		o.least = min(o.least, n-1)
		return r
	}
	return &record.Rows{}
}

// trimSpare lets go what nobody has filled since it was called last. The lock is held.
func (o *outbox) trimSpare() {
	for _, r := range o.free[:o.least] {
		o.kept -= r.Memory()
	}
	o.free = slices.Delete(o.free, 0, o.least)
	o.least = len(o.free)
}

// newID names an entry of the store.
func (o *outbox) newID() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.nextID++
	return o.nextID - 1
}

// lastID is behind the newest name.
func (o *outbox) lastID() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.nextID
}

// takeDone gives the entries that may be removed from the store.
func (o *outbox) takeDone() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	done := o.done
	o.done = nil
	return done
}

// pending reports how many rows and bytes wait.
func (o *outbox) pending() (rows, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.rows, o.bytes
}

// drained waits until everything is delivered.
func (o *outbox) drained(ctx context.Context) error {
	return o.drainedBut(ctx, skipNone)
}

func skipNone(string) bool { return false }

// drainedBut waits until everything is delivered, less the destinations that skip names.
func (o *outbox) drainedBut(ctx context.Context, skip func(destination string) bool) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.waitWhile(ctx, func() bool { return o.waits(skip) })
}

// waits reports whether a queue that skip does not name has rows. The lock is held.
func (o *outbox) waits(skip func(destination string) bool) bool {
	for d, q := range o.queues {
		if len(q.entries) > 0 && !skip(d.name) {
			return true
		}
	}
	return false
}

func rowsBytes(r *record.Rows) int64 {
	return int64(len(r.Values.Data) + len(r.Keys.Data) + len(r.Topics.Data) + len(r.Headers.Data) + len(r.Fields.Data) + 16*r.Len())
}
