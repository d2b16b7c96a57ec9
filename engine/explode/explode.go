package explode

import "github.com/nagare-stream/nagare/engine/column"

// A chunk ends with so many rows, or with so many bytes that were copied from its input. The bytes are those of
// strings and nested values, which each row that is made repeats.
const (
	chunkRows  = 4096
	chunkBytes = 4 << 20
)

// A Shape says which columns are made of an element of the array or map; see plan.Explode.
type Shape struct{ Outer, Pos, Fields bool }

// noElement stands for the element of a row that has none and stays.
const noElement = -1

// An Explode makes rows of elements. It belongs to one goroutine.
type Explode struct {
	shape Shape
	carry []int // columns of the input that the rows repeat
	width int   // columns of the input
	made  []column.Type

	out      column.Batch
	from     []uint32 // by row of out
	elements []int32  // by row of out; noElement
	places   []int32  // of the element among those of its row
}

// New returns an Explode over inputs of width columns, of which carry are read further on. made is the types
// of the columns that it makes, behind those of the input.
func New(shape Shape, width int, carry []int, made []column.Type) *Explode {
	x := &Explode{shape: shape, carry: carry, width: width, made: made}
	x.out.Cols = make([]column.Vector, width+len(made))
	return x
}

// Run makes rows of the given rows of in, whose elements list has by row, and hands them to visit in chunks:
// a batch, all of whose rows are selected, and by its rows the row of in that each is made of. Both are valid
// during the call. Of the batch's columns those that are neither carried nor made are empty.
func (x *Explode) Run(in *column.Batch, rows []uint32, list *column.Vector, visit func(b *column.Batch, from []uint32) error) error {
	x.begin()
	bytes := 0
	for _, row := range rows {
		first, end := uint32(0), uint32(0)
		if list.Type.Kind != column.Void && !list.IsNull(int(row)) {
			first, end = list.Span(int(row))
		}
		if first == end && !x.shape.Outer {
			continue
		}
		each := x.rowBytes(in, int(row))
		if first == end {
			x.add(row, noElement, 0)
			bytes += each
		}
		for e := first; e < end; e++ {
			x.add(row, int32(e), int32(e-first))
			if bytes += each; bytes >= chunkBytes || len(x.from) >= chunkRows {
				if err := x.hand(in, list, visit); err != nil {
					return err
				}
				bytes = 0
			}
		}
		if bytes >= chunkBytes || len(x.from) >= chunkRows { // of rows without elements
			if err := x.hand(in, list, visit); err != nil {
				return err
			}
			bytes = 0
		}
	}
	if len(x.from) == 0 {
		return nil
	}
	return x.hand(in, list, visit)
}

func (x *Explode) begin() {
	x.from, x.elements, x.places = x.from[:0], x.elements[:0], x.places[:0]
}

func (x *Explode) add(row uint32, element, place int32) {
	x.from, x.elements, x.places = append(x.from, row), append(x.elements, element), append(x.places, place)
}

// rowBytes is what a row of the input takes each time that it is repeated, fixed sizes left out.
func (x *Explode) rowBytes(in *column.Batch, row int) int {
	n := 0
	for _, c := range x.carry {
		n += in.Cols[c].RowBytes(row)
	}
	return n
}

// hand makes the columns of the chunk and hands it on.
func (x *Explode) hand(in *column.Batch, list *column.Vector, visit func(*column.Batch, []uint32) error) error {
	b := &x.out
	b.Len = len(x.from)
	for _, c := range x.carry {
		column.Gather(&b.Cols[c], in.Cols[c].Type, &in.Cols[c], x.from, false)
	}
	made := b.Cols[x.width:]
	if x.shape.Pos {
		x.positions(&made[0])
		made = made[1:]
	}
	kids := list.Kids
	if list.Type.Kind == column.Void {
		kids = nil
	}
	switch {
	case x.shape.Fields:
		for i := range made {
			x.elementsOf(&made[i], x.made[len(x.made)-len(made)+i], kids, func() (*column.Vector, *column.Vector) { return &kids[0].Kids[i], &kids[0] })
		}
	default:
		for i := range made {
			x.elementsOf(&made[i], x.made[len(x.made)-len(made)+i], kids, func() (*column.Vector, *column.Vector) { return &kids[i], nil })
		}
	}
	b.SelectAll()
	err := visit(b, x.from)
	x.begin()
	return err
}

// positions writes the places of the elements.
func (x *Explode) positions(dst *column.Vector) {
	dst.Reset(column.Of(column.Int32))
	for i, e := range x.elements {
		if e == noElement {
			dst.AppendNull()
		} else {
			dst.AppendInt(int64(x.places[i]))
		}
	}
	dst.EnsureNull(len(x.elements))
}

// elementsOf writes the chunk's elements of one of the list's kids. A field of a struct that is NULL is NULL.
func (x *Explode) elementsOf(dst *column.Vector, t column.Type, kids []column.Vector, of func() (src, parent *column.Vector)) {
	dst.Reset(t)
	if len(kids) == 0 {
		dst.AppendNulls(len(x.elements))
		return
	}
	src, parent := of()
	if src.Type.Kind == column.Void {
		dst.AppendNulls(len(x.elements))
		return
	}
	for _, e := range x.elements {
		if e == noElement || parent != nil && parent.IsNull(int(e)) {
			dst.AppendNull()
		} else {
			dst.AppendFrom(src, int(e))
		}
	}
	dst.EnsureNull(len(x.elements))
}
