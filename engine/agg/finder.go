package agg

import "github.com/nagare-stream/nagare/engine/column"

// A Finder looks keys up in Groups that no longer change; each goroutine has its own.
type Finder struct {
	g      *Groups
	hashes []uint64
	found  []uint64 // hashes of the rows in rows
	rows   []uint32
	slots  []uint32
	wrong  []uint32
}

// Finder returns a Finder over g, which must have a key column and must not change as long as it is used.
func (g *Groups) Finder() *Finder { return &Finder{g: g} }

// Find returns those of rows whose key has a slot, in order, and their slots, valid until the next Find.
// As in Slots, NULL is a key like any other.
func (f *Finder) Find(keys []*column.Vector, rows []uint32) (found, slots []uint32) {
	f.rows, f.slots, f.found = f.rows[:0], f.slots[:0], f.found[:0]
	if f.g.n == 0 {
		return nil, nil
	}
	for at := 0; at < len(rows); at += chunk {
		f.probe(keys, rows[at:min(at+chunk, len(rows))])
	}
	f.wrong = f.wrong[:0]
	for k, v := range keys {
		f.wrong = verify(&f.g.keys[k], v, f.rows, f.slots, f.wrong)
	}
	if len(f.wrong) > 0 {
		f.correct(keys)
	}
	return f.rows, f.slots
}

// probe appends the rows of a chunk for whose hash there is a slot, which may have another key.
func (f *Finder) probe(keys []*column.Vector, rows []uint32) {
	f.hashes = resize(f.hashes, len(rows))
	hs := f.hashes
	for i := range hs {
		hs[i] = hashSeed
	}
	for _, k := range keys {
		hashColumn(hs, k, rows)
	}
	if f.g.weaken != 0 {
		for i := range hs {
			hs[i] &^= f.g.weaken
		}
	}
	cells, shift := f.g.index.cells, f.g.index.shift
	mask := uint32(len(cells) - 1)
	for i, h := range hs {
		tag := uint32(h >> 32)
		for pos := tag >> shift; ; pos = (pos + 1) & mask {
			c := cells[pos&mask]
			if c == 0 {
				break
			}
			if uint32(c>>32) == tag {
				f.rows, f.slots, f.found = append(f.rows, rows[i]), append(f.slots, uint32(c)-1), append(f.found, h)
				break
			}
		}
	}
}

// correct looks the rows of wrong up once more, comparing keys, and leaves out those without a slot.
func (f *Finder) correct(keys []*column.Vector) {
	for _, i := range f.wrong {
		f.slots[i] = f.g.index.find(f.found[i], func(s uint32) bool { return f.g.has(s, keys, f.rows[i]) })
	}
	n := 0
	for i, s := range f.slots {
		if s != none {
			f.rows[n], f.slots[n] = f.rows[i], s
			n++
		}
	}
	f.rows, f.slots = f.rows[:n], f.slots[:n]
}
