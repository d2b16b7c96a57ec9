package expr

import "github.com/nagare-stream/nagare/engine/column"

// elements is the rows of a lambda: each is an element of a row around it.
//
//	arrays   [a b] [] [c]
//	parent    0 0      2      the row around, for each element
//	owner     the same, as rows of the batch
type elements struct {
	x      exec
	sel    []uint32
	parent []uint32
	owner  []uint32
}

// of selects the elements of the arrays or maps v that are in rows; element k of the kids is row k.
func (e *elements) of(x *exec, v *column.Vector, rows []uint32) (*exec, []uint32) {
	e.begin(x)
	n := 0
	if x.rows > 0 {
		n = int(v.Ends[x.rows-1])
	}
	x.use.see(elementBytes * int64(n))
	for len(e.parent) < n {
		e.parent = append(e.parent, 0)
	}
	for _, i := range rows {
		for from, to := v.Span(int(i)); from < to; from++ {
			e.sel = append(e.sel, from)
			e.parent[from] = i
		}
	}
	return e.end()
}

// elementBytes is what elements keeps for each.
const elementBytes = 12

// begin starts an empty set of elements around x.
func (e *elements) begin(x *exec) {
	e.x = *x
	e.x.outer, e.x.level = x, x.level+1
	e.sel, e.parent = e.sel[:0], e.parent[:0]
}

// add makes another element of row i.
func (e *elements) add(i uint32) {
	e.sel = append(e.sel, uint32(len(e.parent)))
	e.parent = append(e.parent, i)
}

// end gives the exec in which the elements are rows, and their selection.
func (e *elements) end() (*exec, []uint32) {
	e.x.rows, e.x.parent = len(e.parent), e.parent
	e.owner = append(e.owner[:0], e.parent...)
	if around := e.x.outer.owner; around != nil {
		for k, i := range e.owner {
			e.owner[k] = around[i]
		}
	}
	e.x.owner = e.owner
	e.x.use.add(elementBytes * int64(len(e.parent)))
	return &e.x, e.sel
}
