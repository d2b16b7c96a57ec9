package batch

import (
	"errors"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// A join keeps its right side in memory, by the values that the condition compares for equality, and
// runs the left side past it. What else the condition asks is computed over candidate pairs.
type join struct {
	r     *runner
	cut   pieces // of the left rows, for the keys
	node  *plan.Join
	right *heldRows

	equal    []plan.Equality
	leftKey  []*computed
	residual *computed           // nil: none
	all      *computed           // the whole condition, for MARK
	table    map[string][]uint32 // rows of the right side by key, in order; nil without equalities
	nullKey  []uint32            // rows of the right side whose key holds a NULL that equals nothing

	matched []bool // by row of the right side, for RIGHT and FULL
	pairs   pairs
	found   bool   // a pair of the left row at hand matches
	other   pieces // of candidate pairs, for the rest of the condition
	counted int64  // bytes of table
	filled  int64  // bytes of out
	out     *column.Batch
	emit    func(*column.Batch) error
	buf     []byte
}

// pairs is candidate pairs that were not looked at yet, left rows ascending.
type pairs struct {
	left  []uint32
	right []int64
}

// none stands for the row of a side that has no match.
const none = -1

func (r *runner) join(n *plan.Join, emit func(*column.Batch) error) error {
	j := &join{r: r, node: n, emit: emit, out: &column.Batch{}, cut: pieces{r: r}, other: pieces{r: r}}
	var err error
	if j.right, err = r.collect(n.Right); err != nil {
		return err
	}
	defer r.release(j.right)
	defer r.shrink(&j.counted)
	if err := j.prepare(); err != nil {
		return err
	}
	if err := j.build(); err != nil {
		return err
	}
	var each func(*column.Batch) error
	switch n.Kind {
	case plan.JoinMark:
		each = j.mark
	case "LEFT SEMI", "LEFT ANTI":
		each = j.semi
	default:
		each = j.probe
	}
	err = r.run(n.Left, func(b *column.Batch) error { return j.cut.each(b, each) })
	if err != nil {
		return err
	}
	if n.Kind == "RIGHT" || n.Kind == "FULL" {
		return j.unmatchedRight()
	}
	return nil
}

// prepare splits the condition into equalities and the rest.
func (j *join) prepare() error {
	if j.node.On == nil {
		return nil
	}
	equal, others := plan.Equalities(j.node.On, len(j.node.Left.Columns()))
	j.equal = equal
	var rest *expr.Node
	for _, c := range others {
		if rest == nil {
			rest = c
		} else {
			rest = &expr.Node{Op: expr.OpAnd, Type: c.Type, Args: []*expr.Node{rest, c}}
		}
	}
	var err error
	if rest != nil {
		if j.residual, err = j.r.compile(rest); err != nil {
			return err
		}
	}
	if j.all, err = j.r.compile(j.node.On); err != nil {
		return err
	}
	for _, e := range j.equal {
		c, err := j.r.compile(e.Left)
		if err != nil {
			return err
		}
		j.leftKey = append(j.leftKey, c)
	}
	return nil
}

// build enters the right side in the table.
func (j *join) build() error {
	j.matched = make([]bool, j.right.Len)
	if len(j.equal) == 0 {
		return nil
	}
	cols := make([]*column.Vector, len(j.equal))
	for i, e := range j.equal {
		v, err := j.r.evalHeld(e.Right, &j.right.Batch)
		if err != nil {
			return err
		}
		cols[i] = v
	}
	j.table = map[string][]uint32{}
	size := int64(j.right.Len)
	for row := 0; row < j.right.Len; row++ {
		if key, ok := j.key(cols, row); ok {
			list, known := j.table[string(key)]
			if !known {
				size += int64(len(key)) + entryBytes
			}
			j.table[string(key)] = append(list, uint32(row))
			size += 8
		} else {
			j.nullKey = append(j.nullKey, uint32(row))
		}
		if row&countRows == countRows || size-j.counted > j.r.piece/4 || row == j.right.Len-1 {
			if err := j.r.grow(&j.counted, size); err != nil {
				return err
			}
			if err := j.r.job.yield(); err != nil {
				return err
			}
		}
	}
	return nil
}

// entryBytes is what an entry of a join's table takes beside its key and rows, about.
const entryBytes = 96

// key encodes the compared values of a row; false: one of them is a NULL, which equals nothing.
func (j *join) key(cols []*column.Vector, row int) ([]byte, bool) {
	j.buf = j.buf[:0]
	for i, v := range cols {
		if !j.equal[i].NullSafe && (v.Type.Kind == column.Void || v.IsNull(row)) {
			return nil, false
		}
		j.buf = codec.AppendKey(j.buf, v, row)
	}
	return j.buf, true
}

// candidates lists for each row of the left batch the rows of the right side that it may match.
func (j *join) candidates(b *column.Batch, visit func(row uint32, list []uint32, nullKey bool) error) error {
	cols := make([]*column.Vector, len(j.leftKey))
	for i, c := range j.leftKey {
		v, err := c.over(b)
		if err != nil {
			return err
		}
		cols[i] = v
	}
	for _, row := range b.Sel {
		if j.r.job.stop.Load() {
			return j.r.job.yield()
		}
		list, null := j.right.Sel, false
		if j.table != nil {
			key, ok := j.key(cols, int(row))
			list, null = nil, !ok
			if ok {
				list = j.table[string(key)]
			}
		}
		if err := visit(row, list, null); err != nil {
			return err
		}
	}
	return nil
}

// probe is INNER, CROSS, LEFT, RIGHT and FULL for one batch of the left side. Where left rows are kept,
// a pair with the right row none stands behind the candidates of each, for the case that none matches.
func (j *join) probe(b *column.Batch) error {
	keepLeft := j.node.Kind == "LEFT" || j.node.Kind == "FULL"
	j.found = false
	err := j.candidates(b, func(row uint32, list []uint32, _ bool) error {
		for _, right := range list {
			j.pairs.left, j.pairs.right = append(j.pairs.left, row), append(j.pairs.right, int64(right))
			if len(j.pairs.left) == batchRows {
				if err := j.flushPairs(b); err != nil {
					return err
				}
			}
		}
		if keepLeft {
			j.pairs.left, j.pairs.right = append(j.pairs.left, row), append(j.pairs.right, none)
		}
		if len(j.pairs.left) >= batchRows {
			return j.flushPairs(b)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return j.flushPairs(b)
}

// flushPairs checks the pairs by the rest of the condition and gives those that match, as many at a time as
// fit into a batch.
func (j *join) flushPairs(b *column.Batch) error {
	if err := j.r.job.yield(); err != nil {
		return err
	}
	schema := schemaOf(j.node)
	left, right := j.pairs.left, j.pairs.right
	for len(left) > 0 {
		n := len(left)
		if j.other.most > 0 {
			n = min(n, j.other.most)
		}
		n = j.fill(b, schema, left[:n], right[:n])
		if err := j.r.grow(&j.filled, max(j.filled, capacity(j.out))); err != nil {
			return err
		}
		sel := j.out.Sel
		if j.residual != nil {
			var err error
			switch sel, err = j.residual.where(j.out, []uint32{}); {
			case errors.Is(err, errPiece):
				j.other.fewer(n)
				continue
			case err != nil:
				return err
			}
		}
		j.other.fitted()
		j.out.Sel = j.matching(right[:n], sel)
		if err := j.emit(j.out); err != nil {
			return err
		}
		left, right = left[n:], right[n:]
	}
	j.pairs.left, j.pairs.right = j.pairs.left[:0], j.pairs.right[:0]
	return nil
}

// fill puts pairs into out, at least one; rows with a right side are selected.
func (j *join) fill(b *column.Batch, schema *column.Schema, left []uint32, right []int64) (n int) {
	j.out.Reset(schema)
	j.out.Sel = j.out.Sel[:0]
	wide, size := j.r.wide(b) || j.r.wide(&j.right.Batch), int64(0)
	for i, row := range left {
		if wide {
			size += rowSize(b, row)
			if right[i] != none {
				size += rowSize(&j.right.Batch, uint32(right[i]))
			}
			if size > j.r.piece && i > 0 {
				return i
			}
		}
		if right[i] != none {
			j.out.Sel = append(j.out.Sel, uint32(i))
		}
		j.appendPair(b, int(row), int(right[i]))
	}
	return len(left)
}

// matching is the pairs that come out: those of sel, and a left row with none if it matched nothing.
func (j *join) matching(right []int64, sel []uint32) []uint32 {
	kept := make([]uint32, 0, len(right))
	for i, row := range right {
		switch {
		case row == none:
			if !j.found {
				kept = append(kept, uint32(i))
			}
			j.found = false
		case len(sel) > 0 && sel[0] == uint32(i):
			sel = sel[1:]
			kept, j.found = append(kept, uint32(i)), true
			j.matched[row] = true
		}
	}
	return kept
}

// appendPair appends a row of both sides to out; none is NULLs.
func (j *join) appendPair(b *column.Batch, left, right int) {
	n := len(j.node.Left.Columns())
	for c := range j.out.Cols {
		dst := &j.out.Cols[c]
		switch {
		case c < n && left != none:
			appendCell(dst, j.out.Len, &b.Cols[c], left)
		case c >= n && right != none:
			appendCell(dst, j.out.Len, &j.right.Cols[c-n], right)
		default:
			appendNull(dst, j.out.Len)
		}
	}
	j.out.Len++
}

// unmatchedRight gives the rows of the right side that no row matched.
func (j *join) unmatchedRight() error {
	schema := schemaOf(j.node)
	j.out.Reset(schema)
	wide := j.r.wide(&j.right.Batch)
	for row, m := range j.matched {
		if m {
			continue
		}
		j.appendPair(nil, none, row)
		if j.out.Len == batchRows || wide && j.r.wide(j.out) {
			if err := flush(j.out, schema, j.emit); err != nil {
				return err
			}
		}
	}
	return flush(j.out, schema, j.emit)
}

// semi is LEFT SEMI and LEFT ANTI: left rows with and without a match.
func (j *join) semi(b *column.Batch) error {
	var sel []uint32
	err := j.candidates(b, func(row uint32, list []uint32, _ bool) error {
		match, _, err := j.any(b, row, list, j.residual)
		if match == (j.node.Kind == "LEFT SEMI") {
			sel = append(sel, row)
		}
		return err
	})
	if err != nil {
		return err
	}
	out := *b
	out.Sel = sel
	return j.emit(&out)
}

// mark adds to each left row whether the condition is true for some right row, NULL when it is only
// NULL for some.
func (j *join) mark(b *column.Batch) error {
	out := j.r.filling(schemaOf(j.node), j.emit)
	last := len(out.Cols) - 1
	err := j.candidates(b, func(row uint32, list []uint32, nullKey bool) error {
		match, null, err := j.any(b, row, list, j.residual)
		if err != nil {
			return err
		}
		// Rows that the table left out can still make the condition NULL.
		if others := j.leftOut(nullKey); !match && !null && len(others) > 0 {
			if match, null, err = j.any(b, row, others, j.all); err != nil {
				return err
			}
		}
		switch {
		case match:
			out.Cols[last].AppendInt(1)
		case null:
			out.Cols[last].AppendNull()
		default:
			out.Cols[last].AppendInt(0)
		}
		return out.row(b, row)
	})
	if err != nil {
		return err
	}
	return out.flush()
}

// leftOut is the right rows for which an equality is NULL: all, where the left key holds a NULL.
func (j *join) leftOut(nullKey bool) []uint32 {
	if nullKey {
		return j.right.Sel
	}
	return j.nullKey
}
