package engine

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"
)

// outboxOp is the operator of the store that holds rows which are committed and not yet delivered.
const outboxOp = "outbox"

// outboxLimit is how many bytes of rows may wait for delivery; tasks stop reading above it.
const outboxLimit = 64 << 20

// The outbox holds rows from the checkpoint that made them durable until their sink has them. A crash
// between delivery and removal delivers again, with the same identity.
type outbox struct {
	mu     sync.Mutex
	room   sync.Cond
	queues map[*destination]*queue
	bytes  int64
	rows   int64
	nextID uint64
	done   []uint64 // delivered, to be removed by the next checkpoint
	free   []*Rows  // delivered, to be filled again
	kept   int64    // bytes of memory in free
	text   []byte   // scratch of encodeRows
	body   []byte   // the same
}

type queue struct {
	entries []entry
	wake    chan struct{}
}

type entry struct {
	id      uint64
	epoch   uint64
	rows    *Rows
	loose   bool     // in no checkpoint, and without an id: what is lost can be computed again
	preview *preview // of rows of open windows, which are loose and hold nobody up
	at      int64    // since when it waits, wall clock, µs
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
	if o.bytes <= outboxLimit {
		return ctx.Err()
	}
	stop := context.AfterFunc(ctx, func() {
		o.mu.Lock()
		o.room.Broadcast()
		o.mu.Unlock()
	})
	defer stop()
	for o.bytes > outboxLimit && ctx.Err() == nil {
		o.room.Wait()
	}
	return ctx.Err()
}

// push hands committed rows to the deliverer of their destination.
func (o *outbox) push(d *destination, e entry) {
	o.mu.Lock()
	q := o.queues[d]
	q.entries = append(q.entries, e)
	if e.preview != nil {
		e.preview.busy = true // and it holds nobody up
	} else {
		o.bytes += rowsBytes(e.rows)
		o.rows += int64(e.rows.Len())
	}
	o.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// head returns the first entries of a queue, without taking them.
func (o *outbox) head(q *queue) []entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	return q.entries[:len(q.entries):len(q.entries)]
}

// delivered takes the first n entries of a queue away.
func (o *outbox) delivered(q *queue, n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range q.entries[:n] {
		if e.preview != nil {
			e.preview.busy = false
		} else {
			o.bytes -= rowsBytes(e.rows)
			o.rows -= int64(e.rows.Len())
		}
		if !e.loose {
			o.done = append(o.done, e.id)
		}
		if size := e.rows.Memory(); o.kept+size <= spareRowBytes {
			e.rows.Reset()
			o.free, o.kept = append(o.free, e.rows), o.kept+size
		}
	}
	q.entries = append([]entry(nil), q.entries[n:]...)
	o.room.Broadcast()
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
func (o *outbox) spare() *Rows {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.free); n > 0 {
		r := o.free[n-1]
		o.free, o.kept = o.free[:n-1], o.kept-r.Memory()
		return r
	}
	return &Rows{}
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
	stop := context.AfterFunc(ctx, func() {
		o.mu.Lock()
		o.room.Broadcast()
		o.mu.Unlock()
	})
	defer stop()
	for o.waits(skip) && ctx.Err() == nil {
		o.room.Wait()
	}
	return ctx.Err()
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

// Delivery is tried again after a wait that doubles between these bounds, with jitter.
const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 3 * time.Second
)

// deliver hands a destination's rows to its sink until ctx ends. A sink that fails gets the same
// rows again, after a wait; an error of it that is final is returned.
func (e *Engine) deliver(ctx context.Context, d *destination) error {
	q := e.outbox.queues[d]
	wait := retryFirst
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
		d.end(e.opt.Now(), e.env.Now, batch, err)
		if err == nil {
			e.outbox.delivered(q, len(batch))
			wait = retryFirst
			e.worked()
			continue
		}
		if isFinal(err) {
			return fmt.Errorf("deliver to %s: %w", d.name, err)
		}
		e.log.Warn("rows wait", "destination", d.name, "error", err, "retry", wait)
		select {
		case <-time.After(wait/2 + time.Duration(rand.Int64N(int64(wait)))):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, retryMost)
	}
}

// writeAll gives a sink rows to keep. A sink that panics has not taken them.
func writeAll(ctx context.Context, sink Sink, batch []entry) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the sink panicked: %v", p)
		}
	}()
	for _, e := range batch {
		if e.preview != nil {
			err = sink.(Updater).Update(ctx, e.rows)
		} else {
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
func (d *destination) end(now, opened int64, batch []entry, err error) {
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

func rowsBytes(r *Rows) int64 {
	return int64(len(r.Values.Data) + len(r.Keys.Data) + len(r.Topics.Data) + len(r.Headers.Data) + len(r.Fields.Data) + 16*r.Len())
}

// encodeRows writes rows for the store, for one checkpoint at a time, into memory that is valid until the
// next call: the destination's name and numbers, then everything else compressed. The compressed values stay
// with the rows, so that a log which keeps them in that form need not compress them again.
//
//	0, uvarint name length, name, uvarint partition, uvarint first, uvarint rows
//	uvarint length of, and S2 of: the data of the values
//	S2 of: times (8 bytes each), then for keys, values, topics, fields: ends (4 bytes each), null bits,
//	data, but not of the values; then orders (8 bytes each), or of rows with headers their lengths and bytes
//
// The form before has no 0, and the data of the values where they stand among the rest; in it, what is
// behind the topics may be missing.
func (o *outbox) encodeRows(r *Rows) []byte {
	r.Packed = appendPacked(r.Packed[:0], r.Values.Data)
	dst := append(o.text[:0], packedRows)
	if r.Headers.Len() > 0 {
		dst = append(dst, packedRows) // an empty name before the name: headers come last
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Sink)))
	dst = append(dst, r.Sink...)
	dst = binary.AppendUvarint(dst, uint64(r.Partition))
	dst = binary.AppendUvarint(dst, uint64(r.First))
	dst = binary.AppendUvarint(dst, uint64(r.Len()))
	dst = binary.AppendUvarint(dst, uint64(len(r.Packed)))
	dst = append(dst, r.Packed...)
	body := o.body[:0]
	for _, t := range r.Times {
		body = binary.LittleEndian.AppendUint64(body, uint64(t))
	}
	for _, b := range []*Bytes{&r.Keys, &r.Values, &r.Topics, &r.Fields} {
		body = binary.AppendUvarint(body, uint64(len(b.Ends)))
		for _, e := range b.Ends {
			body = binary.LittleEndian.AppendUint32(body, e)
		}
		body = binary.AppendUvarint(body, uint64(len(b.Null)))
		for _, n := range b.Null {
			body = binary.LittleEndian.AppendUint64(body, n)
		}
		if b != &r.Values {
			body = binary.AppendUvarint(body, uint64(len(b.Data)))
			body = append(body, b.Data...)
		}
	}
	for _, t := range r.Orders {
		body = binary.LittleEndian.AppendUint64(body, uint64(t))
	}
	for i := range r.Headers.Len() { // of a topic sink, whose rows have no orders
		headers := r.Headers.At(i)
		body = append(binary.AppendUvarint(body, uint64(len(headers))), headers...)
	}
	o.body = body
	o.text = appendPacked(dst, body)
	return o.text
}

// packedRows begins the form of encodeRows; the older one begins with the length of a name.
const packedRows = 0

// appendPacked appends text compressed by S2.
func appendPacked(dst, text []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(text)))
	return dst[:at+len(s2.Encode(dst[at:cap(dst)], text))]
}

// rowsReader reads what encodeRows wrote. The first fault sticks.
type rowsReader struct {
	b   []byte
	err error
}

func (r *rowsReader) uvarint() int {
	x, n := binary.Uvarint(r.b)
	if n <= 0 || x > 1<<40 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return int(x)
}

func (r *rowsReader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *rowsReader) fail() {
	r.b = nil
	if r.err == nil {
		r.err = fmt.Errorf("read outbox entry: it is cut off or damaged")
	}
}

func decodeRows(src []byte) (*Rows, error) {
	in := &rowsReader{b: src}
	packed := len(src) > 0 && src[0] == packedRows
	if packed {
		in.b = src[1:]
	}
	r := &Rows{Sink: string(in.bytes(in.uvarint()))}
	withHeaders := packed && r.Sink == ""
	if withHeaders {
		r.Sink = string(in.bytes(in.uvarint()))
	}
	r.Partition, r.First = int32(in.uvarint()), int64(in.uvarint())
	n := in.uvarint()
	if in.err != nil {
		return nil, in.err
	}
	if packed {
		r.Packed = slices.Clone(in.bytes(in.uvarint()))
		data, err := s2.Decode(nil, r.Packed)
		if err != nil {
			return nil, fmt.Errorf("read outbox entry: %w", err)
		}
		r.Values.Data = data
	}
	body, err := s2.Decode(nil, in.b)
	if err != nil {
		return nil, fmt.Errorf("read outbox entry: %w", err)
	}
	in.b = body
	for range n {
		if b := in.bytes(8); b != nil {
			r.Times = append(r.Times, int64(binary.LittleEndian.Uint64(b)))
		}
	}
	for i, b := range []*Bytes{&r.Keys, &r.Values, &r.Topics, &r.Fields} {
		if i == 3 && len(in.b) == 0 {
			return r, in.err
		}
		for ends := in.bytes(4 * in.uvarint()); len(ends) > 0; ends = ends[4:] {
			b.Ends = append(b.Ends, binary.LittleEndian.Uint32(ends))
		}
		for null := in.bytes(8 * in.uvarint()); len(null) > 0; null = null[8:] {
			b.Null = append(b.Null, binary.LittleEndian.Uint64(null))
		}
		if !packed || b != &r.Values {
			b.Data = append(b.Data, in.bytes(in.uvarint())...)
		}
	}
	for i := 0; withHeaders && len(in.b) > 0; i++ {
		r.PutHeaders(i, in.bytes(in.uvarint()))
	}
	for len(in.b) > 0 {
		if b := in.bytes(8); b != nil {
			r.Orders = append(r.Orders, int64(binary.LittleEndian.Uint64(b)))
		}
	}
	return r, in.err
}
