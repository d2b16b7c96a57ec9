package window

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// Verdict says whether the event time of a row can be used.
type Verdict uint8

// The verdicts. Lateness is not among them: it depends on the window as well.
const (
	OK      Verdict = iota
	Invalid         // no event time, or one outside the years 0001 to 9999
	Future          // more than the limit after the row was appended: it would close windows too early
)

// A Tracker is the watermark of one partition for one event time and delay. The zero value is not
// of use; see NewTracker.
type Tracker struct {
	Delay       int64 // microseconds, not negative
	FutureLimit int64 // microseconds that an event time may lie behind the append time; math.MaxInt64: any
	greatest    int64 // event time so far; None: none yet
	floor       int64 // what the watermark was raised to
	// Disorder is of the rows since the Tracker was made; no checkpoint keeps it.
	Disorder Disorder
}

// NewTracker returns the tracker of a partition of which no row has been read.
func NewTracker(delay, futureLimit int64) Tracker {
	return Tracker{Delay: delay, FutureLimit: futureLimit, greatest: None, floor: None}
}

// Mark takes rows in their order. For each row it sets the watermark just before the row, in marks,
// and whether its time can be used, in verdict; both are indexed by row, as times and appendTimes
// are. The watermark before the first usable row is None. A row that is Invalid or Future leaves the
// watermark alone; a time exactly at the limit is not Future.
func (t *Tracker) Mark(times *column.Vector, appendTimes []int64, rows []uint32, marks []int64, verdict []Verdict) {
	greatest, mark := t.greatest, t.Now()
	values, limit := times.Int, t.FutureLimit
	nullable := times.Null != nil
	refused := 0
	for _, r := range rows {
		marks[r] = mark
		x := values[r]
		if nullable && times.IsNull(int(r)) || x < MinTime || x > MaxTime {
			verdict[r] = Invalid
			refused++
			continue
		}
		if x > saturatingAdd(appendTimes[r], limit) {
			verdict[r] = Future
			refused++
			continue
		}
		if x > greatest {
			greatest = x
			mark = max(saturatingSub(x, t.Delay), t.floor)
		} else if x < greatest {
			t.Disorder.add(uint64(greatest - x))
		}
		verdict[r] = OK
	}
	t.greatest = greatest
	t.Disorder.Rows += int64(len(rows) - refused)
}

// Judge says whether the event time of a row can be used, as Mark does.
func (t *Tracker) Judge(times *column.Vector, row int, appended int64) Verdict {
	switch x := times.Int[row]; {
	case times.IsNull(row) || x < MinTime || x > MaxTime:
		return Invalid
	case x > saturatingAdd(appended, t.FutureLimit):
		return Future
	}
	return OK
}

// Now is the watermark behind all rows so far; None if there is none yet.
func (t *Tracker) Now() int64 {
	if t.greatest == None {
		return t.floor
	}
	return max(saturatingSub(t.greatest, t.Delay), t.floor)
}

// Greatest is the newest event time that could be used; None if there is none yet.
func (t *Tracker) Greatest() int64 { return t.greatest }

// Raise makes the watermark floor at least. It is for a partition that was idle while windows were
// closed without it (its rows for them are late from then on), and for the end of a bounded source.
func (t *Tracker) Raise(floor int64) { t.floor = max(t.floor, floor) }

// AppendState appends what a checkpoint has to keep; Delay and FutureLimit are not in it.
func (t *Tracker) AppendState(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(t.greatest))
	return binary.LittleEndian.AppendUint64(dst, uint64(t.floor))
}

// SetState takes what AppendState wrote.
func (t *Tracker) SetState(src []byte) error {
	if len(src) != 16 {
		return errors.New("read watermark: the state is not 16 bytes long")
	}
	t.greatest = int64(binary.LittleEndian.Uint64(src))
	t.floor = int64(binary.LittleEndian.Uint64(src[8:]))
	return nil
}

// saturatingAdd is a + b for b >= 0.
func saturatingAdd(a, b int64) int64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxInt64
}

// saturatingSub is a - b for b >= 0. It stops above None, which means no watermark at all.
func saturatingSub(a, b int64) int64 {
	if d := a - b; d < a && d > None || b == 0 {
		return d
	}
	return None + 1
}
