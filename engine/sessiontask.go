package engine

import (
	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/session"
	"github.com/nagare-stream/nagare/engine/window"
)

// A sessionTask is what a windowTask has for sessions.
type sessionTask struct {
	pieces *session.Lane // nil: windows are of a fixed size
	gap    int64
	gaps   *expr.Eval       // of a gap of its own for each row; nil: all have gap
	known  map[string]int64 // texts of gaps, as durations; 0: it is none
	ends   []int64          // by row: of the gap behind it
	onTime []uint32
	tardy  []uint32
	folded session.Fold
}

// mostGaps is how many texts of gaps are known at a time.
const mostGaps = 10_000

// openSessions prepares a task of an operator whose windows are sessions.
func (w *windowTask) openSessions(env expr.Env) (err error) {
	if !w.w.session {
		return nil
	}
	at := w.op.Agg.Window
	w.gap, w.known = at.Size, map[string]int64{}
	if at.Gap != nil {
		if w.gaps, err = expr.Compile(at.Gap, env); err != nil {
			return err
		}
	}
	w.folded = w.foldPieces
	w.pieces, err = session.NewLane(w.w.keys, w.w.aggs)
	return err
}

// reasonGap is why a row is in no session.
const reasonGap = "the gap of its session is zero, negative, NULL or no duration"

// spans computes the ends of rows' spans and returns those that have one; lose is told of the others.
func (w *windowTask) spans(b *column.Batch, times []int64, rows []uint32, lose func(row uint32, reason string)) []uint32 {
	w.ends = column.Sized(w.ends, b.Len)
	if w.gaps == nil {
		for _, r := range rows {
			w.ends[r] = times[r] + w.gap
		}
		if w.gap > 0 || w.w.place < 0 {
			return rows
		}
	}
	w.onTime = w.onTime[:0]
	var gaps *column.Vector
	if w.gaps != nil {
		w.failed.Reset()
		gaps = w.gaps.Run(b, rows, &w.failed)
	}
	for _, r := range rows {
		gap := int64(0)
		if gaps != nil && !gaps.IsNull(int(r)) {
			gap = w.gapOf(gaps.Bytes(int(r)))
		}
		if gap <= 0 {
			lose(r, reasonGap)
			continue
		}
		w.ends[r] = times[r] + gap
		w.onTime = append(w.onTime, r)
	}
	return w.onTime
}

// gapOf reads a duration; 0: it is none.
func (w *windowTask) gapOf(text []byte) int64 {
	gap, ok := w.known[string(text)]
	if ok {
		return gap
	}
	gap, _, err := window.ParseDuration(string(text))
	if err != nil || gap < 0 || gap > window.MaxSize {
		gap = 0
	}
	if len(w.known) >= mostGaps {
		clear(w.known)
	}
	w.known[string(text)] = gap
	return gap
}

// punctual parts rows into those that are not late, which it returns, and those that are, in w.tardy.
func (w *windowTask) punctual(marks []int64, rows []uint32) []uint32 {
	w.tardy = w.tardy[:0]
	for i, r := range rows {
		if w.ends[r] > marks[r] {
			continue
		}
		w.onTime = append(w.onTime[:0], rows[:i]...)
		for _, r := range rows[i:] {
			if w.ends[r] > marks[r] {
				w.onTime = append(w.onTime, r)
			} else {
				w.tardy = append(w.tardy, r)
			}
		}
		return w.onTime
	}
	return rows
}

// stepSessions brings rows of the step into their sessions.
func (w *windowTask) stepSessions(t *scan.Step, m *scan.Marks, rows []uint32) error {
	times := t.Scan.Batch.Cols[m.Watermark.TimeColumn].Int
	rows = w.spans(&t.Scan.Batch, times, rows, func(row uint32, reason string) {
		w.judged.by[row] = ledger.Invalid
		t.Refuse(row, "invalid", reason)
	})
	rows = w.punctual(m.Marks, rows)
	if err := w.keepAllLate(t, m, times, w.tardy); err != nil {
		return err
	}
	w.judged.set(rows, ledger.Counted)
	w.pieces.Step(w.keyCols, rows, times, w.ends, m.Marks, w.folded)
	w.judged.end(t)
	return nil
}

// foldPieces updates pieces with rows.
func (w *windowTask) foldPieces(values *agg.Slots, slots, rows []uint32) {
	for i := range w.filters {
		if some := w.filters[i].among(rows); len(some) < len(rows) {
			values.FoldSome(i, slots, rows, some, w.argCols[i])
		} else {
			values.Fold(i, slots, rows, w.argCols[i])
		}
	}
}

// placeMade is PlaceAll for rows that explosions made, in windows or sessions: those of sessions are one part.
func (w *windowTask) placeMade(b *column.Batch, times []int64, rows []uint32, lose func(row uint32, reason string)) {
	if w.pieces == nil {
		w.w.spec.PlaceAll(times, w.made.marks, rows, &w.placed)
		return
	}
	rows = w.punctual(w.made.marks, w.spans(b, times, rows, lose))
	w.placed.Late, w.placed.Parts = w.tardy, append(w.placed.Parts[:0], window.Part{Rows: rows})
}
