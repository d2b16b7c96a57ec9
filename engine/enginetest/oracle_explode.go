package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine/ledger"
)

// An ExplodeOracle answers a windowed query over the elements of arrays, as naively as Oracle and without a line of
// the engine: for each element of the field "items", {"at": …, "n": …, "s": …}, count(*) and sum(n) by window
// and s, of those with an n of at least Min. With Outer a record without elements counts as one without n and s.
//
// The watermark is over the record's "ts"; with Inner over the elements' "at": all of a record are then judged by
// the watermark just before the record.
type ExplodeOracle struct {
	Oracle
	Inner, Outer bool
	Min          int64
}

// element is one element, or the lack of one.
type element struct {
	at    int64 // microseconds; noTime: none
	hasAt bool
	n     *int64
	s     *string
}

type elementGroup struct {
	start int64
	s     string // "": NULL, before all; else with a letter before it
}

// The outcomes of an element, a worse one behind a better; a record has the worst of its elements'.
const (
	notWanted = iota
	asCounted
	asLate
	asFuture
	asInvalid
)

// Answer computes the query over the events, each partition in the order given.
func (o ExplodeOracle) Answer(events []Event) Answer {
	sums := map[elementGroup][]int64{} // the n of its elements
	marks, seen := map[int]int64{}, map[int]bool{}
	var a Answer
	for _, e := range events {
		a.Ledger.Read++
		ts, hasTS, list, ok := o.elements(e.Value)
		worst := notWanted
		switch {
		case !ok, !o.Inner && !hasTS:
			worst, list = asInvalid, nil
		case !o.Inner && ts > e.Append+o.FutureLimit:
			worst, list = asFuture, nil
		}
		mark, marked := marks[e.Partition], seen[e.Partition]
		move := func(to int64) {
			if !seen[e.Partition] || to-o.Delay > marks[e.Partition] {
				marks[e.Partition], seen[e.Partition] = to-o.Delay, true
			}
		}
		if worst == notWanted && !o.Inner {
			move(ts)
		}
		for _, x := range list {
			at := ts
			if o.Inner {
				at = x.at
				if !x.hasAt {
					worst = asInvalid
					continue
				}
				if at > e.Append+o.FutureLimit {
					worst = max(worst, asFuture)
					continue
				}
				move(at)
			}
			if x.n == nil || *x.n < o.Min {
				continue
			}
			outcome := asLate
			for _, start := range o.windows(at) {
				if marked && start+o.Size <= mark {
					continue
				}
				outcome = asCounted
				g := elementGroup{start: start}
				if x.s != nil {
					g.s = "s" + *x.s
				}
				sums[g] = append(sums[g], *x.n)
			}
			worst = max(worst, outcome)
		}
		book(&a.Ledger, worst)
	}
	a.Rows = sumLines(sums)
	return a
}

// sumLines is the sums as CSV lines, in order of window and s.
func sumLines(sums map[elementGroup][]int64) (lines []string) {
	groups := make([]elementGroup, 0, len(sums))
	for g := range sums {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(x, y elementGroup) int {
		if x.start != y.start {
			return int(x.start/1e6 - y.start/1e6)
		}
		return slices.Compare([]byte(x.s), []byte(y.s))
	})
	for _, g := range groups {
		total := int64(0)
		for _, n := range sums[g] {
			total += n
		}
		key := g.s
		if key != "" {
			key = key[1:]
		}
		lines = append(lines, fmt.Sprintf("%s,%s,%d,%d", oracleTime(g.start), key, len(sums[g]), total))
	}
	return lines
}

func book(l *ledger.Count, worst int) {
	switch worst {
	case notWanted:
		l.Filtered++
	case asCounted:
		l.Counted++
	case asLate:
		l.Late++
	case asFuture:
		l.Future++
	case asInvalid:
		l.Invalid++
	}
}

func (o ExplodeOracle) elements(value string) (ts int64, hasTS bool, list []element, ok bool) {
	var m struct {
		TS    any   `json:"ts"`
		Items []any `json:"items"`
	}
	if json.Unmarshal([]byte(value), &m) != nil {
		return 0, false, nil, false
	}
	ts, hasTS = momentOf(m.TS)
	for _, item := range m.Items {
		x := element{}
		if f, is := item.(map[string]any); is {
			x.at, x.hasAt = momentOf(f["at"])
			if n, is := f["n"].(float64); is {
				i := int64(n)
				x.n = &i
			}
			if s, is := f["s"].(string); is {
				x.s = &s
			}
		}
		list = append(list, x)
	}
	if o.Outer && len(list) == 0 {
		list = append(list, element{})
	}
	return ts, hasTS, list, true
}

func momentOf(v any) (int64, bool) {
	text, _ := v.(string)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, false
	}
	return t.UnixMicro(), true
}

// ItemsJSON is the field "items" of n elements made by each.
func ItemsJSON(n int, each func(i int) string) string {
	text := `"items": [`
	for i := range n {
		if i > 0 {
			text += ", "
		}
		text += each(i)
	}
	return text + "]"
}

// ElementJSON is one element.
func ElementJSON(at string, n int64, s string) string {
	return `{"at": ` + at + `, "n": ` + strconv.FormatInt(n, 10) + `, "s": ` + s + `}`
}
