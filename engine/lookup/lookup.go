package lookup

import (
	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
)

// A Kind says which rows come out of a join.
type Kind uint8

// The kinds of join; the table is the right side.
const (
	Inner Kind = iota // each row with each of its matches
	Left              // and with NULLs if it has none
	Semi              // rows with a match, once
	Anti              // rows without one
	Mark              // every row, and behind it TRUE, FALSE or, where it cannot be told, NULL
)

// A Shape is what a join takes of its sides, by the numbers of columns.
type Shape struct {
	Kind  Kind
	Width int   // columns of the input
	Carry []int // those that the rows keep
	Made  []int // those of the table that go behind them; Inner and Left
	// The rest of the condition is over Width columns and the table's behind; of these it reads some.
	ReadsLeft, ReadsRight []int
}

// A Verdict is the rest of a condition for a pair of rows.
type Verdict uint8

// What a condition may be; Failed: it could not be computed, and the pair is no match.
const (
	No Verdict = iota
	Yes
	Unknown
	Failed
)

// chunkRows and chunkBytes bound a chunk as in package explode; the bytes are of strings and nested values that pairs
// repeat.
const (
	chunkRows  = 4096
	chunkBytes = 4 << 20
)

// A Lookup joins rows with a Table. It belongs to one goroutine.
type Lookup struct {
	t     *Table
	shape Shape
	find  *agg.Finder
	// judge is the rest of the condition over a batch of pairs, of which from says which row of the input each has; nil:
	// there is none. It fills verdicts, by row.
	judge func(b *column.Batch, rows, from []uint32, verdicts []Verdict)
	visit func(b *column.Batch, rows, from []uint32) error

	in       *column.Batch
	out      column.Batch
	pairs    column.Batch
	left     []uint32 // of pairs at hand, ascending: rows of the input
	right    []uint32 // rows of the table; None behind the last pair of a row
	bytes    int
	found    bool // of the row at hand: a pair matches
	unknown  bool // some pair may, or may not
	failed   bool
	both     []uint32 // pairs with a right side
	verdicts []Verdict
	from     []uint32 // what comes out of the pairs
	with     []uint32
	marks    []uint8
	rows     []uint32
	one      bool // the table's rows are so small that one for each row of a step fits into a chunk
}

// New returns a Lookup into t. judge is the rest of the condition; see Lookup.judge.
func New(t *Table, shape Shape, judge func(b *column.Batch, rows, from []uint32, verdicts []Verdict)) *Lookup {
	l := &Lookup{t: t, shape: shape, judge: judge}
	if t.groups != nil {
		l.find = t.groups.Finder()
	}
	made := 0
	switch {
	case shape.Kind == Mark:
		made = 1
	case shape.Kind <= Left:
		made = len(t.rows.Cols)
	}
	widest := 0
	for r := range t.rows.Len {
		widest = max(widest, l.rightBytes(uint32(r), shape.Made))
	}
	l.one = t.unique && judge == nil && shape.Kind <= Left && widest*chunkRows <= chunkBytes
	l.out.Cols = make([]column.Vector, shape.Width+made)
	l.pairs.Cols = make([]column.Vector, shape.Width+len(t.rows.Cols))
	return l
}

// Run joins the given rows of in, whose values for the table's keys are keys, and hands what comes out to visit, in
// chunks: a batch with columns as New was told, the rows of it that are there, and by row the row of in that each is
// made of; nil: the same. All of it is valid during the call, and columns that are not asked for are empty.
func (l *Lookup) Run(in *column.Batch, rows []uint32, keys []*column.Vector, visit func(b *column.Batch, rows, from []uint32) error) error {
	l.in, l.visit = in, visit
	var found, slots []uint32
	if l.find != nil {
		found, slots = l.find.Find(keys, rows)
	}
	switch {
	case l.one && in.Len <= chunkRows && (l.shape.Kind == Left || 2*len(found) >= len(rows)):
		return l.beside(rows, found, slots)
	case l.shape.Kind >= Semi && l.judge == nil:
		return l.tell(rows, found, keys)
	}
	l.left, l.right, l.bytes = l.left[:0], l.right[:0], 0
	at := 0
	for _, row := range rows {
		list := l.t.all
		if l.find != nil {
			list = nil
			if at < len(found) && found[at] == row {
				list = l.t.of(slots[at])
				at++
			}
		}
		if err := l.pair(row, list); err != nil {
			return err
		}
		if l.shape.Kind == Mark && l.find != nil {
			if err := l.pair(row, l.others(keys, row)); err != nil {
				return err
			}
		}
		if l.shape.Kind != Inner {
			if err := l.add(row, column.None); err != nil {
				return err
			}
		}
	}
	return l.flush()
}

// others is the rows of the table for which an equality with a row is NULL.
func (l *Lookup) others(keys []*column.Vector, row uint32) []uint32 {
	for _, k := range keys {
		if k.Type.Kind == column.Void || k.IsNull(int(row)) {
			return l.t.all
		}
	}
	return l.t.unlike
}

// beside hands the input's own columns on, with those of the table beside them: a row has one match at most.
func (l *Lookup) beside(rows, found, slots []uint32) error {
	b, n := &l.out, l.in.Len
	l.with = column.Sized(l.with, n)
	for i := range l.with {
		l.with[i] = column.None
	}
	for i, r := range found {
		l.with[r] = l.t.order[slots[i]]
	}
	for _, c := range l.shape.Carry {
		b.Cols[c] = l.in.Cols[c]
	}
	out := found
	holes := l.shape.Kind == Left && len(found) < len(rows)
	if l.shape.Kind == Left {
		out = rows
	}
	l.make(l.with, holes)
	b.Len = n
	err := l.visitRows(b, out, nil)
	for _, c := range l.shape.Carry {
		b.Cols[c] = column.Vector{} // it is the input's
	}
	return err
}

// make writes the columns of the table.
func (l *Lookup) make(rows []uint32, holes bool) {
	for _, c := range l.shape.Made {
		src := &l.t.rows.Cols[c]
		column.Gather(&l.out.Cols[l.shape.Width+c], src.Type, src, rows, holes)
	}
}

func (l *Lookup) visitRows(b *column.Batch, rows, from []uint32) error {
	if len(rows) == 0 {
		return nil
	}
	return l.visit(b, rows, from)
}

// tell is Semi, Anti and Mark by equalities alone: nothing is paired.
func (l *Lookup) tell(rows, found []uint32, keys []*column.Vector) error {
	if l.find == nil && l.t.Len() > 0 {
		found = rows
	}
	b := &l.out
	b.Len = l.in.Len
	for _, c := range l.shape.Carry {
		b.Cols[c] = l.in.Cols[c]
	}
	l.rows = l.rows[:0]
	switch l.shape.Kind {
	case Semi:
		l.rows = append(l.rows, found...)
	case Anti:
		for _, r := range rows {
			if len(found) > 0 && found[0] == r {
				found = found[1:]
				continue
			}
			l.rows = append(l.rows, r)
		}
	default:
		l.rows = append(l.rows, rows...)
		l.mark(rows, found, keys)
	}
	err := l.visitRows(b, l.rows, nil)
	for _, c := range l.shape.Carry {
		b.Cols[c] = column.Vector{} // it is the input's
	}
	return err
}

// mark writes what is known of each row by an equality: NULL where it, or some row of the table, has none to compare.
func (l *Lookup) mark(rows, found []uint32, keys []*column.Vector) {
	v := &l.out.Cols[l.shape.Width]
	v.Resize(column.Of(column.Bool), l.in.Len)
	clear(v.Int)
	for _, r := range rows {
		switch {
		case len(found) > 0 && found[0] == r:
			found = found[1:]
			v.Int[r] = 1
		case l.find != nil && len(l.others(keys, r)) > 0:
			v.SetNull(int(r))
		}
	}
	v.EnsureNull(l.in.Len)
}

// pair puts a row together with rows of the table.
func (l *Lookup) pair(row uint32, list []uint32) error {
	for _, r := range list {
		if err := l.add(row, r); err != nil {
			return err
		}
	}
	return nil
}

// add appends a pair; None stands behind the last pair of a row.
func (l *Lookup) add(left, right uint32) error {
	l.left, l.right = append(l.left, left), append(l.right, right)
	for _, c := range l.shape.Carry {
		l.bytes += l.in.Cols[c].RowBytes(int(left))
	}
	if right != column.None {
		l.bytes += l.rightBytes(right, l.shape.Made)
		if l.judge != nil {
			l.bytes += l.rightBytes(right, l.shape.ReadsRight)
		}
	}
	if len(l.left) >= chunkRows || l.bytes >= chunkBytes {
		return l.flush()
	}
	return nil
}

func (l *Lookup) rightBytes(row uint32, cols []int) int {
	n := 0
	for _, c := range cols {
		n += l.t.rows.Cols[c].RowBytes(int(row))
	}
	return n
}

// flush judges the pairs at hand and hands on what comes out of them.
func (l *Lookup) flush() error {
	if len(l.left) == 0 {
		return nil
	}
	l.verdicts = column.Sized(l.verdicts, len(l.left))
	if l.judge == nil {
		for i := range l.verdicts {
			l.verdicts[i] = Yes
		}
	} else {
		l.judgePairs()
	}
	l.choose()
	l.left, l.right, l.bytes = l.left[:0], l.right[:0], 0
	if len(l.from) == 0 {
		return nil
	}
	b := &l.out
	b.Len = len(l.from)
	for _, c := range l.shape.Carry {
		column.Gather(&b.Cols[c], l.in.Cols[c].Type, &l.in.Cols[c], l.from, false)
	}
	if l.shape.Kind <= Left {
		l.make(l.with, l.shape.Kind == Left)
	}
	if l.shape.Kind == Mark {
		v := &b.Cols[l.shape.Width]
		v.Resize(column.Of(column.Bool), b.Len)
		for i, m := range l.marks {
			v.Int[i] = int64(m & 1)
			if Verdict(m) == Unknown {
				v.SetNull(i)
			}
		}
		v.EnsureNull(b.Len)
	}
	b.SelectAll()
	return l.visit(b, b.Sel, l.from)
}

// judgePairs fills verdicts.
func (l *Lookup) judgePairs() {
	p := &l.pairs
	p.Len = len(l.left)
	for _, c := range l.shape.ReadsLeft {
		column.Gather(&p.Cols[c], l.in.Cols[c].Type, &l.in.Cols[c], l.left, false)
	}
	for _, c := range l.shape.ReadsRight {
		src := &l.t.rows.Cols[c]
		column.Gather(&p.Cols[l.shape.Width+c], src.Type, src, l.right, true)
	}
	l.both = l.both[:0]
	for i, r := range l.right {
		if r != column.None {
			l.both = append(l.both, uint32(i))
		}
	}
	l.judge(p, l.both, l.left, l.verdicts)
}

// choose gives what comes out of the pairs, by the row of the input and, in with, that of the table. A row's pairs may
// be in several chunks: what is known of it stays until its last.
func (l *Lookup) choose() {
	l.from, l.with, l.marks = l.from[:0], l.with[:0], l.marks[:0]
	for i, right := range l.right {
		if right != column.None {
			switch l.verdicts[i] {
			case Yes:
				l.found = true
				if l.shape.Kind <= Left {
					l.from, l.with = append(l.from, l.left[i]), append(l.with, right)
				}
			case Unknown:
				l.unknown = true
			case Failed:
				l.failed = true
			}
			continue
		}
		if l.comes() {
			l.from, l.with = append(l.from, l.left[i]), append(l.with, column.None)
			l.marks = append(l.marks, uint8(l.truth()))
		}
		l.found, l.unknown, l.failed = false, false, false
	}
}

// comes reports whether a row comes out behind its pairs.
func (l *Lookup) comes() bool {
	switch l.shape.Kind {
	case Left, Anti:
		return !l.found && !l.failed
	case Semi:
		return l.found
	}
	return l.found || !l.failed
}

func (l *Lookup) truth() Verdict {
	switch {
	case l.found:
		return Yes
	case l.unknown:
		return Unknown
	}
	return No
}
