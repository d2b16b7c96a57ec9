package column

// Size is the bytes of the rows that the vector has.
func (v *Vector) Size() int64 {
	n := int64(len(v.Int)+len(v.Hi)+len(v.Float)+len(v.Null))*8 + int64(len(v.Data)) + int64(len(v.Ends))*4
	for k := range v.Kids {
		n += v.Kids[k].Size()
	}
	return n
}

// Capacity is the bytes of memory that the vector holds, rows or not.
func (v *Vector) Capacity() int64 {
	n := int64(cap(v.Int)+cap(v.Hi)+cap(v.Float)+cap(v.Null))*8 + int64(cap(v.Data)) + int64(cap(v.Ends))*4
	for k := range v.Kids {
		n += v.Kids[k].Capacity()
	}
	return n
}

// SizeOf is the bytes of rows [from,to), without their NULLs. It looks at no row by itself.
func (v *Vector) SizeOf(from, to uint32) int64 {
	if from >= to {
		return 0
	}
	rows := int64(to - from)
	switch {
	case v.Type.Kind == Decimal:
		return 16 * rows
	case v.Type.UsesInt(), v.Type.UsesFloat():
		return 8 * rows
	case v.Type.Kind == Void:
		return 4 * rows
	}
	n := int64(0)
	if v.Type.Kind != Struct {
		n = 4 * rows
		first := uint32(0)
		if from > 0 {
			first = v.Ends[from-1]
		}
		from, to = first, v.Ends[to-1]
	}
	if v.Type.UsesBytes() {
		return n + int64(to-from)
	}
	for k := range v.Kids {
		n += v.Kids[k].SizeOf(from, to)
	}
	return n
}
