package engine

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/window"
)

// The outcomes of a row, the best first: of a topic's row the ledger tells the best over all tables.
const (
	counted uint8 = iota
	late
	future
	invalid
	duplicate
	filtered
	outcomes // how many there are; of a row: not judged
)

// countOutcomes adds each row's outcome. A row that nobody judged was left out by everybody.
func countOutcomes(c *Count, by []uint8) {
	var n [outcomes + 1]int64
	for _, o := range by {
		n[o]++
	}
	c.Read += int64(len(by))
	c.Counted += n[counted]
	c.Late += n[late]
	c.Future += n[future]
	c.Invalid += n[invalid]
	c.Duplicate += n[duplicate]
	c.Filtered += n[filtered] + n[outcomes]
}

// Add sums two counts.
func (c *Count) Add(d Count) {
	c.Read += d.Read
	c.Counted += d.Counted
	c.Late += d.Late
	c.Future += d.Future
	c.Invalid += d.Invalid
	c.Duplicate += d.Duplicate
	c.Filtered += d.Filtered
	c.InFlight += d.InFlight
}

// Balanced reports whether every row that was read has one outcome.
func (c Count) Balanced() bool {
	return c.Read == c.Counted+c.Late+c.Future+c.Invalid+c.Duplicate+c.Filtered+c.InFlight
}

// judged is one operator's outcome of each row of a step.
type judged struct {
	by    []uint8
	count Count
	kept  []uint32 // rows left by dropFailed
}

// begin makes every row of the step filtered, which is what becomes of a row that no later
// judgement names, but for those that the watermark or the decoder refused.
func (j *judged) begin(t *task, op *dataflow.Operator) {
	n := t.scan.batch.Len
	j.by = grow(j.by, n)
	for i := range j.by {
		j.by[i] = filtered
	}
	if op.Watermark >= 0 {
		t.marks[op.Watermark].judge(t, j.by)
	} else if op.JSON {
		t.scan.judgeMalformed(j.by)
	}
	if t.duplicates != nil {
		j.set(t.duplicates.found, duplicate)
	}
}

// judgeMalformed marks the rows whose value is malformed, but for those without one: a WHERE may leave them out.
func (s *scanner) judgeMalformed(by []uint8) {
	if len(s.valid) == s.batch.Len {
		return
	}
	for i := range by {
		if r := s.status[i].Reason; r != codec.OK && r != codec.NoValue {
			by[i] = invalid
		}
	}
}

// wantTombs marks records without a value that a query with a JSON value did not leave out: they are invalid.
func (t *task) wantTombs(rows []uint32, by []uint8) {
	for _, r := range rows {
		if t.scan.status[r].Reason == codec.NoValue {
			by[r] = invalid
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
	if have := j.by[record]; have == filtered || have < outcome {
		j.by[record] = outcome
	}
}

// lose books a row that was made of a record and cannot be used.
func (j *judged) lose(t *task, record uint32, outcome uint8, verdict, reason string) {
	if have := j.by[record]; have == filtered || have < outcome {
		j.by[record] = outcome
		t.refuse(record, verdict, reason)
	}
}

// end books the step in the operator's count and in the topic's best outcomes.
func (j *judged) end(t *task) {
	countOutcomes(&j.count, j.by)
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
			by[r] = future
		case window.Invalid:
			by[r] = invalid
		}
	}
	for _, r := range m.failed.Rows {
		by[r] = invalid
	}
}
