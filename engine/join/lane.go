package join

// A lane is the rows of one partition that were not taken yet, in order.
type lane struct {
	queue   queue
	next    uint64 // number of the next row that comes
	taken   uint64 // number of the next row to be taken
	changed bool   // since the last cut
}

// A queue is places of rows, in a ring.
type queue struct {
	ring []int32
	head int
	n    int
}

func (q *queue) push(i int32) {
	if q.n == len(q.ring) {
		grown := make([]int32, max(64, 2*len(q.ring)))
		for k := range q.n {
			grown[k] = q.ring[(q.head+k)&(len(q.ring)-1)]
		}
		q.ring, q.head = grown, 0
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = i
	q.n++
}

func (q *queue) first() int32 { return q.ring[q.head] }

func (q *queue) pop() int32 {
	i := q.ring[q.head]
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return i
}

// A place is where a row stands in the order in which rows are taken.
type place struct {
	mark int64
	lane int
}

func (p place) before(q place) bool { return p.mark < q.mark || p.mark == q.mark && p.lane < q.lane }
