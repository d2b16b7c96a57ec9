package agg

import (
	"bytes"
	"slices"
	"sort"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// MaxExtremes is the most that max_by(x, y, k) and min_by(x, y, k) give.
const MaxExtremes = 100_000

// extremesBy is max_by(x, y, k) and min_by(x, y, k): the x, which may be NULL, of the k rows with the most
// extreme y, the most extreme first. Rows whose y is NULL are left out; of equal ones the first count.
type extremesBy struct {
	x, y    column.Type
	limit   int
	most    bool // max_by
	best    [][]ranked
	held    int64 // bytes of the values
	nested  nested
	key     []byte
	scratch column.Vector
}

// ranked is a value of x, as a row, by the key of its y.
type ranked struct{ key, row []byte }

const rankedSize = 48 // of a ranked without its bytes

func (a *extremesBy) Grow(slots int) { a.best = extend(a.best, slots) }

func (a *extremesBy) Update(slots, rows []uint32, in *column.Vector) {
	x, y := &in.Kids[0], &in.Kids[1]
	if y.Type.Kind == column.Void {
		return
	}
	for i, s := range slots {
		r := rows[i]
		if isNull(in.Null, r) || isNull(y.Null, r) {
			continue
		}
		a.key = codec.AppendKey(a.key[:0], y, int(r))
		if at, ok := a.place(s, a.key); ok {
			a.insert(s, at, ranked{bytes.Clone(a.key), bytes.Clone(a.nested.bytes(x, r))})
		}
	}
}

// place is where a key stands among those of a slot, behind its equals; false: behind all that count.
func (a *extremesBy) place(slot uint32, key []byte) (int, bool) {
	list := a.best[slot]
	at := sort.Search(len(list), func(i int) bool {
		c := bytes.Compare(list[i].key, key)
		return a.most && c < 0 || !a.most && c > 0
	})
	return at, at < a.limit
}

func (a *extremesBy) insert(slot uint32, at int, r ranked) {
	list := slices.Insert(a.best[slot], at, r)
	a.held += r.size()
	if len(list) > a.limit {
		a.held -= list[a.limit].size()
		list = slices.Delete(list, a.limit, a.limit+1)
	}
	a.best[slot] = list
}

func (r *ranked) size() int64 { return int64(len(r.key)+len(r.row)) + rankedSize }

func (a *extremesBy) Merge(dst uint32, from Aggregate, src uint32) {
	for _, r := range from.(*extremesBy).best[src] {
		if at, ok := a.place(dst, r.key); ok {
			a.insert(dst, at, ranked{bytes.Clone(r.key), bytes.Clone(r.row)})
		}
	}
}

func (a *extremesBy) Result(dst *column.Vector, slots []uint32) {
	for _, s := range slots {
		if len(a.best[s]) == 0 {
			dst.AppendNull()
			continue
		}
		for _, r := range a.best[s] {
			if err := a.nested.read(&dst.Kids[0], r.row); err != nil {
				panic("BUG: a ranked row is no value: " + err.Error())
			}
		}
		dst.Ends = append(dst.Ends, uint32(dst.Kids[0].Len()))
		dst.EnsureNull(len(dst.Ends))
	}
}

func (a *extremesBy) Reset(slot uint32) {
	for _, r := range a.best[slot] {
		a.held -= r.size()
	}
	a.best[slot] = nil
}

func (a *extremesBy) Clear(release bool) {
	for s := range a.best {
		a.best[s] = nil
	}
	a.best, a.held = cleared(a.best, release), 0
}

func (a *extremesBy) Size() int64 { return int64(cap(a.best))*24 + a.held }

// The state is each key and row, with their lengths in front.
func (a *extremesBy) AppendState(dst []byte, slot uint32) []byte {
	for _, r := range a.best[slot] {
		dst = appendBytes(appendBytes(dst, r.key), r.row)
	}
	return dst
}

func (a *extremesBy) SetState(slot uint32, src []byte) (err error) {
	a.Reset(slot)
	var list []ranked
	for len(src) > 0 && err == nil {
		var r ranked
		if r.key, src, err = readBytes(src); err == nil {
			r.row, src, err = readBytes(src)
		}
		if err == nil {
			err = a.verify(r, list)
		}
		list = append(list, ranked{bytes.Clone(r.key), bytes.Clone(r.row)})
	}
	if err != nil {
		return stateError("max_by or min_by", nil, err)
	}
	for at, r := range list {
		a.insert(slot, at, r)
	}
	return nil
}

// verify reports what is no key or row, or does not stand behind those before it.
func (a *extremesBy) verify(r ranked, before []ranked) error {
	a.scratch.Reset(a.y)
	rest, err := codec.ReadKey(r.key, &a.scratch)
	if err == nil && (len(rest) > 0 || a.scratch.IsNull(0) || len(before) == a.limit) {
		err = errLeft
	}
	if n := len(before); err == nil && n > 0 {
		if c := bytes.Compare(before[n-1].key, r.key); a.most && c < 0 || !a.most && c > 0 {
			err = errValue
		}
	}
	if err == nil {
		a.scratch.Reset(a.x)
		err = a.nested.read(&a.scratch, r.row)
	}
	return err
}
