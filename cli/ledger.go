package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
)

// ledgerText is the sum over the topics, and whether it adds up. A row counts once, by its best outcome
// over the tables, so that leftOutText belongs beside it. Duplicates are told where they are looked for.
func ledgerText(st engine.Status) string {
	l := st.Ledger
	var sum ledger.Count
	for _, c := range l.Topics {
		sum.Add(c)
	}
	text := fmt.Sprintf("%s read = %s counted + %s late + %s future + %s invalid",
		grouped(sum.Read), grouped(sum.Counted), grouped(sum.Late), grouped(sum.Future), grouped(sum.Invalid))
	if len(st.Dedup) > 0 || sum.Duplicate > 0 {
		text += fmt.Sprintf(" + %s duplicate", grouped(sum.Duplicate))
	}
	text += fmt.Sprintf(" + %s filtered", grouped(sum.Filtered))
	if sum.InFlight > 0 {
		text += fmt.Sprintf(" + %s in flight", grouped(sum.InFlight))
	}
	if n := web.Imbalance(l); n != 0 {
		text += fmt.Sprintf(": UNBALANCED by %s rows", grouped(n))
	}
	return text
}

// fullLedgerText is both on a line.
func fullLedgerText(st engine.Status) string {
	text := ledgerText(st)
	if out := leftOutText(st.Ledger); out != "" {
		text += "; left out: " + out
	}
	if gone := letGoText(st.Ledger); gone != "" {
		text += "; let go: " + gone
	}
	if out := unfitText(st.Ledger); out != "" {
		text += "; not of their column's type, so NULL: " + out
	}
	return text
}

// letGoText is how many rows retention has removed, by table; "" for none.
func letGoText(l ledger.Ledger) string {
	var tables []string
	for _, name := range slices.Sorted(maps.Keys(l.LetGo)) {
		tables = append(tables, name+" "+grouped(l.LetGo[name]))
	}
	return strings.Join(tables, ", ")
}

// leftOutText names the tables that are without rows of what they read, and how many; "" if none is:
// "per_minute 3 late, 2 invalid of 7; per_hour 2 invalid of 7".
func leftOutText(l ledger.Ledger) string {
	var tables []string
	for _, x := range l.Losses() {
		var parts []string
		for _, o := range []struct {
			n    int64
			name string
		}{{x.Late, "late"}, {x.Future, "future"}, {x.Invalid, "invalid"}} {
			if o.n > 0 {
				parts = append(parts, grouped(o.n)+" "+o.name)
			}
		}
		text := fmt.Sprintf("%s %s of %s", x.Table, strings.Join(parts, ", "), grouped(x.Read))
		if len(l.Tables[x.Table]) > 1 {
			text += " from " + x.Topic
		}
		tables = append(tables, text)
	}
	return strings.Join(tables, "; ")
}

// unfitText names the fields whose values did not fit their column: "amount 2 (DOUBLE, as "19.99")".
func unfitText(l ledger.Ledger) string {
	var fields []string
	for _, topic := range slices.Sorted(maps.Keys(l.Unfit)) {
		for _, name := range slices.Sorted(maps.Keys(l.Unfit[topic])) {
			u := l.Unfit[topic][name]
			fields = append(fields, fmt.Sprintf("%s %s (no %s: %s at %s/%d offset %d)", name, grouped(u.Count), u.Type, u.Sample, topic, u.Partition, u.Offset))
		}
	}
	return strings.Join(fields, ", ")
}
