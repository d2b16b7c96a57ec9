package engine

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/scan"
)

// judged is one operator's outcome of each row of a step.
type judged struct {
	by    []uint8
	count ledger.Count
	kept  []uint32 // rows left by dropFailed
}

// begin makes every row of the step filtered, which is what becomes of a row that no later
// judgement names, but for those that the watermark or the decoder refused.
func (j *judged) begin(t *scan.Step, op *dataflow.Operator) {
	n := t.Scan.Batch.Len
	j.by = column.Sized(j.by, n)
	for i := range j.by {
		j.by[i] = ledger.Filtered
	}
	if op.Watermark >= 0 {
		t.Marks[op.Watermark].Judge(t, j.by)
	} else if op.JSON {
		t.Scan.JudgeMalformed(j.by)
	}
	if t.Duplicates != nil {
		j.set(t.Duplicates.Found, ledger.Duplicate)
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
func (j *judged) lose(t *scan.Step, record uint32, outcome uint8, verdict, reason string) {
	if have := j.by[record]; have == ledger.Filtered || have < outcome {
		j.by[record] = outcome
		t.Refuse(record, verdict, reason)
	}
}

// end books the step in the operator's count and in the topic's best outcomes.
func (j *judged) end(t *scan.Step) {
	ledger.CountOutcomes(&j.count, j.by)
	for i, o := range j.by {
		t.Best[i] = min(t.Best[i], o)
	}
}

// dropFailed leaves the rows out whose expressions failed: they are invalid, with the error's class.
// What it returns is valid until its next call for the operator.
func (j *judged) dropFailed(t *scan.Step, sel []uint32, failed *expr.RowErrors) []uint32 {
	if len(failed.Rows) == 0 {
		return sel
	}
	for i, row := range failed.Rows {
		j.by[row] = ledger.Unjudged // none that another row could have: a malformed one may stay
		t.Refuse(row, "invalid", failed.Classes[i])
	}
	j.kept = j.kept[:0]
	for _, row := range sel {
		if j.by[row] != ledger.Unjudged {
			j.kept = append(j.kept, row)
		}
	}
	j.set(failed.Rows, ledger.Invalid)
	return j.kept
}
