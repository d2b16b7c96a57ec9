package engine

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/join"
)

// explainJoin tells what a join goes by, what it keeps until when, and which partition it waits for.
func (e *Engine) explainJoin(b *strings.Builder, op *dataflow.Operator) {
	e.gate.Lock()
	defer e.gate.Unlock()
	s := e.joinOf(op)
	fmt.Fprintf(b, "%s\n", op.Join)
	counts := s.x.Counts()
	rows, bytes := s.x.Held()
	for side, name := range []string{"left", "right"} {
		var topics []string
		for _, part := range op.Of {
			if part.Side == side {
				topics = append(topics, part.From.Topics...)
			}
		}
		c := counts[side]
		fmt.Fprintf(b, "  %s rows, of topic %s: %d handed over, %d joined, %d without a partner, %d waiting\n", name, strings.Join(topics, ", "), c.Rows, c.Joined, c.Unmatched, c.Waiting)
	}
	fmt.Fprintf(b, "  state: %d rows in %d KB, %d of them behind rows that another partition may still have; a row goes once every partition's watermark is past %s\n",
		rows, bytes>>10, s.x.Waiting(), untilOf(op, join.Left)+" (left), "+untilOf(op, join.Right)+" (right)")
	low := int64(math.MaxInt64)
	for _, mark := range s.outlet.group.marks {
		low = min(low, mark)
	}
	for lane, mark := range s.outlet.group.marks {
		if mark == math.MaxInt64 { // no partition has the lane, or its source has ended
			continue
		}
		note := "is ahead"
		if mark == low {
			note = "holds it back"
		}
		topic, p := s.outlet.group.inLane(lane)
		fmt.Fprintf(b, "  %s partition %d: watermark %s, %s\n", topic, p, isoTime(mark), note)
	}
}

// untilOf is the time that a watermark has to pass before a row of a side goes.
func untilOf(op *dataflow.Operator, side int) string {
	j := op.Join
	by := j.Most
	if side == join.Right {
		by = -j.Least
	}
	switch {
	case j.Window != nil:
		return "the end of its window"
	case by == math.MaxInt64 || by == math.MinInt64:
		return "the end of time, for nothing bounds it"
	case by == 0:
		return "its time"
	case by < 0:
		return fmt.Sprintf("its time less %v", time.Duration(-by)*time.Microsecond)
	}
	return fmt.Sprintf("its time and %v", time.Duration(by)*time.Microsecond)
}
