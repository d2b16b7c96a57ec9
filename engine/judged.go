package engine

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/window"
)

// judged is one operator's outcome of each row of a step.
type judged struct {
	by    []uint8
	count ledger.Count
	kept  []uint32 // rows left by dropFailed
}

// begin makes every row of the step filtered, which is what becomes of a row that no later
// judgement names, but for those that the watermark or the decoder refused.
func (j *judged) begin(t *task, op *dataflow.Operator) {
	n := t.scan.batch.Len
	j.by = grow(j.by, n)
	for i := range j.by {
		j.by[i] = ledger.Filtered
	}
	if op.Watermark >= 0 {
		t.marks[op.Watermark].judge(t, j.by)
	} else if op.JSON {
		t.scan.judgeMalformed(j.by)
	}
	if t.duplicates != nil {
		j.set(t.duplicates.found, ledger.Duplicate)
	}
}

// judgeMalformed marks the rows whose value is malformed, but for those without one: a WHERE may leave them out.
func (s *scanner) judgeMalformed(by []uint8) {
	if len(s.valid) == s.batch.Len {
		return
	}
	for i := range by {
		if r := s.status[i].Reason; r != codec.OK && r != codec.NoValue {
			by[i] = ledger.Invalid
		}
	}
}

// wantTombs marks records without a value that a query with a JSON value did not leave out: they are invalid.
func (t *task) wantTombs(rows []uint32, by []uint8) {
	for _, r := range rows {
		if t.scan.status[r].Reason == codec.NoValue {
			by[r] = ledger.Invalid
			t.refuse(r, "invalid", codec.NoValue.String())
		}
	}
}

// set gives rows an outcome.
func (j *judged) set(rows []uint32, outcome uint8) {
	for _, r := range rows {
		j.by[r] = outcome
	}
}

// worse gives a record the outcome of one of the rows that were made of it: of those that were wanted the worst
// counts, so that a lost row shows.
func (j *judged) worse(record uint32, outcome uint8) {
	if have := j.by[record]; have == ledger.Filtered || have < outcome {
		j.by[record] = outcome
	}
}

// lose books a row that was made of a record and cannot be used.
func (j *judged) lose(t *task, record uint32, outcome uint8, verdict, reason string) {
	if have := j.by[record]; have == ledger.Filtered || have < outcome {
		j.by[record] = outcome
		t.refuse(record, verdict, reason)
	}
}

// end books the step in the operator's count and in the topic's best outcomes.
func (j *judged) end(t *task) {
	ledger.CountOutcomes(&j.count, j.by)
	for i, o := range j.by {
		t.best[i] = min(t.best[i], o)
	}
}

// judge marks the rows that the watermark refused, and those whose value is malformed.
func (m *taskMarks) judge(t *task, by []uint8) {
	if len(m.rows) == t.scan.batch.Len {
		return
	}
	if m.group.JSON {
		t.scan.judgeMalformed(by)
		t.wantTombs(m.wanted, by)
	}
	for _, r := range m.offered {
		switch m.verdict[r] {
		case window.Future:
			by[r] = ledger.Future
		case window.Invalid:
			by[r] = ledger.Invalid
		}
	}
	for _, r := range m.failed.Rows {
		by[r] = ledger.Invalid
	}
}
