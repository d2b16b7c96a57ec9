package redis

import "encoding/binary"

// The most that waits for the server: behind either, rows are let go and read again later.
const (
	waitingRows  = 1 << 16
	waitingBytes = 64 << 20
)

// rowOverhead is about what a row takes beside its bytes.
const rowOverhead = 160

// A row is what a place is to hold.
type row struct {
	place string // key and field in one
	key   string
	field string // or member
	value []byte // or score
	ends  int64  // when it ends, microseconds since 1970; 0: never

	deletes bool // the place is to be empty
}

func (r *row) size() int64 {
	return int64(len(r.place)+len(r.key)+len(r.field)+cap(r.value)) + rowOverhead
}

// waiting is the newest row of each place that is not written, the longest waiting first. It has no lock
// of its own.
type waiting struct {
	byPlace map[string]*row
	queue   []*row // from head on
	head    int
	bytes   int64
}

func newWaiting() *waiting { return &waiting{byPlace: map[string]*row{}} }

func (w *waiting) len() int { return len(w.byPlace) }

// full reports whether another place would be too many.
func (w *waiting) full() bool { return len(w.byPlace) >= waitingRows || w.bytes >= waitingBytes }

// get returns the row of a place, nil if none waits.
func (w *waiting) get(place []byte) *row { return w.byPlace[string(place)] }

// replace gives a row that waits another value.
func (w *waiting) replace(r *row, value []byte, ends int64, deletes bool) {
	w.bytes -= r.size()
	r.value, r.ends, r.deletes = append(r.value[:0], value...), ends, deletes
	w.bytes += r.size()
}

// add appends a row for a place that has none.
func (w *waiting) add(r *row) {
	w.byPlace[r.place] = r
	w.queue = append(w.queue, r)
	w.bytes += r.size()
}

// take removes the first rows, up to a number and about a size.
func (w *waiting) take(rows int, bytes int64) []*row {
	var out []*row
	for w.head < len(w.queue) && len(out) < rows && bytes > 0 {
		r := w.queue[w.head]
		w.queue[w.head] = nil
		w.head++
		delete(w.byPlace, r.place)
		w.bytes -= r.size()
		bytes -= r.size()
		out = append(out, r)
	}
	if w.head*2 > len(w.queue) {
		n := copy(w.queue, w.queue[w.head:])
		clear(w.queue[n:])
		w.queue, w.head = w.queue[:n], 0
	}
	return out
}

// putBack returns rows that could not be written, but for those of places with a newer one.
func (w *waiting) putBack(rows []*row) {
	for _, r := range rows {
		if w.byPlace[r.place] == nil {
			w.add(r)
		}
	}
}

// appendPlace joins a key and a field so that no two pairs give the same bytes.
func appendPlace(dst, key, field []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	return append(dst, field...)
}
