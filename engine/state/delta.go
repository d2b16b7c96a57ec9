package state

import "slices"

// A Delta is what changed since the last checkpoint. Later entries for a key replace earlier ones.
type Delta struct {
	Ops []DeltaOp

	buf   []byte   // being filled
	full  [][]byte // filled before
	free  [][]byte // of earlier uses
	least int      // the shortest that free was since Reset: so many were not needed
}

// DeltaOp is one change. Op names the operator that owns the key: "table/…" holds rows of tables,
// which are read by Scan and not restored by Load; everything else is state.
type DeltaOp struct {
	Kind  DeltaKind
	Op    string
	Key   []byte // for DeletePrefix the prefix; nil: every key of Op
	Value []byte
}

// DeltaKind tells the changes apart.
type DeltaKind uint8

// The kinds of change.
const (
	Put DeltaKind = iota
	Delete
	DeletePrefix
)

// Put sets a key. Key and value are copied.
func (d *Delta) Put(op string, key, value []byte) {
	d.Ops = append(d.Ops, DeltaOp{Put, op, d.keep(key), d.keep(value)})
}

// Delete removes a key.
func (d *Delta) Delete(op string, key []byte) {
	d.Ops = append(d.Ops, DeltaOp{Kind: Delete, Op: op, Key: d.keep(key)})
}

// DeletePrefix removes all keys of op that start with prefix.
func (d *Delta) DeletePrefix(op string, prefix []byte) {
	d.Ops = append(d.Ops, DeltaOp{Kind: DeletePrefix, Op: op, Key: d.keep(prefix)})
}

// deltaChunk is how much memory a Delta takes at a time, and deltaFree how many such pieces it keeps.
const (
	deltaChunk = 256 << 10
	deltaFree  = 64
)

// Reset empties the delta and keeps its memory, within deltaFree pieces, but for those that the use before had no need of.
func (d *Delta) Reset() {
	clear(d.Ops)
	d.Ops = d.Ops[:0]
	d.free = slices.Delete(d.free, 0, min(d.least, len(d.free)))
	for _, b := range append(d.full, d.buf) {
		if cap(b) == deltaChunk && len(d.free) < deltaFree {
			d.free = append(d.free, b[:0])
		}
	}
	clear(d.full)
	d.full, d.buf, d.least = d.full[:0], nil, len(d.free)
}

// keep copies b into the delta's memory, in pieces that stay where they are.
func (d *Delta) keep(b []byte) []byte {
	if cap(d.buf)-len(d.buf) < len(b) {
		if len(d.buf) > 0 {
			d.full = append(d.full, d.buf)
		}
		d.buf = d.piece(len(b))
	}
	at := len(d.buf)
	d.buf = append(d.buf, b...)
	return d.buf[at:len(d.buf):len(d.buf)]
}

// piece returns empty memory for n bytes at least.
func (d *Delta) piece(n int) []byte {
	if k := len(d.free); k > 0 && n <= deltaChunk {
		b := d.free[k-1]
		d.free = d.free[:k-1]
		d.least = min(d.least, k-1)
		return b
	}
	return make([]byte, 0, max(n, deltaChunk))
}
