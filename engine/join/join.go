package join

import (
	"bytes"
	"math"
)

// A Join holds the rows of two streams that may still find partners. It has one owner at a time.
type Join struct {
	spec  Spec
	lanes []lane
	rows  rows
	byKey map[uint64]chains
	due   due
	taken uint64 // rows that were taken from lanes so far
	out   output
	count [2]Count // without Waiting
	// closed is the time up to which rows were given up while their lanes had not come so far: what comes later and would
	// have been in time for them is late. math.MinInt64: none.
	closed int64
	log    changes
}

// New makes an empty join.
func New(spec Spec) *Join {
	j := &Join{spec: spec, lanes: make([]lane, len(spec.Sides)), byKey: map[uint64]chains{}, closed: math.MinInt64}
	j.out.init(&spec)
	return j
}

// changes is what is different from the last cut, as far as rows do not tell it themselves.
type changes struct {
	gone []gone
	meta bool
}

// gone is a row in the store that is kept no more.
type gone struct {
	lane   int32
	number uint64
	told   bool
}

// Closed is the time up to which rows were given up early; see Close. math.MinInt64: none.
func (j *Join) Closed() int64 { return j.closed }

// Counts is what became of the rows of each side so far.
func (j *Join) Counts() [2]Count {
	c := j.count
	for side := range c {
		c[side].Waiting = c[side].Rows - c[side].Joined - c[side].Unmatched
	}
	return c
}

// Held is how many rows are kept and what memory they take.
func (j *Join) Held() (rows, bytes int64) { return int64(j.rows.live), j.rows.bytes() }

// Advance takes all rows whose place no row can come before any more, given the watermark of each lane, math.MaxInt64 for
// one that holds nothing back, and lets go of those that can find no partner any more.
func (j *Join) Advance(marks []int64) error {
	low := int64(math.MaxInt64)
	for _, m := range marks {
		low = min(low, m)
	}
	for {
		at, until, ok := j.ready(marks)
		if !ok {
			break
		}
		l := &j.lanes[at]
		for l.queue.n > 0 {
			i := l.queue.first()
			if !(place{j.rows.at(i).mark, at}).before(until) {
				break
			}
			l.queue.pop()
			l.taken++
			if err := j.take(i); err != nil {
				return err
			}
		}
		l.changed = true
	}
	if low == math.MaxInt64 {
		return j.flush() // there is no lane, or End follows
	}
	if err := j.expire(low); err != nil {
		return err
	}
	return j.flush()
}

// ready finds the lane whose first row is next, and the place up to which its rows may be taken before those of others.
func (j *Join) ready(marks []int64) (at int, until place, ok bool) {
	first := place{math.MaxInt64, math.MaxInt}
	until = first
	at = none
	for i := range j.lanes {
		p := place{marks[i], i}
		q := &j.lanes[i].queue
		if q.n > 0 {
			p.mark = j.rows.at(q.first()).mark
		} else if p.mark == math.MaxInt64 {
			continue
		}
		switch {
		case p.before(first):
			first, until = p, first
			if at = none; q.n > 0 {
				at = i
			}
		case p.before(until):
			until = p
		}
	}
	return at, until, at != none
}

// End lets go of all rows, for nothing comes any more: those without a partner come out. What comes all the same, and would
// have been a partner of one, is late; see Closed.
func (j *Join) End(marks []int64) error {
	if err := j.Advance(marks); err != nil {
		return err
	}
	if d, any := j.due.last(); any {
		j.closed = max(j.closed, d)
		j.log.meta = true
	}
	if err := j.expire(math.MaxInt64); err != nil {
		return err
	}
	return j.flush()
}

// Waiting is how many rows of lanes were not taken yet.
func (j *Join) Waiting() (n int) {
	for i := range j.lanes {
		n += j.lanes[i].queue.n
	}
	return n
}

// chains is the rows of one hash of keys, by side, in the order in which they were taken.
type chains struct{ first, last [2]int32 }

// take has a row find its partners among those that are kept, and keeps it.
func (j *Join) take(i int32) error {
	r := j.rows.at(i)
	if err := j.expire(r.mark); err != nil {
		return err
	}
	r = j.rows.at(i)
	side := j.spec.Sides[r.lane]
	r.order = j.taken
	j.taken++
	if r.flags&nullKey != 0 {
		return j.giveUp(i, side)
	}
	if c, some := j.byKey[r.hash]; some {
		if err := j.pair(i, side, c.first[1-side]); err != nil {
			return err
		}
		if r = j.rows.at(i); r.state == free { // a left row that came out
			return nil
		}
	}
	j.keep(i, side)
	return nil
}

// keep has a row wait for partners that come behind it.
func (j *Join) keep(i int32, side int) {
	r := j.rows.at(i)
	c, some := j.byKey[r.hash]
	if !some {
		c = chains{[2]int32{none, none}, [2]int32{none, none}}
	}
	if last := c.last[side]; last == none {
		c.first[side] = i
	} else {
		j.rows.at(last).next, r.prev = i, last
	}
	c.last[side] = i
	j.byKey[r.hash] = c
	r.state = kept
	if at := j.spec.deadline(side, r.time); at != math.MaxInt64 {
		j.due.add(at, r.order, i)
	}
}

// pair has a row meet those of the other side, from one on.
func (j *Join) pair(i int32, side int, other int32) error {
	key, time := j.rows.keyOf(j.rows.at(i)), j.rows.at(i).time
	for other != none {
		o := j.rows.at(other)
		next := o.next
		left, right := i, other
		tl, tr := time, o.time
		if side == Right {
			left, right, tl, tr = other, i, o.time, time
		}
		if j.spec.near(tl, tr) && o.key == uint32(len(key)) && bytes.Equal(j.rows.keyOf(o), key) {
			if err := j.meet(left, right); err != nil {
				return err
			}
			if j.spec.Semi && side == Left && j.rows.at(i).state == free {
				return nil
			}
		}
		for other = next; other != none && j.rows.at(other).state == free; {
			other = j.rows.at(other).next // a left row that came out meanwhile
		}
	}
	return nil
}

// meet puts a pair out, or, where more than keys and times decides, up for it.
func (j *Join) meet(left, right int32) error {
	if j.spec.Rest == nil {
		if err := j.put(left, right); err != nil {
			return err
		}
		return j.match(left, right)
	}
	l, r := j.rows.at(left), j.rows.at(right)
	if j.spec.Semi && l.flags&matched != 0 {
		return nil
	}
	l.asked, r.asked = j.out.number, j.out.number
	return j.put(left, right)
}

// match notes that two rows are partners.
func (j *Join) match(left, right int32) error {
	j.note(left, Left)
	j.note(right, Right)
	if j.spec.Semi {
		j.drop(left, Left)
	}
	return nil
}

func (j *Join) note(i int32, side int) {
	r := j.rows.at(i)
	if r.flags&matched != 0 {
		return
	}
	r.flags |= matched
	j.count[side].Joined++
}

// giveUp lets go of a row that can find no partner any more.
func (j *Join) giveUp(i int32, side int) error {
	r := j.rows.at(i)
	if r.asked != 0 && r.asked == j.out.number {
		if err := j.flush(); err != nil {
			return err
		}
		if r = j.rows.at(i); r.state == free {
			return nil
		}
	}
	if r.flags&matched == 0 {
		j.count[side].Unmatched++
		if j.spec.Single[side] {
			pair := [2]int32{none, none}
			pair[side] = i
			if err := j.put(pair[Left], pair[Right]); err != nil {
				return err
			}
		}
	}
	j.drop(i, side)
	return nil
}

// drop lets go of a row.
func (j *Join) drop(i int32, side int) {
	r := j.rows.at(i)
	if r.state == kept {
		c := j.byKey[r.hash]
		if r.prev == none {
			c.first[side] = r.next
		} else {
			j.rows.at(r.prev).next = r.next
		}
		if r.next == none {
			c.last[side] = r.prev
		} else {
			j.rows.at(r.next).prev = r.prev
		}
		if c.first[Left] == none && c.first[Right] == none {
			delete(j.byKey, r.hash)
		} else {
			j.byKey[r.hash] = c
		}
	}
	if r.flags&stored != 0 {
		j.log.gone = append(j.log.gone, gone{r.lane, r.number, r.flags&told != 0})
	}
	j.rows.remove(i)
}

// expire lets go of rows whose deadlines lie before a time that all lanes have come to.
func (j *Join) expire(to int64) error {
	for {
		x, ok := j.due.pop(to)
		if !ok {
			return nil
		}
		r := j.rows.at(x.row)
		if r.state != kept || r.order != x.order {
			continue // it came out before
		}
		if err := j.giveUp(x.row, j.spec.Sides[r.lane]); err != nil {
			return err
		}
	}
}

// put appends a pair to what comes out; none is a side that is NULL.
func (j *Join) put(left, right int32) error {
	if err := j.out.put(&j.rows, left, right); err != nil || j.out.batch.Len < outRows {
		return err
	}
	return j.flush()
}

// flush hands the pairs on that match.
func (j *Join) flush() error {
	o := &j.out
	if o.batch.Len == 0 {
		return nil
	}
	sel := o.close()
	if j.spec.Rest != nil {
		sel = j.judge()
	}
	err := j.spec.Emit(&o.batch, sel, o.appended)
	o.reset()
	return err
}

// judge asks Rest, and returns the rows that come out.
func (j *Join) judge() []uint32 {
	o := &j.out
	o.asked = o.asked[:0]
	for i, p := range o.pairs {
		if p[Left] != none && p[Right] != none {
			o.asked = append(o.asked, uint32(i))
		}
	}
	passing := j.spec.Rest(&o.batch, o.asked, o.appended)
	o.sel = o.sel[:0]
	for i, p := range o.pairs {
		switch {
		case p[Left] == none || p[Right] == none:
			o.sel = append(o.sel, uint32(i))
		case len(passing) > 0 && passing[0] == uint32(i):
			passing = passing[1:]
			if j.spec.Semi && (j.rows.at(p[Left]).state == free || j.rows.at(p[Left]).flags&matched != 0) {
				continue
			}
			o.sel = append(o.sel, uint32(i))
			j.note(p[Left], Left)
			j.note(p[Right], Right)
		}
	}
	if j.spec.Semi {
		for _, i := range o.sel {
			j.drop(o.pairs[i][Left], Left)
		}
	}
	return o.sel
}
