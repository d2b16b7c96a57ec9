package enginetest

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/ledger"
)

// An Event is a record as the oracle and the engine both get it.
type Event struct {
	Partition int
	Append    int64 // append time, microseconds
	Value     string
}

// An Oracle answers one windowed query over events in the most naive way there is: it sorts nothing
// into slices, keeps every row, and loops over all windows. It shares no code with the engine.
//
// The query: for windows of Size, Slide, Offset (microseconds) over field "ts", delay Delay, rows with
// a "q" of at least MinQ, by field "k": count(*), sum(q), sum(x), avg(x), min(x), max(u), and
// count(DISTINCT u). With a Horizon a record is a duplicate whose "id" a usable record of its partition had,
// appended at most so long before.
type Oracle struct {
	Size, Slide, Offset, Delay, FutureLimit int64
	MinQ                                    int64
	Horizon                                 int64 // microseconds; 0: duplicates are not looked for
	// Delays has the delay of each partition, where the query is over UNION ALL of streams; nil: all have Delay.
	Delays []int64
}

// Answer is the rows in order of window and key, as CSV lines, and the outcomes.
type Answer struct {
	Rows   []string
	Ledger ledger.Count
}

type oracleRow struct {
	k, u, id *string
	q        *int64
	x        *float64
}

// Answer computes the query over the events, each partition in the order given.
func (o Oracle) Answer(events []Event) Answer {
	type group struct {
		start int64
		null  bool
		key   string
	}
	rows := map[group][]oracleRow{}
	marks := map[int]int64{}
	ids := oracleIDs{map[int]int64{}, map[int]map[string]int64{}}
	var a Answer
	for _, e := range events {
		a.Ledger.Read++
		ids.clocks[e.Partition] = max(ids.clocks[e.Partition], e.Append)
		ts, row, ok := o.parse(e.Value)
		switch {
		case !ok:
			a.Ledger.Invalid++
			continue
		case ts > e.Append+o.FutureLimit:
			a.Ledger.Future++
			continue
		}
		if row.id != nil && o.Horizon > 0 && ids.repeat(e.Partition, *row.id, o.Horizon) {
			a.Ledger.Duplicate++
			continue
		}
		mark, marked := marks[e.Partition]
		if after := ts - o.delay(e.Partition); !marked || after > mark {
			marks[e.Partition] = after
		}
		if row.q == nil || *row.q < o.MinQ {
			a.Ledger.Filtered++
			continue
		}
		counted := false
		for _, start := range o.windows(ts) {
			if marked && start+o.Size <= mark {
				continue
			}
			counted = true
			g := group{start: start, null: row.k == nil}
			if row.k != nil {
				g.key = *row.k
			}
			rows[g] = append(rows[g], row)
		}
		if counted {
			a.Ledger.Counted++
		} else {
			a.Ledger.Late++
		}
	}
	groups := make([]group, 0, len(rows))
	for g := range rows {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(x, y group) int {
		switch {
		case x.start != y.start:
			return int(math.Copysign(1, float64(x.start-y.start)))
		case x.null != y.null && x.null:
			return -1
		case x.null != y.null:
			return 1
		}
		return strings.Compare(x.key, y.key)
	})
	for _, g := range groups {
		key := strconv.Quote(g.key)[1:]
		key = key[:len(key)-1]
		if g.key == "" {
			key = `""`
		}
		if g.null {
			key = ""
		}
		a.Rows = append(a.Rows, fmt.Sprintf("%s,%s,%s,%s", oracleTime(g.start), oracleTime(g.start+o.Size), key, summarise(rows[g])))
	}
	return a
}

func (o Oracle) delay(partition int) int64 {
	if o.Delays == nil {
		return o.Delay
	}
	return o.Delays[partition]
}

// oracleIDs is the ids of each partition, when they came, and the newest append time.
type oracleIDs struct {
	clocks map[int]int64
	seen   map[int]map[string]int64
}

func (o oracleIDs) repeat(partition int, id string, horizon int64) bool {
	now := o.clocks[partition]
	if first, ok := o.seen[partition][id]; ok && now-first <= horizon {
		return true
	}
	if o.seen[partition] == nil {
		o.seen[partition] = map[string]int64{}
	}
	o.seen[partition][id] = now
	return false
}

// windows is the start of every window that holds a time.
func (o Oracle) windows(ts int64) []int64 {
	var out []int64
	for start := o.Offset - 4*o.Slide; ; start += o.Slide {
		if start > ts {
			return out
		}
		if ts < start+o.Size {
			out = append(out, start)
		}
	}
}

func (o Oracle) parse(value string) (ts int64, row oracleRow, ok bool) {
	var m map[string]any
	dec := json.NewDecoder(strings.NewReader(value))
	dec.UseNumber()
	if !json.Valid([]byte(value)) || dec.Decode(&m) != nil || m == nil {
		return 0, row, false
	}
	text, _ := m["ts"].(string)
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return 0, row, false
	}
	if s, is := m["k"].(string); is {
		row.k = &s
	}
	if s, is := m["u"].(string); is {
		row.u = &s
	}
	if s, is := m["id"].(string); is {
		row.id = &s
	}
	if n, is := m["q"].(json.Number); is {
		if i, err := strconv.ParseInt(string(n), 10, 32); err == nil {
			row.q = &i
		}
	}
	if n, is := m["x"].(json.Number); is {
		if f, err := n.Float64(); err == nil {
			row.x = &f
		}
	}
	return t.UnixMicro(), row, true
}

// Breach reads what an alert over rows looks at: the event time, "k" and "q"; false for a value without a usable time.
func (o Oracle) Breach(value string) (ts int64, k *string, q *int64, ok bool) {
	ts, row, ok := o.parse(value)
	return ts, row.k, row.q, ok
}

func summarise(rows []oracleRow) string {
	var sumQ int64
	var sumX float64
	var minX, maxX float64
	var nX int
	maxU := ""
	users := map[string]bool{}
	for _, r := range rows {
		sumQ += *r.q
		if r.x != nil {
			if nX == 0 || *r.x < minX {
				minX = *r.x
			}
			maxX = max(maxX, *r.x)
			sumX += *r.x
			nX++
		}
		if r.u != nil {
			users[*r.u] = true
			maxU = max(maxU, *r.u)
		}
	}
	sum, avg, low := "", "", ""
	if nX > 0 {
		sum, avg, low = oracleFloat(sumX), oracleFloat(sumX/float64(nX)), oracleFloat(minX)
	}
	return fmt.Sprintf("%d,%d,%s,%s,%s,%s,%d", len(rows), sumQ, sum, avg, low, maxU, len(users))
}

func oracleFloat(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

func oracleTime(micros int64) string {
	t := time.UnixMicro(micros).UTC()
	if micros%1e6 == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000000Z")
}
