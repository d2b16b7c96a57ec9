package expr

import (
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// castKernel chooses the kernel of a cast; nil means that the payload stays as it is.
func castKernel(from, to column.Type) (kernel, error) {
	if legalCast(from, to) != "" {
		return nil, fmt.Errorf("cast %s to %s: not possible", from, to)
	}
	switch {
	case from.Kind == column.Void:
		return castVoid, nil
	case isNested(to):
		return castNested(from, to)
	case to.Kind == column.String && from.Kind == column.Binary, to.Kind == column.Binary && from.Kind == column.String:
		return nil, nil
	case to.Kind == column.String:
		return castToText, nil
	case from.Kind == column.String:
		return castText(to), nil
	case isDatetime(from), isDatetime(to), isInterval(from), isInterval(to):
		return castTime(from, to), nil
	case from.Kind == column.Decimal:
		return castFromDecimal(from, to), nil
	case from.UsesFloat():
		return castFloat(to), nil
	}
	return castInt(from, to), nil
}

func castVoid(f *frame, rows []uint32) {
	if isNested(f.out.Type) {
		f.grow()
	}
	for _, i := range rows {
		f.null(i)
	}
}

func castToText(f *frame, rows []uint32) {
	for _, i := range rows {
		f.open(i)
		f.out.Data = codec.AppendValueText(f.out.Data, f.args[0], int(i), f.x.env.Zone)
		f.shut()
	}
}

const (
	castOverflow = "CAST_OVERFLOW"
	castInvalid  = "CAST_INVALID_INPUT"
)

// castInt is an integer or BOOLEAN (which lies in Int as 0 and 1) to a number or BOOLEAN.
func castInt(from, to column.Type) kernel {
	switch {
	case to.Kind == column.Bool:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				f.out.Int[i] = bit(f.int(0, i) != 0)
			}
		}
	case to.Kind == column.Float64:
		return func(f *frame, rows []uint32) {
			in, out := f.args[0].Int, f.out.Float
			for _, i := range rows {
				out[i] = float64(in[i])
			}
		}
	case to.Kind == column.Float32:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				f.out.Float[i] = float64(float32(f.int(0, i)))
			}
		}
	case to.Kind == column.Decimal:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				r, ok := small(f.int(0, i)).rescale(0, int(to.Scale), int(to.Precision), halfUp)
				f.setDecimal(i, r, ok)
			}
		}
	}
	if from.Kind == column.Bool || from.Kind <= to.Kind {
		return nil
	}
	least, most := bounds(to.Kind)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.setInt(i, f.int(0, i), least, most)
		}
	}
}

// setInt stores an integer, or fails the row where it is out of range.
func (f *frame) setInt(i uint32, x, least, most int64) {
	if x < least || x > most {
		f.fail(i, castOverflow, "")
		return
	}
	f.out.Int[i] = x
}

func castFloat(to column.Type) kernel {
	switch {
	case to.Kind == column.Bool:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				f.out.Int[i] = bit(f.float(0, i) != 0)
			}
		}
	case to.Kind == column.Float64:
		return nil
	case to.Kind == column.Float32:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				f.out.Float[i] = float64(float32(f.float(0, i)))
			}
		}
	case to.Kind == column.Decimal:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				f.decimalOfFloat(i, f.float(0, i), to)
			}
		}
	}
	least, most := bounds(to.Kind)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			x := math.Trunc(f.float(0, i))
			if !(x >= float64(least) && x < -float64(least)) {
				f.fail(i, castOverflow, "")
				continue
			}
			f.setInt(i, int64(x), least, most)
		}
	}
}

// decimalOfFloat stores a double by its shortest text, as Java's BigDecimal.valueOf.
func (f *frame) decimalOfFloat(i uint32, x float64, to column.Type) {
	if x != x || math.IsInf(x, 0) {
		f.setDecimal(i, int128{}, false)
		return
	}
	f.buf = codec.AppendShortest(f.buf[:0], x)
	if f.args[0].Type.Kind == column.Float32 {
		f.buf = codec.AppendFloat(f.buf[:0], x)
	}
	hi, lo, ok := codec.ParseDecimal(f.buf, int(to.Precision), int(to.Scale))
	f.setDecimal(i, int128{hi, uint64(lo)}, ok)
}

func castFromDecimal(from, to column.Type) kernel {
	scale := int(from.Scale)
	switch {
	case to.Kind == column.Decimal:
		return castDecimal(from, to)
	case to.Kind == column.Bool:
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				f.out.Int[i] = bit(!decimalAt(f.args[0], int(i)).isZero())
			}
		}
	case to.UsesFloat():
		single := to.Kind == column.Float32
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				x := decimalAt(f.args[0], int(i)).float(scale)
				if single {
					x = float64(float32(x))
				}
				f.out.Float[i] = x
			}
		}
	}
	least, most := bounds(to.Kind)
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			x := decimalAt(f.args[0], int(i)).scaleDown(scale, down)
			if !x.isSmall() {
				f.fail(i, castOverflow, "")
				continue
			}
			f.setInt(i, int64(x.lo), least, most)
		}
	}
}

// slot is a step that gives a vector put into it.
type slot struct{ v *column.Vector }

func (s *slot) eval(*exec, []uint32) *column.Vector { return s.v }

// partCast casts the parts of a nested value.
type partCast struct {
	in   slot
	step step
	call *callStep // nil when the payload stays
}

func newPartCast(from, to column.Type) (*partCast, error) {
	p := &partCast{}
	if from.Equal(to) {
		p.step = &p.in
		return p, nil
	}
	run, err := castKernel(from, to)
	if err != nil {
		return nil, err
	}
	if run == nil {
		p.step = &retypeStep{in: &p.in, typ: to}
		return p, nil
	}
	p.call = newCall(to, []step{&p.in}, run, false)
	p.step = p.call
	return p, nil
}

func (p *partCast) eval(f *frame, x *exec, v *column.Vector, rows []uint32) *column.Vector {
	if p.call != nil {
		p.call.frame.quiet = f.quiet
	}
	p.in.v = v
	return p.step.eval(x, rows)
}

// castNested casts field by field, or the elements of an array or map all at once.
func castNested(from, to column.Type) (kernel, error) {
	var casts []*partCast
	for k := 0; k < parts(to); k++ {
		p, err := newPartCast(partType(from, k), partType(to, k))
		if err != nil {
			return nil, err
		}
		casts = append(casts, p)
	}
	if to.Kind == column.Struct {
		return func(f *frame, rows []uint32) {
			for k, p := range casts {
				f.out.Kids[k] = *p.eval(f, f.x, &f.args[0].Kids[k], rows)
			}
		}, nil
	}
	e := &elements{}
	return func(f *frame, rows []uint32) {
		in := f.args[0]
		x, sel := e.of(f.x, in, rows)
		f.out.Ends = append(f.out.Ends[:0], in.Ends[:f.x.rows]...)
		for k, p := range casts {
			f.out.Kids[k] = *p.eval(f, x, &in.Kids[k], sel)
		}
	}, nil
}

// partType is the type of kid k of a nested vector.
func partType(t column.Type, k int) column.Type {
	switch {
	case t.Kind == column.Struct:
		return t.Fields[k].Type
	case t.Kind == column.Map && k == 0:
		return *t.Key
	}
	return *t.Elem
}
