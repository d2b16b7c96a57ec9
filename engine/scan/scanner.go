package scan

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
)

// A Scanner decodes records into the columns of a Scan.
type Scanner struct {
	Flow     *dataflow.Scan
	Topic    string
	JSON     *codec.JSON
	Status   []codec.Status
	Batch    column.Batch
	Appended []int64  // append time by row
	Valid    []uint32 // rows whose value is not malformed
	Tombs    []uint32 // rows without a value, which is malformed to those who want them
	All      []uint32
	computed []*expr.Eval // by column, nil for those read from the record
	failed   expr.RowErrors
	clock    *expr.Clock
}

// NewScanner makes a scanner that sets env.Clock to the append times of the records in hand.
func NewScanner(f *dataflow.Scan, topic string, env expr.Env) (*Scanner, error) {
	s := &Scanner{Flow: f, Topic: topic, computed: make([]*expr.Eval, len(f.Columns)), clock: env.Clock}
	if len(f.Targets) > 0 {
		s.JSON = codec.NewJSON(f.Targets, codec.Options{Zone: env.Zone, NonFiniteStrings: true})
	}
	for i, c := range f.Columns {
		if c.Computed == nil {
			continue
		}
		ev, err := expr.Compile(c.Computed, env)
		if err != nil {
			return nil, err
		}
		s.computed[i] = ev
	}
	return s, nil
}

// Decode fills the batch with records from … to-1, once for all operators.
func (s *Scanner) Decode(r *record.Records, from, to int) error {
	n := to - from
	b := &s.Batch
	b.Reset(&s.Flow.Schema)
	b.Len = n
	s.Appended = append(s.Appended[:0], r.Times[from:to]...)
	s.clock.At, s.clock.Origins = s.Appended, nil
	s.Status = column.Sized(s.Status, n)
	clear(s.Status)
	if s.JSON != nil {
		s.JSON.Decode(&r.Values, from, to, b.Cols[:len(s.Flow.Targets)], s.Status)
		for i := from; i < min(to, len(r.Faults)); i++ {
			if r.Faults[i] != "" {
				s.Status[i-from].Reason = codec.Malformed
			}
		}
	}
	s.All, s.Valid, s.Tombs = s.All[:0], s.Valid[:0], s.Tombs[:0]
	for i := range n {
		s.All = append(s.All, uint32(i))
		switch s.Status[i].Reason {
		case codec.OK:
			s.Valid = append(s.Valid, uint32(i))
		case codec.NoValue:
			s.Tombs = append(s.Tombs, uint32(i))
		}
	}
	for i := len(s.Flow.Targets); i < len(s.Flow.Columns); i++ {
		if c := &s.Flow.Columns[i]; c.Source >= 0 {
			FillSource(&b.Cols[i], c.Source, s.Topic, r, from, to)
		}
	}
	s.failed.Reset()
	for i, ev := range s.computed {
		if ev != nil {
			b.Cols[i] = *ev.Run(b, s.All, &s.failed)
		}
	}
	return nil
}

// JudgeMalformed marks the rows whose value is malformed, but for those without one: a WHERE may leave them out.
func (s *Scanner) JudgeMalformed(by []uint8) {
	if len(s.Valid) == s.Batch.Len {
		return
	}
	for i := range by {
		if r := s.Status[i].Reason; r != codec.OK && r != codec.NoValue {
			by[i] = ledger.Invalid
		}
	}
}
