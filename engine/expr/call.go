package expr

import "github.com/nagare-stream/nagare/engine/column"

// A kernel computes frame.out for rows, ascending. For a function that does not see NULLs, no
// argument is NULL in these rows. The output vector has been given its type; a vector of fixed
// size also its rows. Rows of text are written with frame.put or between frame.open and frame.shut,
// nested ones after frame.grow with appendValue or between openRow and shutRow.
type kernel func(f *frame, rows []uint32)

// frame is the working place of one call in an expression.
type frame struct {
	x        *exec
	args     []*column.Vector
	out      *column.Vector
	bounded  bool // the run has a Room
	quiet    bool // failures are NULL and no errors
	next     int  // rows of text, arrays, maps already closed
	grown    bool // a nested output is appended row by row
	narrowed bool // some argument has NULLs and the kernel does not see them

	buf  []byte // scratch of the kernel
	buf2 []byte
}

// fail makes row i NULL because of an error with Spark's class.
func (f *frame) fail(i uint32, class, detail string) {
	f.out.SetNull(int(i))
	if !f.quiet {
		f.raise(i, class, detail)
	}
}

// raise is fail where the try_ functions fail too.
func (f *frame) raise(i uint32, class, detail string) {
	f.out.SetNull(int(i))
	if f.x.errs == nil {
		return
	}
	if f.x.owner != nil {
		i = f.x.owner[i]
	}
	f.x.errs.Add(i, class, detail)
}

// null makes row i NULL.
func (f *frame) null(i uint32) { f.out.SetNull(int(i)) }

// isNull reports whether argument k is NULL in row i.
func (f *frame) isNull(k int, i uint32) bool { return f.args[k].IsNull(int(i)) }

// int, float, text and bool are argument k in row i.
func (f *frame) int(k int, i uint32) int64     { return f.args[k].Int[i] }
func (f *frame) float(k int, i uint32) float64 { return f.args[k].Float[i] }
func (f *frame) text(k int, i uint32) []byte   { return f.args[k].Bytes(int(i)) }
func (f *frame) bool(k int, i uint32) bool     { return f.args[k].Int[i] != 0 }

// open gives the rows of text before i their ends, so that i may be appended to.
func (f *frame) open(i uint32) {
	end := uint32(len(f.out.Data))
	for ; f.next < int(i); f.next++ {
		f.out.Ends = append(f.out.Ends, end)
	}
}

// shut ends row i of text.
func (f *frame) shut() {
	f.out.Ends = append(f.out.Ends, uint32(len(f.out.Data)))
	f.next++
	if f.bounded {
		f.checkRow()
	}
}

// put writes b as row i of text.
func (f *frame) put(i uint32, b []byte) {
	f.open(i)
	f.out.Data = append(f.out.Data, b...)
	f.shut()
}

// grow empties a nested output that the kernel builds row by row; a kernel that does not call it
// sets Ends and Kids itself, for all rows, and may let them share memory with its arguments.
func (f *frame) grow() {
	f.out.Reset(f.out.Type)
	f.mergeNulls()
	f.grown = true
}

// openRow is open for every type whose rows are appended: text, arrays, maps, structs after grow.
func (f *frame) openRow(i uint32) {
	switch f.out.Type.Kind {
	case column.Array, column.Map:
		end := uint32(f.out.Kids[0].Len())
		for ; f.next < int(i); f.next++ {
			f.out.Ends = append(f.out.Ends, end)
		}
	case column.Struct:
		for ; f.next < int(i); f.next++ {
			f.out.AppendNull()
		}
	default:
		f.open(i)
	}
}

// shutRow ends row i of an array or map whose elements were appended to the kids.
func (f *frame) shutRow() {
	f.out.Ends = append(f.out.Ends, uint32(f.out.Kids[0].Len()))
	f.next++
	if f.x.use != nil {
		f.checkRow()
	}
}

// appendValue makes row i of a nested output that of row j of v.
func (f *frame) appendValue(i uint32, v *column.Vector, j int) {
	f.openRow(i)
	if f.x.use != nil {
		f.reserve(v.SizeOf(uint32(j), uint32(j)+1))
	}
	f.out.AppendFrom(v, j)
	f.next++
}

// finish closes the rows behind the last one written.
func (f *frame) finish() {
	switch t := f.out.Type; {
	case t.UsesBytes():
		f.open(uint32(f.x.rows))
	case !f.grown:
	default:
		f.openRow(uint32(f.x.rows))
		ensureKids(f.out, f.x.rows)
	}
	f.out.EnsureNull(f.x.rows)
}

// ensureKids makes the bitmaps inside a nested vector of n rows as long as their rows.
func ensureKids(v *column.Vector, n int) {
	if v.Type.Kind == column.Array || v.Type.Kind == column.Map {
		n = v.Kids[0].Len()
	}
	for k := range v.Kids {
		v.Kids[k].EnsureNull(n)
		ensureKids(&v.Kids[k], n)
	}
}

// callStep evaluates arguments, then a kernel.
type callStep struct {
	frame frame
	typ   column.Type
	args  []step
	run   kernel
	nulls bool // the kernel sees NULL arguments
	live  []uint32
	outv  column.Vector
	bits  []uint64
}

func newCall(t column.Type, args []step, run kernel, nulls bool) *callStep {
	s := &callStep{typ: t, args: args, run: run, nulls: nulls}
	s.frame.args = make([]*column.Vector, len(args))
	return s
}

func (s *callStep) eval(x *exec, sel []uint32) *column.Vector {
	f := &s.frame
	f.x, f.out = x, &s.outv
	live, narrowed := sel, false
	for k, a := range s.args {
		v := a.eval(x, live)
		f.args[k] = v
		if v.Null == nil || s.nulls {
			continue
		}
		narrowed = true
		s.live = withoutNulls(s.live[:0], live, v)
		live = s.live
	}
	s.prepare(narrowed)
	if len(live) > 0 || isNested(s.typ) {
		s.run(f, live)
	}
	f.finish()
	x.use.fill(f.out)
	return f.out
}

// prepare gives the output its rows and the NULLs of the arguments.
func (s *callStep) prepare(narrowed bool) {
	f := &s.frame
	f.next, f.narrowed, f.grown, f.bounded = 0, narrowed, false, f.x.use != nil
	f.x.use.see(8 * int64(f.x.rows))
	if isNested(s.typ) {
		f.out.Type = s.typ
		f.out.NoNulls()
		for len(f.out.Kids) < parts(s.typ) {
			f.out.Kids = append(f.out.Kids, column.Vector{})
		}
	} else {
		f.out.Resize(s.typ, f.x.rows)
	}
	if s.typ.Kind == column.Void {
		for len(f.out.Ends) < f.x.rows {
			f.out.Ends = append(f.out.Ends, 0)
		}
		f.out.ClearNull(f.x.rows)
		for w := range f.out.Null {
			f.out.Null[w] = ^uint64(0)
		}
		return
	}
	f.mergeNulls()
}

// parts is the number of kids of a nested type's vector.
func parts(t column.Type) int {
	switch t.Kind {
	case column.Array:
		return 1
	case column.Map:
		return 2
	}
	return len(t.Fields)
}

// mergeNulls makes the output NULL wherever an argument is.
func (f *frame) mergeNulls() {
	if !f.narrowed {
		return
	}
	f.out.ClearNull(f.x.rows)
	for _, v := range f.args {
		for w := 0; w < len(f.out.Null) && w < len(v.Null); w++ {
			f.out.Null[w] |= v.Null[w]
		}
	}
}

// withoutNulls appends to dst the rows in which v is not NULL. dst may share its memory with rows.
func withoutNulls(dst, rows []uint32, v *column.Vector) []uint32 {
	for _, i := range rows {
		if v.Null[i>>6]&(1<<(i&63)) == 0 {
			dst = append(dst, i)
		}
	}
	return dst
}
