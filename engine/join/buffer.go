package join

import (
	"hash/maphash"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// seed is of the hashes of keys. They decide where rows are looked for, never what comes out.
var seed = maphash.MakeSeed()

// A Buffer gathers the rows of one lane until the join takes them. The zero value is empty.
type Buffer struct {
	rows []handed
	data []byte // key and columns of each row, laid end to end
	key  []byte
}

// handed is a row on its way.
type handed struct {
	mark, time, appended int64
	hash                 uint64
	end                  int // of its bytes
	key                  uint32
	null                 bool // a NULL in its key equals nothing
}

// Len is how many rows wait.
func (b *Buffer) Len() int { return len(b.rows) }

// Add appends a row: its mark, event time and append time, the values that have to be equal, and its columns. A NULL
// among keys equals NULL where nullSafe says so.
func (b *Buffer) Add(mark, time, appended int64, keys []*column.Vector, nullSafe []bool, cols []column.Vector, row int) {
	from := len(b.data)
	null := false
	for i, v := range keys {
		null = null || !nullSafe[i] && (v.Type.Kind == column.Void || v.IsNull(row))
		b.data = codec.AppendKey(b.data, v, row)
	}
	key := b.data[from:]
	hash := maphash.Bytes(seed, key)
	n := uint32(len(key))
	b.data = codec.AppendRow(b.data, cols, row)
	b.rows = append(b.rows, handed{mark, time, appended, hash, len(b.data), n, null})
}

// Take moves the rows of a buffer into a lane, behind those that it has.
func (j *Join) Take(at int, b *Buffer) {
	l := &j.lanes[at]
	from := 0
	for i := range b.rows {
		h := &b.rows[i]
		idx := j.rows.add(b.data[from:h.end])
		r := j.rows.at(idx)
		r.mark, r.time, r.appended, r.hash, r.key = h.mark, h.time, h.appended, h.hash, h.key
		r.lane, r.number = int32(at), l.next
		if r.state = pending; h.null {
			r.flags |= nullKey
		}
		l.next++
		l.queue.push(idx)
		from = h.end
	}
	if len(b.rows) > 0 {
		j.count[j.spec.Sides[at]].Rows += int64(len(b.rows))
		l.changed = true
	}
	b.rows, b.data = b.rows[:0], b.data[:0]
}
