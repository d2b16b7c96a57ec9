package engine

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/explode"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/window"
)

// An exploder takes rows through the explosions of an operator: from those of a scan, or of a window, which are
// the origins, to the rows that the operator's last filters, keys and columns are over. A watermark may stand
// between; see plan.StreamOp.
//
// What becomes of a row that was made is booked on its origin, which the ledger counts once.
type exploder struct {
	stages []explodeStage
	below  int // explosions below the watermark
	time   *expr.Eval
	marks  *scan.Marks // of a watermark above explosions; nil: it stands below them all, or there is none

	records  *record.Records // of the origins, where marks is set
	from     int             // the first origin's record
	appended []int64         // by origin
	first    []int64         // by origin: the watermark just before it, where marks is set
	seen     []bool          // by origin
	times    []int64         // scratch, by row
	passed   []uint32
	unfit    *expr.Unfit
	clock    *expr.Clock
	lose     func(origin uint32, outcome uint8, verdict, reason string)
	visit    func(b *column.Batch, rows, origins []uint32) error
}

type explodeStage struct {
	where   scan.Filter
	list    *expr.Eval
	explode *explode.Explode
	join    *joinStage // in place of list and explode
	failed  expr.RowErrors
	bad     []bool // by row
	kept    []uint32
	origins []uint32 // by row of the chunk
}

// newExploder returns nil for an operator without explosions. width is the columns of the origins.
func newExploder(op *dataflow.Operator, width int, env expr.Env, tables joinTables) (*exploder, error) {
	if len(op.Explosions) == 0 {
		return nil, nil
	}
	x := &exploder{below: op.Below, unfit: env.Unfit, clock: env.Clock}
	for k, e := range op.Explosions {
		where, err := scan.CompileFilter(e.Where, env)
		if err != nil {
			return nil, err
		}
		if e.Join != nil {
			j, err := newJoinStage(op, k, width, env, tables)
			if err != nil {
				return nil, err
			}
			x.stages = append(x.stages, explodeStage{where: where, join: j})
			width += len(e.Types)
			continue
		}
		list, err := expr.Compile(e.Rows, env)
		if err != nil {
			return nil, err
		}
		shape := explode.Shape{Outer: e.Outer, Pos: e.Pos, Fields: e.Fields}
		x.stages = append(x.stages, explodeStage{where: where, list: list, explode: explode.New(shape, width, op.Carried(k, width), e.Types)})
		width += len(e.Types)
	}
	var err error
	if op.HasTime {
		x.time, err = expr.Compile(op.Time, env)
	}
	return x, err
}

// run takes rows of b through the explosions and hands what they make to visit, in chunks, with the origin of
// each row.
func (x *exploder) run(b *column.Batch, rows []uint32, appended []int64) error {
	x.appended = appended
	if x.marks != nil {
		x.seen, x.first = column.Sized(x.seen, b.Len), column.Sized(x.first, b.Len)
		clear(x.seen)
	}
	defer x.origins(nil)
	return x.level(0, b, rows, nil)
}

// origins tells who goes by records of which one each row was made.
func (x *exploder) origins(of []uint32) {
	x.clock.Origins = of
	if x.unfit != nil {
		x.unfit.Origins = of
	}
}

// level does what stands behind k explosions. Without origins the rows are origins themselves.
func (x *exploder) level(k int, b *column.Batch, rows, origins []uint32) error {
	x.origins(origins)
	if k == x.below && x.marks != nil {
		rows = x.judge(b, rows, origins)
	}
	if k == len(x.stages) {
		return x.visit(b, rows, origins)
	}
	s := &x.stages[k]
	s.failed.Reset()
	rows = s.where.Run(b, rows, &s.failed)
	if s.join != nil {
		return x.join(k, s, b, rows, origins)
	}
	list := s.list.Run(b, rows, &s.failed)
	rows = s.dropFailed(x, b.Len, rows, origins)
	return s.explode.Run(b, rows, list, func(made *column.Batch, from []uint32) error {
		s.from(from, origins)
		return x.level(k+1, made, made.Sel, s.origins)
	})
}

// from finds the origins of rows that were made of others.
func (s *explodeStage) from(rows, origins []uint32) {
	s.origins = s.origins[:0]
	for _, r := range rows {
		s.origins = append(s.origins, originOf(r, origins))
	}
}

// dropFailed leaves out the rows whose expressions failed: their origins are invalid.
func (s *explodeStage) dropFailed(x *exploder, n int, rows, origins []uint32) []uint32 {
	if len(s.failed.Rows) == 0 {
		return rows
	}
	s.bad = column.Sized(s.bad, n)
	clear(s.bad)
	for i, r := range s.failed.Rows {
		s.bad[r] = true
		x.lose(originOf(r, origins), ledger.Invalid, "invalid", s.failed.Classes[i])
	}
	s.kept = s.kept[:0]
	for _, r := range rows {
		if !s.bad[r] {
			s.kept = append(s.kept, r)
		}
	}
	return s.kept
}

func originOf(row uint32, origins []uint32) uint32 {
	if origins == nil {
		return row
	}
	return origins[row]
}

// judge gives rows that were made their watermark: all rows of an origin that of just before it, so that none
// is late because of another one of the same record. It returns the rows whose time can be used.
func (x *exploder) judge(b *column.Batch, rows, origins []uint32) []uint32 {
	m := x.marks
	m.Failed.Reset()
	rows = m.Pre.Run(b, rows, &m.Failed)
	times := x.time.Run(b, rows, &m.Failed)
	for i, r := range m.Failed.Rows {
		x.lose(originOf(r, origins), ledger.Invalid, "invalid", m.Failed.Classes[i])
	}
	m.Failed.Reset() // they are booked: what is left there would be taken for rows of the scan
	m.Marks, m.Verdict, x.times = column.Sized(m.Marks, b.Len), column.Sized(m.Verdict, b.Len), column.Sized(x.times, b.Len)
	for _, r := range rows {
		x.times[r] = x.appended[originOf(r, origins)]
	}
	m.Tracker.Mark(times, x.times, rows, m.Marks, m.Verdict)
	if m.Passing != nil {
		m.Passing.Note(m.Marks, rows, m.Tracker.Now(), x.times)
	}
	x.passed = x.passed[:0]
	for _, r := range rows {
		o := originOf(r, origins)
		if !x.seen[o] {
			x.seen[o], x.first[o] = true, m.Marks[r]
		}
		switch m.Verdict[r] {
		case window.Future:
			x.lose(o, ledger.Future, "future", scan.ReasonFuture)
		case window.Invalid:
			x.lose(o, ledger.Invalid, "invalid", m.Raw.Reason(x.records, x.from+int(o), b, r))
		default:
			x.passed = append(x.passed, r)
		}
	}
	return x.passed
}

// mark is the watermark just before an origin; below is that of a watermark which stands below the explosions.
func (x *exploder) mark(origin uint32, below *scan.Marks) int64 {
	if x.marks != nil {
		return x.first[origin]
	}
	return below.Marks[origin]
}
