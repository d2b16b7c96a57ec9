package column

// None stands for the row of a source that has none: Gather writes a NULL for it.
const None = ^uint32(0)

// Gather writes rows of src, in the order given, into dst as a vector of type t. For None it writes a NULL if
// holes is set, else a value that is unspecified.
func Gather(dst *Vector, t Type, src *Vector, rows []uint32, holes bool) {
	dst.Reset(t)
	switch {
	case t.Kind == Void:
		dst.AppendNulls(len(rows))
		return
	case holes || src.Null != nil || t.Kind == Decimal:
	case t.UsesInt():
		dst.Resize(t, len(rows))
		for i, r := range rows {
			if r != None {
				dst.Int[i] = src.Int[r]
			}
		}
		return
	case t.UsesFloat():
		dst.Resize(t, len(rows))
		for i, r := range rows {
			if r != None {
				dst.Float[i] = src.Float[r]
			}
		}
		return
	}
	for _, r := range rows {
		switch {
		case r != None:
			dst.AppendFrom(src, int(r))
		case holes:
			dst.AppendNull()
		default:
			dst.appendZero()
			dst.growNull(dst.Len())
		}
	}
	dst.EnsureNull(len(rows))
}

// AppendNulls appends n NULLs.
func (v *Vector) AppendNulls(n int) {
	for range n {
		v.AppendNull()
	}
	v.EnsureNull(v.Len())
}

// RowBytes is what row i takes each time that it is repeated, fixed sizes left out.
func (v *Vector) RowBytes(i int) int {
	switch {
	case v.Type.UsesBytes():
		from, to := v.Span(i)
		return int(to - from)
	case v.Type.Kind == Struct:
		n := 0
		for k := range v.Kids {
			n += v.Kids[k].RowBytes(i)
		}
		return n
	case v.Type.Kind == Array || v.Type.Kind == Map:
		n := 0
		from, to := v.Span(i)
		for k := range v.Kids {
			for e := from; e < to; e++ {
				n += 8 + v.Kids[k].RowBytes(int(e))
			}
		}
		return n
	}
	return 0
}
