package scan

import (
	"math"
	"sort"
)

// When a window became final is when the last of the records was appended that took a partition's watermark past its
// end. That depends on the topics alone: so each lane remembers which record took its watermark past the end of a window
// that is still open, where somebody wants to know.

// Passages are those of one lane.
type Passages struct {
	List   []Passage // by mark; none is at or below the watermark of all lanes
	Newest int64     // append time of the newest record that passed the filters below the watermark; 0: there is none
}

// A Passage is a watermark that lies behind the end of a window as the one before does not, and when the record was
// appended that made it so.
type Passage struct{ Mark, At int64 }

// When is the append time of the record that took the watermark to where a window is closed; of the newest one where
// something else closes it.
func (p *Passages) When(closes func(mark int64) bool) int64 {
	i := sort.Search(len(p.List), func(i int) bool { return closes(p.List[i].Mark) })
	if i == len(p.List) {
		return p.Newest
	}
	return p.List[i].At
}

// Forget drops what lies behind no window that is open.
func (p *Passages) Forget(global int64) {
	n := 0
	for n < len(p.List) && p.List[n].Mark <= global {
		n++
	}
	p.List = append(p.List[:0], p.List[n:]...)
}

// A Passing watches the watermark of a task pass the ends of windows. What it finds is the merger's with the task's next
// report.
type Passing struct {
	NextEnd func(mark int64) int64 // of the windows whose ends are wanted
	next    int64                  // the first end that is not passed
	Found   Passages
}

// Note takes rows that were marked, where now is the watermark behind them.
func (p *Passing) Note(marks []int64, rows []uint32, now int64, appended []int64) {
	if n := len(rows); n > 0 {
		p.Found.Newest = appended[rows[n-1]]
	}
	if now < p.next {
		return
	}
	for i, r := range rows {
		after := now
		if i+1 < len(rows) {
			after = marks[rows[i+1]]
		}
		if after >= p.next && after > math.MinInt64 {
			p.add(after, appended[r])
		}
	}
}

// add notes that the watermark has come to a mark.
func (p *Passing) add(mark, at int64) {
	p.Found.List = append(p.Found.List, Passage{mark, at})
	p.Begin(mark)
}

// Begin looks for the first end behind a mark.
func (p *Passing) Begin(mark int64) { p.next = p.NextEnd(mark) }
