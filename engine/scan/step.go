package scan

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/window"
)

// A Step is the records of a partition that operators have in hand: decoded, judged and marked, once for all of them.
// What becomes of each is said here.
type Step struct {
	Records    record.Records
	From       int // first record of the step
	To         int // behind its last one
	Scan       *Scanner
	Duplicates *Duplicates // nil: they are not looked for
	Marks      []*Marks
	Timeless   bool    // some operator needs no event time
	Best       []uint8 // by row: best outcome so far
	Refused    []Refusal
}

// A Refusal is a row of the step that is kept apart, and why.
type Refusal struct {
	Row             uint32
	Verdict, Reason string
}

// Reasons that the engine itself gives for refusing a row.
const (
	ReasonTime   = "event time missing or unusable"
	ReasonFuture = "event time too far ahead of the append time"
	ReasonLate   = "behind the watermark of its partition"
	ReasonIdle   = "its window was closed while its partition was idle"
)

// Refuse notes a row to be kept in TOPIC$invalid.
func (s *Step) Refuse(row uint32, verdict, reason string) {
	s.Refused = append(s.Refused, Refusal{row, verdict, reason})
}

// WantTombs marks records without a value that a query with a JSON value did not leave out: they are invalid.
func (s *Step) WantTombs(rows []uint32, by []uint8) {
	for _, r := range rows {
		if s.Scan.Status[r].Reason == codec.NoValue {
			by[r] = ledger.Invalid
			s.Refuse(r, "invalid", codec.NoValue.String())
		}
	}
}

// usable reports whether some operator of the task's topic can use a row's event time, or needs none.
func (s *Step) usable(r uint32) bool {
	if s.Timeless {
		return true
	}
	for _, m := range s.Marks {
		if m.Lane != dataflow.NoLane && m.Watermark.Made { // the times are not known before rows are made: the record is remembered
			return true
		}
		if m.Lane != dataflow.NoLane && m.Tracker.Judge(&s.Scan.Batch.Cols[m.Watermark.TimeColumn], int(r), s.Scan.Appended[r]) == window.OK {
			return true
		}
	}
	return false
}
