package nexmark

import (
	"container/heap"
	"fmt"
	"io"
	"strconv"
)

// WriteNDJSON writes the first n events, one a line, in the order in which they arrive.
func (g *Generator) WriteNDJSON(w io.Writer, n int64) error {
	return g.write(w, n, func(dst []byte, a arrival) []byte { return g.Append(dst, a.event) })
}

// WriteRecords writes the first n events as records of a topic, one a line, as `kcat -J` shows them: spread over
// partitions, with the time at which they arrive.
func (g *Generator) WriteRecords(w io.Writer, n int64, topic string, partitions int) error {
	count := int64(0)
	return g.write(w, n, func(dst []byte, a arrival) []byte {
		dst = strconv.AppendQuote(append(dst, `{"topic":`...), topic)
		dst = strconv.AppendInt(append(dst, `,"partition":`...), count%int64(partitions), 10)
		dst = strconv.AppendInt(append(dst, `,"offset":`...), count/int64(partitions), 10)
		dst = strconv.AppendInt(append(dst, `,"tstype":"create","ts":`...), a.at, 10)
		dst = append(g.Append(append(dst, `,"payload":`...), a.event), '}')
		count++
		return dst
	})
}

// write writes a line for each of the first n events, in the order in which they arrive.
func (g *Generator) write(w io.Writer, n int64, line func(dst []byte, a arrival) []byte) error {
	const full = 256 << 10
	buf := make([]byte, 0, full+4<<10)
	var held arrivalHeap
	for i := range n {
		now := g.timeOf(i)
		heap.Push(&held, arrival{g.Arrival(i), i})
		for len(held) > 0 && (held[0].at <= now || i == n-1) {
			buf = append(line(buf, heap.Pop(&held).(arrival)), '\n')
			if len(buf) >= full {
				if _, err := w.Write(buf); err != nil {
					return fmt.Errorf("write Nexmark's events: %w", err)
				}
				buf = buf[:0]
			}
		}
	}
	if _, err := w.Write(buf); err != nil {
		return fmt.Errorf("write Nexmark's events: %w", err)
	}
	return nil
}

// arrival is an event that has had its turn and may be delayed.
type arrival struct {
	at    int64 // milliseconds since 1970
	event int64
}

// arrivalHeap has the next event to arrive in front.
type arrivalHeap []arrival

func (h arrivalHeap) Len() int { return len(h) }
func (h arrivalHeap) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].event < h[j].event
}
func (h arrivalHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *arrivalHeap) Push(x any)   { *h = append(*h, x.(arrival)) }
func (h *arrivalHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
