package column

// Vector is one column. Its Type chooses the payload; the other payload slices are not used.
//
// A value of a row that is NULL is unspecified but present: payloads always have one entry a row.
// Ends is non-decreasing: row i of a string column is Data[Ends[i-1]:Ends[i]] (Ends[-1] is 0).
type Vector struct {
	Type  Type
	Int   []int64
	Hi    []int64 // Decimal: high 64 bits, the sign's bits for a value that fits in 64
	Float []float64
	Data  []byte
	Ends  []uint32
	Null  []uint64 // bitmap, bit set: NULL; nil: no NULLs
	Kids  []Vector // Struct: fields; Array: elements; Map: keys and values

	spare []uint64 // a bitmap kept for the next NULL
}

// IsNull reports whether row i is NULL.
func (v *Vector) IsNull(i int) bool {
	return v.Null != nil && v.Null[i>>6]&(1<<(uint(i)&63)) != 0
}

// SetNull marks row i NULL. The bitmap grows as needed.
func (v *Vector) SetNull(i int) {
	w := i >> 6
	if v.Null == nil {
		v.Null, v.spare = v.spare[:0], nil
	}
	for len(v.Null) <= w {
		v.Null = append(v.Null, 0)
	}
	v.Null[w] |= 1 << (uint(i) & 63)
}

// EnsureNull makes the bitmap cover n rows, so that IsNull and SetNull need no growth.
// It must be called after SetNull when rows behind the last NULL are to be read.
func (v *Vector) EnsureNull(n int) {
	if v.Null == nil {
		return
	}
	for len(v.Null) < (n+63)>>6 {
		v.Null = append(v.Null, 0)
	}
}

// Bytes returns the bytes of row i of a string or binary column, valid until the vector is reset.
func (v *Vector) Bytes(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = v.Ends[i-1]
	}
	return v.Data[start:v.Ends[i]]
}

// Span returns the range of row i in Ends' target: Data, or the kids of an array or map.
func (v *Vector) Span(i int) (from, to uint32) {
	if i > 0 {
		from = v.Ends[i-1]
	}
	return from, v.Ends[i]
}

// Reset empties the vector, keeps its memory and gives it a type.
func (v *Vector) Reset(t Type) {
	v.Type = t
	v.Int, v.Hi, v.Float = v.Int[:0], v.Hi[:0], v.Float[:0]
	v.Data, v.Ends = v.Data[:0], v.Ends[:0]
	v.NoNulls()
	switch t.Kind {
	case Struct:
		v.Kids = resize(v.Kids, len(t.Fields))
		for i := range t.Fields {
			v.Kids[i].Reset(t.Fields[i].Type)
		}
	case Array:
		v.Kids = resize(v.Kids, 1)
		v.Kids[0].Reset(*t.Elem)
	case Map:
		v.Kids = resize(v.Kids, 2)
		v.Kids[0].Reset(*t.Key)
		v.Kids[1].Reset(*t.Elem)
	default:
		v.Kids = v.Kids[:0]
	}
}

// Resize gives the vector n rows of a fixed-size type (Int, Hi, Float), contents unspecified,
// and no NULLs. For strings use Reset and AppendBytes.
func (v *Vector) Resize(t Type, n int) {
	v.Reset(t)
	switch {
	case t.UsesInt():
		v.Int = resize(v.Int, n)
		if t.Kind == Decimal {
			v.Hi = resize(v.Hi, n)
		}
	case t.UsesFloat():
		v.Float = resize(v.Float, n)
	}
}

// NoNulls takes the NULLs away and keeps the bitmap's memory.
func (v *Vector) NoNulls() {
	if v.Null != nil {
		v.Null, v.spare = nil, v.Null
	}
}

// ClearNull gives the vector a bitmap of n rows with no bit set.
func (v *Vector) ClearNull(n int) {
	v.NoNulls()
	v.Null, v.spare = resize(v.spare, (n+63)>>6), nil
	clear(v.Null)
}

// Sized returns s with length n; what is in it is unspecified.
func Sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}

// resize is Sized, but what was there stays.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		grown := make([]T, n, n+n/4)
		copy(grown, s[:cap(s)])
		return grown
	}
	return s[:n]
}

// Len is the number of rows. A Void vector counts the NULLs that were appended.
func (v *Vector) Len() int {
	switch {
	case v.Type.UsesInt():
		return len(v.Int)
	case v.Type.UsesFloat():
		return len(v.Float)
	case v.Type.Kind == Struct:
		if len(v.Kids) == 0 {
			return 0
		}
		return v.Kids[0].Len()
	}
	return len(v.Ends)
}

// AppendNull appends a NULL row.
func (v *Vector) AppendNull() {
	n := v.Len()
	v.appendZero()
	v.SetNull(n)
}

func (v *Vector) appendZero() {
	switch {
	case v.Type.UsesInt():
		v.Int = append(v.Int, 0)
		if v.Type.Kind == Decimal {
			v.Hi = append(v.Hi, 0)
		}
	case v.Type.UsesFloat():
		v.Float = append(v.Float, 0)
	case v.Type.UsesBytes():
		v.Ends = append(v.Ends, uint32(len(v.Data)))
	case v.Type.Kind == Struct:
		for i := range v.Kids {
			v.Kids[i].AppendNull()
		}
	case v.Type.Kind == Array || v.Type.Kind == Map:
		v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
	case v.Type.Kind == Void:
		v.Ends = append(v.Ends, 0) // only counts the rows
	}
}

// AppendInt appends a value of a kind that lies in Int (for Decimal one that fits in 64 bits).
func (v *Vector) AppendInt(x int64) {
	v.Int = append(v.Int, x)
	if v.Type.Kind == Decimal {
		v.Hi = append(v.Hi, x>>63)
	}
	v.growNull(len(v.Int))
}

// AppendDecimal appends an unscaled 128-bit value.
func (v *Vector) AppendDecimal(hi, lo int64) {
	v.Int, v.Hi = append(v.Int, lo), append(v.Hi, hi)
	v.growNull(len(v.Int))
}

// AppendFloat appends a FLOAT or DOUBLE.
func (v *Vector) AppendFloat(x float64) {
	v.Float = append(v.Float, x)
	v.growNull(len(v.Float))
}

// AppendBytes appends a copy of a string or binary value.
func (v *Vector) AppendBytes(b []byte) {
	v.Data = append(v.Data, b...)
	v.Ends = append(v.Ends, uint32(len(v.Data)))
	v.growNull(len(v.Ends))
}

// AppendString appends a copy of a string value.
func (v *Vector) AppendString(s string) {
	v.Data = append(v.Data, s...)
	v.Ends = append(v.Ends, uint32(len(v.Data)))
	v.growNull(len(v.Ends))
}

// growNull keeps the bitmap, where there is one, as long as the rows.
func (v *Vector) growNull(n int) {
	if v.Null != nil && len(v.Null)<<6 < n {
		v.Null = append(v.Null, 0)
	}
}

// AppendFrom appends row i of src, which has the same type.
func (v *Vector) AppendFrom(src *Vector, i int) {
	if src.Type.Kind == Void || src.IsNull(i) {
		v.AppendNull()
		return
	}
	switch {
	case v.Type.Kind == Decimal:
		v.AppendDecimal(src.Hi[i], src.Int[i])
	case v.Type.UsesInt():
		v.AppendInt(src.Int[i])
	case v.Type.UsesFloat():
		v.AppendFloat(src.Float[i])
	case v.Type.UsesBytes():
		v.AppendBytes(src.Bytes(i))
	case v.Type.Kind == Struct:
		for k := range v.Kids {
			v.Kids[k].AppendFrom(&src.Kids[k], i)
		}
		v.growNull(v.Len())
	case v.Type.Kind == Array || v.Type.Kind == Map:
		from, to := src.Span(i)
		for k := range v.Kids {
			for e := from; e < to; e++ {
				v.Kids[k].AppendFrom(&src.Kids[k], int(e))
			}
		}
		v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
		v.growNull(len(v.Ends))
	}
}
