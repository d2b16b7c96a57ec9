package scan

import (
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/window"
)

// Marks is one watermark of a partition, and what it makes of the rows of a step.
type Marks struct {
	Watermark *dataflow.Watermark
	Lane      int // NoLane: its operators do not read the task's topic
	Tracker   window.Tracker
	Pre       Filter
	Raw       *RawTime
	Marks     []int64
	Verdict   []window.Verdict
	Rows      []uint32 // rows with a believable time
	Offered   []uint32 // rows that passed the filters below the watermark
	wanted    []uint32 // records without a value that passed them, where the value is read
	Failed    expr.RowErrors
	Passing   *Passing // nil: nobody wants to know when windows were closed
	Floor     int64    // to which the watermark was raised while the partition was idle; math.MinInt64: never
}

// Mark judges each row's event time and gives it the watermark just before it.
func (m *Marks) Mark(s *Step) {
	if m.Watermark.Made {
		return
	}
	n := s.Scan.Batch.Len
	m.Marks, m.Verdict = column.Sized(m.Marks, n), column.Sized(m.Verdict, n)
	m.Failed.Reset()
	rows := s.Scan.All
	if m.Watermark.JSON {
		rows = s.Scan.Valid
		m.wanted = m.wanted[:0]
		if len(s.Scan.Tombs) > 0 {
			m.wanted = append(m.wanted, m.Pre.Run(&s.Scan.Batch, s.Scan.Tombs, &m.Failed)...)
		}
	}
	m.Offered = m.Pre.Run(&s.Scan.Batch, rows, &m.Failed)
	m.Tracker.Mark(&s.Scan.Batch.Cols[m.Watermark.TimeColumn], s.Scan.Appended, m.Offered, m.Marks, m.Verdict)
	if m.Passing != nil {
		m.Passing.Note(m.Marks, m.Offered, m.Tracker.Now(), s.Scan.Appended)
	}
	m.Rows = m.Rows[:0]
	for _, r := range m.Offered {
		if m.Verdict[r] == window.OK {
			m.Rows = append(m.Rows, r)
		}
	}
}

// Raise lifts the watermark, and reports whether it was lower. Rows that are late by it are told apart
// from those that are late by the partition's own rows.
func (m *Marks) Raise(to int64) bool {
	if m.Tracker.Now() >= to {
		return false
	}
	m.Tracker.Raise(to)
	m.Floor = to
	if p := m.Passing; p != nil && to >= p.next {
		p.add(to, p.Found.Newest)
	}
	return true
}

// Judge marks the rows that the watermark refused, and those whose value is malformed.
func (m *Marks) Judge(s *Step, by []uint8) {
	if len(m.Rows) == s.Scan.Batch.Len {
		return
	}
	if m.Watermark.JSON {
		s.Scan.JudgeMalformed(by)
		s.WantTombs(m.wanted, by)
	}
	for _, r := range m.Offered {
		switch m.Verdict[r] {
		case window.Future:
			by[r] = ledger.Future
		case window.Invalid:
			by[r] = ledger.Invalid
		}
	}
	for _, r := range m.Failed.Rows {
		by[r] = ledger.Invalid
	}
}
