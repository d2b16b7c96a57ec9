package engine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/state"
)

// How old a row of a window is, for sinks whose rows live for a time: as old as the window's end, or as the
// record that let the window close, where that was appended later. So yesterday's events that come today
// give rows of today; and as append times stand in the topics, computing everything anew gives the same
// ages, and brings nothing back to life that has ended.
//
// A window's age is known when it closes, and cannot be found again from its rows: it is kept in the store
// ("age/<operator>", window end → age) for as long as some sink's rows of the window may live.

// An age is when the rows of a window became final.
type age struct{ end, at int64 }

func ageOp(w *windowOp) string { return "age/" + w.op.Name }

// noteAppended remembers when the newest record was appended of those that a task reports. merger.mu is held, inside the
// gate.
func (m *merger) noteAppended(t *task) {
	m.cause = t.appended
	if t.appended != 0 {
		m.appended, t.appended = t.appended, 0
	}
}

// ageOf is the age of a window that is closed; see passages.
func (c *closer) ageOf(end int64) int64 {
	at := end
	for i := range c.group.passages {
		at = max(at, c.group.passages[i].When(func(mark int64) bool { return c.passedAt(mark) >= end }))
	}
	return at
}

// ageOpen is the age of a window that is open: as if the newest record had closed it. The gate is held.
func (m *merger) ageOpen(end int64) int64 { return max(end, m.appended) }

// noteAge keeps the age of a window that closes, and forgets those of which no rows live any more.
func (c *closer) noteAge(end int64) {
	at := c.ageOf(end)
	c.emit.age, c.m.clock.Now = at, at
	if c.lives == 0 {
		return
	}
	d := c.m.e.finals
	c.ages = append(c.ages, age{end, at})
	d.Put(ageOp(c.w), state.AppendOrdered(nil, end), binary.BigEndian.AppendUint64(nil, uint64(at)))
	ended := 0
	for ended < len(c.ages) && c.ages[ended].at+c.lives < at {
		d.Delete(ageOp(c.w), state.AppendOrdered(nil, c.ages[ended].end))
		ended++
	}
	c.ages = append(c.ages[:0], c.ages[ended:]...)
}

// restoreAge puts an age back.
func (c *closer) restoreAge(key, value []byte) error {
	if len(key) != 8 || len(value) != 8 {
		return fmt.Errorf("restore the age of a window of %s: %d and %d bytes", c.w.op.Name, len(key), len(value))
	}
	c.ages = append(c.ages, age{state.Ordered(key), int64(binary.BigEndian.Uint64(value))})
	return nil
}

// ageIn is the age of a window among ages, which are in the order of their ends; its end if it is not there.
func ageIn(ages []age, end int64) int64 {
	at, ok := slices.BinarySearchFunc(ages, end, func(a age, end int64) int {
		switch {
		case a.end < end:
			return -1
		case a.end > end:
			return 1
		}
		return 0
	})
	if !ok {
		return end
	}
	return ages[at].at
}

// livesFor is the longest time for which rows of an operator live in some sink that forgets them; 0: no
// sink does.
func (e *Engine) livesFor(op *dataflow.Operator) int64 {
	lives := int64(0)
	for _, path := range e.pathsFrom(op) {
		lives = max(lives, path[len(path)-1].Sink.TTL)
	}
	return lives
}
