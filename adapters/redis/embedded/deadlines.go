package embedded

import (
	"container/heap"
	"math"
	"sync"
	"sync/atomic"
)

// A place is a key of a database.
type place struct {
	db  int
	key string
}

// A deadline is when to look at a key, in milliseconds since 1970.
type deadline struct {
	place place
	at    int64
	index int // in the heap
}

// deadlines is when to look at which key, one time a key: never later than the key's end.
type deadlines struct {
	first atomic.Int64 // the earliest time; math.MaxInt64: there is none
	wake  chan struct{}

	mu     sync.Mutex
	byTime byTime
	of     map[place]*deadline
}

func newDeadlines() *deadlines {
	d := &deadlines{wake: make(chan struct{}, 1), of: map[place]*deadline{}}
	d.first.Store(math.MaxInt64)
	return d
}

// note has a key looked at, at a time or before.
func (d *deadlines) note(p place, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noteLocked(p, at)
}

func (d *deadlines) noteLocked(p place, at int64) {
	switch e := d.of[p]; {
	case e == nil:
		e = &deadline{place: p, at: at}
		d.of[p] = e
		heap.Push(&d.byTime, e)
	case at < e.at:
		e.at = at
		heap.Fix(&d.byTime, e.index)
	default:
		return
	}
	d.changed()
}

// follow has a key looked at when another is, whose TTL it may get.
func (d *deadlines) follow(p, from place) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.of[from]; e != nil {
		d.noteLocked(p, e.at)
	}
}

// swap has the keys of two databases looked at in both.
func (d *deadlines) swap(a, b int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range append(byTime(nil), d.byTime...) {
		switch e.place.db {
		case a:
			d.noteLocked(place{b, e.place.key}, e.at)
		case b:
			d.noteLocked(place{a, e.place.key}, e.at)
		}
	}
}

// take returns the keys that are to be looked at by now, not more than a number, the earliest first.
func (d *deadlines) take(now int64, most int) []place {
	d.mu.Lock()
	defer d.mu.Unlock()
	var due []place
	for len(d.byTime) > 0 && d.byTime[0].at <= now && len(due) < most {
		e := heap.Pop(&d.byTime).(*deadline)
		delete(d.of, e.place)
		due = append(due, e.place)
	}
	if len(d.byTime) == 0 && len(due) > 0 {
		d.byTime, d.of = nil, map[place]*deadline{} // what a crowd of keys took is given back
	}
	d.changed()
	return due
}

// changed tells the earliest time to who waits for it. The caller holds the lock.
func (d *deadlines) changed() {
	first := int64(math.MaxInt64)
	if len(d.byTime) > 0 {
		first = d.byTime[0].at
	}
	if before := d.first.Swap(first); first < before {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// byTime implements heap.Interface.
type byTime []*deadline

func (b byTime) Len() int           { return len(b) }
func (b byTime) Less(i, j int) bool { return b[i].at < b[j].at }

// Swap implements heap.Interface.
func (b byTime) Swap(i, j int) {
	b[i], b[j] = b[j], b[i]
	b[i].index, b[j].index = i, j
}

// Push implements heap.Interface.
func (b *byTime) Push(x any) {
	e := x.(*deadline)
	e.index = len(*b)
	*b = append(*b, e)
}

// Pop implements heap.Interface.
func (b *byTime) Pop() any {
	last := len(*b) - 1
	e := (*b)[last]
	(*b)[last] = nil
	*b = (*b)[:last]
	return e
}

// count tells how many keys of each database are looked at yet.
func (d *deadlines) count() map[int]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := map[int]int{}
	for _, e := range d.byTime {
		n[e.place.db]++
	}
	return n
}
