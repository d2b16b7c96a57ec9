package agg

import "github.com/nagare-stream/nagare/engine/column"

// A refusal unwinds an update that was refused the memory which it asked for.
type refusal struct{ err error }

// Try runs f, which updates something that asks for its memory, and returns the refusal that ended it. What was
// being updated is worth nothing then.
func Try(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case refusal:
			err = p.err
		default:
			panic(p)
		}
	}()
	f()
	return nil
}

// An asker asks for the memory of what grows with the values that it gets.
type asker interface{ ask(column.Grow) }

// Ask makes an aggregate ask for memory before it takes it, where what it holds grows with its values.
func Ask(a Aggregate, ask column.Grow) {
	if a, ok := a.(asker); ok {
		a.ask(ask)
	}
}

// Ask is Ask for all that the Hash holds.
func (h *Hash) Ask(ask column.Grow) {
	h.asks = ask
	h.groups.Ask(ask)
	for _, a := range h.aggs {
		Ask(a, ask)
	}
}

// Ask makes the Groups ask for memory before it takes it.
func (g *Groups) Ask(ask column.Grow) { g.asks, g.index.asks = ask, ask }

// askFor asks for n bytes.
func askFor(ask column.Grow, n int64) {
	if _, err := ask(n, n); err != nil {
		panic(refusal{err})
	}
}

// extended is column.Extend, for what is nothing without the memory.
func extended[T any](s []T, n int, size int64, ask column.Grow) []T {
	s, err := column.Extend(s, n, size, ask)
	if err != nil {
		panic(refusal{err})
	}
	return s
}

// reserve makes room for a key.
func (g *Groups) reserve(keys []*column.Vector, row uint32) {
	g.one[0] = row
	for k, v := range keys {
		if err := g.keys[k].Reserve(v, g.one[:], g.asks); err != nil {
			panic(refusal{err})
		}
	}
}

// reserve makes room for the accumulators of n groups. Those of all aggregates grow together, to twice as many.
func (h *Hash) reserve(n int) {
	if n <= cap(h.touched) {
		return
	}
	size := int64(cap(h.touched))
	for _, a := range h.aggs {
		if _, ok := a.(asker); !ok { // an asker takes care of itself, and has little else
			size += a.Size()
		}
	}
	askFor(h.asks, 2*size)
}

// reserve makes room for an entry of n bytes.
func (t *entries) reserve(n int) {
	t.list = extended(t.list, 1, 12, t.asks)
	if t.words {
		t.ints = extended(t.ints, 1, 8, t.asks)
	} else {
		t.data = extended(t.data, n, 1, t.asks)
	}
}

func (t *set) ask(ask column.Grow) { t.asks, t.index.asks = ask, ask }

func (a *collect) ask(ask column.Grow) { a.list.asks = ask }

// reserveResult makes room for entries in a vector of elements. The size of nested ones shows when they are read.
func (a *collect) reserveResult(dst *column.Vector, list []uint32) {
	switch {
	case a.list.words && a.typ.UsesFloat():
		dst.Float = extended(dst.Float, len(list), 8, a.list.asks)
	case a.list.words:
		dst.Int = extended(dst.Int, len(list), 8, a.list.asks)
	case a.typ.UsesBytes():
		size := 0
		for _, e := range list {
			size += len(a.list.bytes(e))
		}
		dst.Ends = extended(dst.Ends, len(list), 4, a.list.asks)
		dst.Data = extended(dst.Data, size, 1, a.list.asks)
	}
}

// result appends an entry to what was reserved for it; a nested one is reserved when its size is known.
func (a *collect) result(dst *column.Vector, e uint32) error {
	if a.list.asks == nil || a.list.words || a.typ.UsesBytes() {
		return a.read(dst, e)
	}
	a.one.Reset(a.typ)
	if err := a.read(&a.one, e); err != nil {
		return err
	}
	if err := dst.Reserve(&a.one, []uint32{0}, a.list.asks); err != nil {
		panic(refusal{err})
	}
	dst.AppendFrom(&a.one, 0)
	return nil
}

func (d *distinct) ask(ask column.Grow) {
	d.set.ask(ask)
	Ask(d.inner, ask)
}
