package join

// due is the deadlines of rows, in order. Most come in the order of their deadlines: these stand in a ring, the others in
// a heap.
type due struct {
	ring []deadline
	head int
	n    int
	heap deadlines
}

type deadline struct {
	at    int64
	order uint64
	row   int32
}

func (d deadline) before(e deadline) bool { return d.at < e.at || d.at == e.at && d.order < e.order }

// add notes when a row, which comes behind all before it, can find no partner any more.
func (d *due) add(at int64, order uint64, row int32) {
	x := deadline{at, order, row}
	if d.n > 0 && x.before(d.ring[(d.head+d.n-1)&(len(d.ring)-1)]) {
		d.heap.push(x)
		return
	}
	if d.n == len(d.ring) {
		grown := make([]deadline, max(64, 2*len(d.ring)))
		for k := range d.n {
			grown[k] = d.ring[(d.head+k)&(len(d.ring)-1)]
		}
		d.ring, d.head = grown, 0
	}
	d.ring[(d.head+d.n)&(len(d.ring)-1)] = x
	d.n++
}

// pop takes the first deadline, if it lies before a time.
func (d *due) pop(before int64) (x deadline, ok bool) {
	inRing := d.n > 0 && (len(d.heap) == 0 || d.ring[d.head].before(d.heap[0]))
	switch {
	case inRing && d.ring[d.head].at < before:
		x = d.ring[d.head]
		d.head = (d.head + 1) & (len(d.ring) - 1)
		d.n--
		return x, true
	case !inRing && len(d.heap) > 0 && d.heap[0].at < before:
		return d.heap.pop(), true
	}
	return x, false
}

// last is the greatest deadline.
func (d *due) last() (at int64, any bool) {
	if d.n > 0 {
		at, any = d.ring[(d.head+d.n-1)&(len(d.ring)-1)].at, true
	}
	for _, x := range d.heap {
		if !any || x.at > at {
			at, any = x.at, true
		}
	}
	return at, any
}

// deadlines is a heap.
type deadlines []deadline

func (h *deadlines) push(x deadline) {
	list := append(*h, x)
	i := len(list) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !x.before(list[up]) {
			break
		}
		list[i] = list[up]
		i = up
	}
	list[i] = x
	*h = list
}

func (h *deadlines) pop() deadline {
	list := *h
	first, n := list[0], len(list)-1
	x := list[n]
	list = list[:n]
	i := 0
	for {
		down := 2*i + 1
		if down >= n {
			break
		}
		if down+1 < n && list[down+1].before(list[down]) {
			down++
		}
		if !list[down].before(x) {
			break
		}
		list[i] = list[down]
		i = down
	}
	if n > 0 {
		list[i] = x
	}
	*h = list
	return first
}
