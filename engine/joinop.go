package engine

import (
	"fmt"
	"math"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/join"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/state"
)

// A streamJoin joins the rows of two streams. It belongs to the merger: tasks hand it their rows with their reports, and
// it takes them in an order that does not hang on when these come; see package join.
type streamJoin struct {
	op     *dataflow.Operator // the first part
	x      *join.Join
	spec   join.Spec
	m      *merger
	tasks  []*joinTask // by lane
	rest   scan.Filter
	failed expr.RowErrors
	cols   []*column.Vector
	held   int64 // rows that Engine.held counts
	outlet
}

// buildJoin makes what the lanes of a join share.
func (e *Engine) buildJoin(op *dataflow.Operator, g *groupMarks) error {
	p := op.Join
	s := &streamJoin{op: op, m: e.merger}
	spec := join.Spec{Least: p.Least, Most: p.Most, Semi: p.Kind == "LEFT SEMI", Emit: s.emit,
		Columns: [2][]column.Field{schemaOf(p.Left).Fields, schemaOf(p.Right).Fields},
		Single:  [2]bool{p.Kind == "LEFT" || p.Kind == "FULL", p.Kind == "RIGHT" || p.Kind == "FULL"}}
	if p.Window != nil {
		spec.Window, spec.Offset = p.Window.Size, p.Window.Offset
	}
	for _, k := range op.Keys {
		spec.Keys = append(spec.Keys, k.Type)
	}
	for lane := range e.lanesInto(op) {
		spec.Sides = append(spec.Sides, op.Of[lane%len(op.Of)].Side)
	}
	if p.Rest != nil {
		var err error
		if s.rest, err = scan.CompileFilter([]*expr.Node{p.Rest}, e.merger.env()); err != nil {
			return err
		}
		spec.Rest = s.judge
	}
	s.x = join.New(spec)
	s.cols = make([]*column.Vector, len(p.Left)+len(p.Right))
	s.tasks = make([]*joinTask, len(spec.Sides))
	s.spec, s.stage, s.outlet.group = spec, s, g
	g.joins, e.merger.joins = append(g.joins, s), append(e.merger.joins, s)
	e.merger.add(s, g)
	for _, c := range op.Consumers {
		if err := e.addDerived(&s.outlet, &s.next, op, c, op.Lane(0)); err != nil {
			return err
		}
	}
	return nil
}

// joinOf is the stage of an operator that is a part of a join.
func (e *Engine) joinOf(op *dataflow.Operator) *streamJoin {
	i := slices.IndexFunc(e.merger.joins, func(s *streamJoin) bool { return s.op.ID == op.Lead().ID })
	if i < 0 {
		panic("BUG: a part of a join without its stage")
	}
	return e.merger.joins[i]
}

// judge is the pairs for which the rest of the condition is true.
func (s *streamJoin) judge(b *column.Batch, rows []uint32, appended []int64) []uint32 {
	s.failed.Reset()
	s.m.clock.At = appended
	rows = s.rest.Run(b, rows, &s.failed)
	s.m.clock.At = nil
	if n := len(s.failed.Rows); n > 0 {
		s.m.e.log.Warn("pairs do not match, for the condition of their join cannot be computed", "table", s.op.Name, "pairs", n, "class", s.failed.Classes[0])
	}
	return rows
}

// emit hands joined rows to those who read them.
func (s *streamJoin) emit(b *column.Batch, rows []uint32, appended []int64) error {
	for i := range b.Cols {
		s.cols[i] = &b.Cols[i]
	}
	s.m.clock.At = appended
	defer func() { s.m.clock.At = nil }()
	return s.hand(s.cols, rows, appended)
}

// Seal takes the rows that a lane has gathered.
func (s *streamJoin) Seal(lane int, _ int64) {
	t := s.tasks[lane]
	if t == nil || t.buffer.Len() == 0 {
		return
	}
	n := int64(t.buffer.Len()) // they are of the stage's account from now on
	s.x.Take(lane, &t.buffer)
	*t.held -= n
	s.m.e.held.Add(-n)
	s.noteHeld()
}

// Advance takes the rows in whose place no other can come any more. It goes by the marks of all lanes.
func (s *streamJoin) Advance(mark int64) (err error) {
	if mark == math.MaxInt64 {
		err = s.x.End(s.group.marks)
	} else {
		err = s.x.Advance(s.group.marks)
	}
	if err != nil {
		return fmt.Errorf("join rows of %s: %w", s.op.Name, err)
	}
	s.noteHeld()
	return nil
}

// Next is the watermark of all lanes: whoever groups joined rows knows how far a row's time may lie before it (Edge).
func (s *streamJoin) Next(mark int64) int64 { return mark }

// Open visits nothing: a pair is final when it comes.
func (s *streamJoin) Open(func(end int64, fill func(into *agg.Hash))) {}

// Ops is where its rows are kept.
func (s *streamJoin) Ops() []string { return []string{statePrefix + s.op.Name} }

// Cut writes the rows that came or went.
func (s *streamJoin) Cut(d *state.Delta) {
	op := s.Ops()[0]
	s.x.Cut(func(key, value []byte) { d.Put(op, key, value) }, func(key []byte) { d.Delete(op, key) })
}

// Restore takes an entry.
func (s *streamJoin) Restore(_ string, key, value []byte) error {
	if err := s.x.Restore(key, value); err != nil {
		return fmt.Errorf("restore the join in %s: %w", s.op.Name, err)
	}
	return nil
}

// Restored puts rows in their places.
func (s *streamJoin) Restored() {
	s.x.Restored()
	s.noteHeld()
}

// Forget leaves out what was restored.
func (s *streamJoin) Forget() { s.x = join.New(s.spec) }

// Held is the rows that are kept, and their memory.
func (s *streamJoin) Held() (rows, bytes int64) { return s.x.Held() }

// noteHeld counts the rows that are kept.
func (s *streamJoin) noteHeld() {
	now, _ := s.x.Held()
	s.m.e.held.Add(now - s.held)
	s.held = now
}

// A joinTask runs a part of a join on one partition.
type joinTask struct {
	op     *dataflow.Operator
	held   *int64 // the task's
	where  scan.Filter
	keys   []*expr.Eval
	out    []*expr.Eval
	late   *keeper
	buffer join.Buffer

	keyCols []*column.Vector
	view    []column.Vector
	failed  expr.RowErrors
	judged  judged
	missed  []uint32 // late rows of the step
}

func newJoinTask(op *dataflow.Operator, env expr.Env, late *keeper) (*joinTask, error) {
	t := &joinTask{op: op, late: late}
	var err error
	if t.where, err = scan.CompileFilter(op.Post, env); err != nil {
		return nil, err
	}
	if t.keys, err = compileAll(op.Keys, env); err != nil {
		return nil, err
	}
	if t.out, err = compileAll(op.Out, env); err != nil {
		return nil, err
	}
	t.keyCols = make([]*column.Vector, len(t.keys))
	t.view = make([]column.Vector, len(t.out))
	return t, nil
}

// step hands the rows of the scan's batch over that are wanted and in time.
func (j *joinTask) step(t *scan.Step) error {
	m := t.Marks[j.op.Watermark]
	b := &t.Scan.Batch
	j.judged.begin(t, j.op)
	j.failed.Reset()
	sel := j.where.Run(b, m.Rows, &j.failed)
	for i, ev := range j.keys {
		j.keyCols[i] = ev.Run(b, sel, &j.failed)
	}
	for i, ev := range j.out {
		j.view[i] = *ev.Run(b, sel, &j.failed)
	}
	sel = j.judged.dropFailed(t, sel, &j.failed)
	times := b.Cols[m.Watermark.TimeColumn].Int
	j.missed = j.missed[:0]
	for _, row := range sel {
		mark := m.Marks[row]
		if times[row] <= mark {
			j.missed = append(j.missed, row)
			continue
		}
		j.judged.by[row] = ledger.Counted
		j.buffer.Add(mark, times[row], t.Scan.Appended[row], j.keyCols, j.op.Join.NullSafe, j.view, int(row))
	}
	if err := j.keepMissed(t, m, times); err != nil {
		return err
	}
	j.judged.end(t)
	return nil
}

// keepMissed keeps the late rows of the step.
func (j *joinTask) keepMissed(t *scan.Step, m *scan.Marks, times []int64) error {
	if len(j.missed) == 0 {
		return nil
	}
	j.judged.set(j.missed, ledger.Late)
	j.late.begin(&lateSchema)
	for _, row := range j.missed {
		j.late.keepLate(t, row, times[row], m.Marks[row], m.Floor)
	}
	return j.late.end()
}

// buildJoinTask makes the part of a join that is of a partition.
func (e *Engine) buildJoinTask(t *task, op *dataflow.Operator, lane int) error {
	late, err := e.lateDestination(op)
	if err != nil {
		return err
	}
	j, err := newJoinTask(op, t.env, newKeeper(newRowWriter(e, late, int32(op.Lane(lane))), &lateSchema))
	if err != nil {
		return err
	}
	stage := e.joinOf(op)
	j.held, stage.tasks[lane] = &t.held, j
	t.joins = append(t.joins, j)
	t.lanes = append(t.lanes, taskLane{stage, lane, op.Watermark})
	return nil
}

// joins tells of all joins. The gate is held.
func (e *Engine) joins() (all []JoinStatus) {
	for _, s := range e.merger.joins {
		c := s.x.Counts()
		j := JoinStatus{Table: queryOf(s.op.Table), Kind: s.op.Join.Kind, Left: c[join.Left], Right: c[join.Right], NotYet: int64(s.x.Waiting()), Watermark: s.group.global}
		j.StateRows, j.State = s.x.Held()
		all = append(all, j)
	}
	return all
}

// joinedFrom is the name under which a table's books have the rows of the join that it keeps; "": it keeps those of none.
func (e *Engine) joinedFrom(table string) string {
	for _, op := range e.byTable[table] {
		if in := e.inside(op); in != nil && in.Joined() {
			return op.From.Name
		}
	}
	return ""
}

// queryOf is the name of the table, sink or alert whose query has this table inside it.
func queryOf(d *plan.Dataset) string {
	if d.Writes != nil {
		return d.Writes.Name
	}
	return d.Within
}
