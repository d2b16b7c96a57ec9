package enginetest

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/nagare-stream/nagare/engine/ledger"
)

// A SessionOracle answers a query over sessions in the most naive way there is: one watermark rises from the beginning
// of time. A row is there once it has passed the row's mark, and joins all sessions of its key that it touches and that
// have not ended; a session has ended once the watermark is at its end.
//
// The query: for sessions of field "ts" with a gap of Gap, or of "q" seconds where that is 0, and for field "k":
// start, end, count(*), sum(q) and the greatest u, of rows with a "q". Delay and FutureLimit are as Oracle's.
type SessionOracle struct{ Gap, Delay, FutureLimit int64 }

type sessionRow struct {
	ts, end, mark int64
	key           string
	q             int64
	u             string
}

type oracleSession struct {
	start, end int64
	rows       []sessionRow
}

// Answer is the rows, sorted, and the outcomes.
func (o SessionOracle) Answer(events []Event) Answer {
	var a Answer
	marks := map[int]int64{}
	var rows []sessionRow
	for _, e := range events {
		a.Ledger.Read++
		ts, row, ok := Oracle{}.parse(e.Value)
		switch {
		case !ok:
			a.Ledger.Invalid++
			continue
		case ts > e.Append+o.FutureLimit:
			a.Ledger.Future++
			continue
		}
		mark, marked := marks[e.Partition]
		if after := ts - o.Delay; !marked || after > mark {
			marks[e.Partition] = after
		}
		if !marked {
			mark = -1 << 62
		}
		if row.q == nil {
			a.Ledger.Filtered++
			continue
		}
		gap := o.Gap
		if gap == 0 {
			gap = *row.q * 1e6
		}
		switch {
		case gap <= 0:
			a.Ledger.Invalid++
		case ts+gap <= mark:
			a.Ledger.Late++
		default:
			a.Ledger.Counted++
			r := sessionRow{ts: ts, end: ts + gap, mark: mark, key: "", q: *row.q}
			if row.k != nil {
				if r.key = strconv.Quote(*row.k); *row.k != "" {
					r.key = *row.k
				}
			}
			if row.u != nil {
				r.u = *row.u
			}
			rows = append(rows, r)
		}
	}
	a.Rows = sessionLines(rows)
	return a
}

// sessionLines lets the watermark rise.
func sessionLines(rows []sessionRow) (lines []string) {
	slices.SortStableFunc(rows, func(a, b sessionRow) int { return int(max(-1, min(1, a.mark/2-b.mark/2))) })
	open := map[string][]oracleSession{}
	for _, r := range rows {
		for key, list := range open {
			var left []oracleSession
			for _, s := range list {
				if s.end <= r.mark {
					lines = append(lines, s.line(key))
				} else {
					left = append(left, s)
				}
			}
			open[key] = left
		}
		joined := oracleSession{start: r.ts, end: r.end, rows: []sessionRow{r}}
		var left []oracleSession
		for _, s := range open[r.key] {
			if s.start > r.end || s.end < r.ts {
				left = append(left, s)
				continue
			}
			joined.start, joined.end = min(joined.start, s.start), max(joined.end, s.end)
			joined.rows = append(joined.rows, s.rows...)
		}
		open[r.key] = append(left, joined)
	}
	for key, list := range open {
		for _, s := range list {
			lines = append(lines, s.line(key))
		}
	}
	slices.Sort(lines)
	return lines
}

func (s oracleSession) line(key string) string {
	sum, most := int64(0), ""
	for _, r := range s.rows {
		sum, most = sum+r.q, max(most, r.u)
	}
	return fmt.Sprintf("%s,%s,%s,%d,%d,%s", oracleTime(s.start), oracleTime(s.end), key, len(s.rows), sum, most)
}

// DistinctRows is what SELECT DISTINCT k, ts gives of the rows with a "q", sorted, and the outcomes.
func (o SessionOracle) DistinctRows(events []Event) (lines []string, count ledger.Count) {
	marks, seen := map[int]int64{}, map[string]bool{}
	for _, e := range events {
		count.Read++
		ts, row, ok := Oracle{}.parse(e.Value)
		switch {
		case !ok:
			count.Invalid++
			continue
		case ts > e.Append+o.FutureLimit:
			count.Future++
			continue
		}
		mark, marked := marks[e.Partition]
		if after := ts - o.Delay; !marked || after > mark {
			marks[e.Partition] = after
		}
		switch {
		case row.q == nil:
			count.Filtered++
			continue
		case marked && ts <= mark:
			count.Late++
			continue
		}
		count.Counted++
		key := ""
		if row.k != nil {
			if key = *row.k; key == "" {
				key = `""`
			}
		}
		seen[key+","+oracleTime(ts)] = true
	}
	for line := range seen {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines, count
}
