package expr

import "github.com/nagare-stream/nagare/engine/column"

// columnStep is a column of the batch; inside a lambda its values are repeated for each element.
type columnStep struct {
	index int
	out   column.Vector
}

func (s *columnStep) eval(x *exec, sel []uint32) *column.Vector {
	if x.owner == nil {
		return &x.batch.Cols[s.index]
	}
	x.gather(&s.out, &x.batch.Cols[s.index], sel, x.owner)
	return &s.out
}

// gather makes dst a vector of the run's rows, of which those of sel are the rows of src that from gives.
func (x *exec) gather(dst, src *column.Vector, sel, from []uint32) {
	dst.Reset(src.Type)
	next, n, size := 0, x.rows, int64(0)
	for _, i := range sel {
		for ; next < int(i); next++ {
			dst.AppendNull()
		}
		if x.use != nil {
			if size += src.SizeOf(from[i], from[i]+1); size > smallFill {
				x.use.see(dst.Size() + size)
				size = 0
			}
		}
		dst.AppendFrom(src, int(from[i]))
		next++
	}
	for ; next < n; next++ {
		dst.AppendNull()
	}
	dst.EnsureNull(n)
	ensureKids(dst, n)
	x.use.fill(dst)
}

// smallFill is how many bytes are filled before a run looks whether there is room for more.
const smallFill = 64 << 10

// constStep repeats one value as often as the batch has rows; it keeps the longest it has made.
type constStep struct {
	value *column.Vector // one row
	long  column.Vector
	made  int
	view  column.Vector
}

func (s *constStep) eval(x *exec, _ []uint32) *column.Vector {
	if x.rows > s.made || s.long.Type.Kind != s.value.Type.Kind {
		if x.use != nil {
			x.use.see(int64(x.rows) * s.value.SizeOf(0, 1))
		}
		s.made = 0
		s.long.Reset(s.value.Type)
		for i := 0; i < x.rows; i++ {
			s.long.AppendFrom(s.value, 0)
		}
		s.long.EnsureNull(x.rows)
		s.made = x.rows
	}
	x.use.fill(&s.long)
	if x.rows == s.made {
		return &s.long
	}
	viewRows(&s.view, &s.long, x.rows)
	return &s.view
}

// viewRows makes dst the first n rows of src, sharing its payload.
func viewRows(dst, src *column.Vector, n int) {
	kids := dst.Kids
	*dst = *src
	switch t := src.Type; {
	case t.UsesInt():
		dst.Int = src.Int[:n]
		if t.Kind == column.Decimal {
			dst.Hi = src.Hi[:n]
		}
	case t.UsesFloat():
		dst.Float = src.Float[:n]
	case t.Kind == column.Struct:
		if len(kids) != len(src.Kids) {
			kids = make([]column.Vector, len(src.Kids))
		}
		for i := range kids {
			viewRows(&kids[i], &src.Kids[i], n)
		}
		dst.Kids = kids
	default:
		dst.Ends = src.Ends[:n]
	}
}

// fieldStep is a field of a struct; the field of a NULL struct is NULL.
type fieldStep struct {
	in    step
	index int
	out   column.Vector
	bits  []uint64
}

func (s *fieldStep) eval(x *exec, sel []uint32) *column.Vector {
	in := s.in.eval(x, sel)
	kid := &in.Kids[s.index]
	if in.Null == nil {
		return kid
	}
	s.out = *kid
	s.bits = orBits(s.bits[:0], in.Null, kid.Null, x.rows)
	s.out.Null = s.bits
	return &s.out
}

// orBits appends to dst the union of two bitmaps for n rows; a bitmap may be nil or too short.
func orBits(dst, a, b []uint64, n int) []uint64 {
	for w := 0; w < (n+63)>>6; w++ {
		var word uint64
		if w < len(a) {
			word = a[w]
		}
		if w < len(b) {
			word |= b[w]
		}
		dst = append(dst, word)
	}
	return dst
}

// retypeStep gives a vector another type with the same payload.
type retypeStep struct {
	in  step
	typ column.Type
	out column.Vector
}

func (s *retypeStep) eval(x *exec, sel []uint32) *column.Vector {
	s.out = *s.in.eval(x, sel)
	s.out.Type = s.typ
	return &s.out
}

// logicStep is AND or OR with three truth values; the right side sees only rows that need it.
type logicStep struct {
	left, right step
	or          bool
	need        []uint32
	out         column.Vector
}

func (s *logicStep) eval(x *exec, sel []uint32) *column.Vector {
	l := s.left.eval(x, sel)
	decided := int64(0) // the value of the left side that settles the result
	if s.or {
		decided = 1
	}
	s.need = s.need[:0]
	for _, i := range sel {
		if l.Int[i] != decided || l.Null != nil && l.IsNull(int(i)) {
			s.need = append(s.need, i)
		}
	}
	x.use.add(8 * int64(x.rows))
	s.out.Resize(column.Of(column.Bool), x.rows)
	for _, i := range sel {
		s.out.Int[i] = decided
	}
	if len(s.need) == 0 {
		return &s.out
	}
	r := s.right.eval(x, s.need)
	if l.Null == nil && r.Null == nil {
		for _, i := range s.need {
			s.out.Int[i] = r.Int[i]
		}
		return &s.out
	}
	s.out.ClearNull(x.rows)
	for _, i := range s.need {
		rn := r.Null != nil && r.IsNull(int(i))
		switch {
		case !rn && r.Int[i] == decided:
		case rn || l.Null != nil && l.IsNull(int(i)):
			s.out.SetNull(int(i))
		default:
			s.out.Int[i] = 1 - decided
		}
	}
	return &s.out
}

// coalesceStep is the first argument that is not NULL; later ones see only rows still NULL.
type coalesceStep struct {
	args []step
	typ  column.Type
	rows [][]uint32
	vecs []*column.Vector
	left []uint32
	pick merger
}

func (s *coalesceStep) eval(x *exec, sel []uint32) *column.Vector {
	if s.rows == nil {
		s.rows, s.vecs = make([][]uint32, len(s.args)), make([]*column.Vector, len(s.args))
	}
	todo := sel
	for k, a := range s.args {
		s.rows[k], s.vecs[k] = s.rows[k][:0], nil
		if len(todo) == 0 {
			continue
		}
		v := a.eval(x, todo)
		s.vecs[k] = v
		if v.Null == nil || k == len(s.args)-1 {
			s.rows[k] = append(s.rows[k], todo...)
			todo = nil
			continue
		}
		rest := s.left[:0]
		for _, i := range todo {
			if v.IsNull(int(i)) {
				rest = append(rest, i)
			} else {
				s.rows[k] = append(s.rows[k], i)
			}
		}
		s.left, todo = rest, rest
	}
	return s.pick.merge(s.typ, x, s.rows, s.vecs)
}

// caseStep is CASE: each condition sees the rows that none before it took, each result the rows
// that its condition took.
type caseStep struct {
	typ     column.Type
	conds   []predicate
	results []step // one more than conds: ELSE
	rows    [][]uint32
	vecs    []*column.Vector
	left    []uint32
	pick    merger
}

func (s *caseStep) eval(x *exec, sel []uint32) *column.Vector {
	todo := sel
	for k := range s.conds {
		s.rows[k] = s.rows[k][:0]
		if len(todo) == 0 {
			continue
		}
		s.rows[k] = s.conds[k].filter(x, todo, s.rows[k])
		if len(s.rows[k]) > 0 {
			s.left = without(s.left[:0], todo, s.rows[k])
			todo = s.left
		}
	}
	last := len(s.results) - 1
	s.rows[last] = append(s.rows[last][:0], todo...)
	for k, r := range s.results {
		s.vecs[k] = nil
		if len(s.rows[k]) > 0 {
			s.vecs[k] = r.eval(x, s.rows[k])
		}
	}
	return s.pick.merge(s.typ, x, s.rows, s.vecs)
}

// without appends to dst the rows of all that are not in some, both ascending. dst may share its
// memory with all.
func without(dst, all, some []uint32) []uint32 {
	k := 0
	for _, i := range all {
		if k < len(some) && some[k] == i {
			k++
			continue
		}
		dst = append(dst, i)
	}
	return dst
}

// merger puts rows of several vectors together.
type merger struct {
	out  column.Vector
	deep []uint16
}

// merge gives a vector of the run's rows whose rows[k] come from vecs[k].
func (m *merger) merge(t column.Type, x *exec, rows [][]uint32, vecs []*column.Vector) *column.Vector {
	if x.use != nil {
		size := 8 * int64(x.rows)
		for _, v := range vecs {
			if v != nil {
				size += v.Size()
			}
		}
		x.use.add(size)
	}
	n := x.rows
	switch {
	case t.UsesInt(), t.UsesFloat():
		m.out.Resize(t, n)
		for k, v := range vecs {
			if v != nil {
				copyRows(&m.out, v, rows[k])
			}
		}
	case t.Kind == column.Void:
		m.out.Reset(t)
		for i := 0; i < n; i++ {
			m.out.AppendNull()
		}
		return &m.out
	default:
		m.out.Reset(t)
		m.nested(n, rows, vecs)
		return &m.out
	}
	m.nulls(n, rows, vecs)
	return &m.out
}

// nulls sets the bitmap of the result.
func (m *merger) nulls(n int, rows [][]uint32, vecs []*column.Vector) {
	for k, v := range vecs {
		if v == nil || v.Null == nil {
			continue
		}
		if m.out.Null == nil {
			m.out.ClearNull(n)
		}
		for _, i := range rows[k] {
			if v.IsNull(int(i)) {
				m.out.SetNull(int(i))
			}
		}
	}
}

// nested merges strings, arrays, maps and structs, which have to be appended in row order.
func (m *merger) nested(n int, rows [][]uint32, vecs []*column.Vector) {
	if cap(m.deep) < n {
		m.deep = make([]uint16, n)
	}
	which := m.deep[:n]
	clear(which)
	for k, r := range rows {
		for _, i := range r {
			which[i] = uint16(k + 1)
		}
	}
	if m.out.Type.UsesBytes() {
		for i, k := range which {
			if k != 0 {
				v := vecs[k-1]
				from, to := v.Span(i)
				m.out.Data = append(m.out.Data, v.Data[from:to]...)
			}
			m.out.Ends = append(m.out.Ends, uint32(len(m.out.Data)))
		}
		m.nulls(n, rows, vecs)
		return
	}
	for i, k := range which {
		if k == 0 {
			m.out.AppendNull()
			continue
		}
		m.out.AppendFrom(vecs[k-1], i)
	}
	m.out.EnsureNull(n)
	ensureKids(&m.out, n)
}

func copyRows(dst, src *column.Vector, rows []uint32) {
	if dst.Type.UsesFloat() {
		for _, i := range rows {
			dst.Float[i] = src.Float[i]
		}
		return
	}
	for _, i := range rows {
		dst.Int[i] = src.Int[i]
	}
	if dst.Type.Kind == column.Decimal {
		for _, i := range rows {
			dst.Hi[i] = src.Hi[i]
		}
	}
}
