package column

// A Grow asks for bytes before they are taken: at least so many, best as many as most. It returns how many it gives.
// Below 0, both alike, they are given back.
type Grow func(least, most int64) (int64, error)

// A span is rows [from,to) of a vector.
type span struct{ from, to uint32 }

// Reserve makes room for rows of src, which has the same type, behind those of v: appending them takes no memory
// then, but for bitmaps of NULLs. What is taken is asked for first, while the old memory is still there.
func (v *Vector) Reserve(src *Vector, rows []uint32, ask Grow) error {
	var one [1]span
	return v.reserve(src, spansOf(one[:0], rows), ask)
}

// spansOf appends rows to dst, those that follow one another as one span.
func spansOf(dst []span, rows []uint32) []span {
	for _, r := range rows {
		if n := len(dst); n > 0 && dst[n-1].to == r {
			dst[n-1].to++
			continue
		}
		dst = append(dst, span{r, r + 1})
	}
	return dst
}

func (v *Vector) reserve(src *Vector, spans []span, ask Grow) (err error) {
	n := 0
	for _, s := range spans {
		n += int(s.to - s.from)
	}
	switch {
	case v.Type.UsesInt():
		if v.Int, err = Extend(v.Int, n, 8, ask); err == nil && v.Type.Kind == Decimal {
			v.Hi, err = Extend(v.Hi, n, 8, ask)
		}
		return err
	case v.Type.UsesFloat():
		v.Float, err = Extend(v.Float, n, 8, ask)
		return err
	case v.Type.Kind == Struct:
		for k := range v.Kids {
			if src.Type.Kind != Void {
				err = v.Kids[k].reserve(&src.Kids[k], spans, ask)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	if v.Ends, err = Extend(v.Ends, n, 4, ask); err != nil || src.Type.Kind == Void || v.Type.Kind == Void {
		return err
	}
	inner, size := src.inside(spans)
	if v.Type.UsesBytes() {
		v.Data, err = Extend(v.Data, size, 1, ask)
		return err
	}
	for k := range v.Kids {
		if err := v.Kids[k].reserve(&src.Kids[k], inner, ask); err != nil {
			return err
		}
	}
	return nil
}

// inside is the bytes or elements of rows that are not NULL, and how many they are.
func (v *Vector) inside(spans []span) (inner []span, size int) {
	add := func(from, to uint32) {
		size += int(to - from)
		switch n := len(inner); {
		case from == to || v.Type.UsesBytes():
		case n > 0 && inner[n-1].to == from:
			inner[n-1].to = to
		default:
			inner = append(inner, span{from, to})
		}
	}
	for _, s := range spans {
		if v.Null == nil {
			from, _ := v.Span(int(s.from))
			add(from, v.Ends[s.to-1])
			continue
		}
		for r := s.from; r < s.to; r++ {
			if !v.IsNull(int(r)) {
				add(v.Span(int(r)))
			}
		}
	}
	return inner, size
}

// Extend gives s room for n more entries of size bytes, asking for it first.
func Extend[T any](s []T, n int, size int64, ask Grow) ([]T, error) {
	need := len(s) + n
	if need <= cap(s) {
		return s, nil
	}
	least := int64(need) * size
	most := max(least, int64(cap(s)+cap(s)/4)*size)
	if most < smallest {
		most = smallest
	}
	given, err := ask(least, most)
	if err != nil {
		return s, err
	}
	grown := make([]T, len(s), given/size)
	copy(grown, s)
	back := -int64(cap(s)) * size
	_, err = ask(back, back)
	return grown, err
}

// smallest is the bytes that are taken at once at least.
const smallest = 1 << 10
