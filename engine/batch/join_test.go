package batch

import (
	"fmt"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// pairRows draws the rows of a table (k INT, v INT), with NULLs and repeated keys.
func pairRows(t *rapid.T, label string) [][]any {
	cell := rapid.Custom(func(t *rapid.T) any {
		if n := rapid.IntRange(-1, 3).Draw(t, "cell"); n >= 0 {
			return n
		}
		return nil
	})
	n := rapid.IntRange(0, 7).Draw(t, label)
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{cell.Draw(t, "k"), cell.Draw(t, "v")}
	}
	return rows
}

// truth is a SQL BOOLEAN: 1, 0, or -1 for NULL.
type truth int

func equals(a, b any) truth {
	switch {
	case a == nil || b == nil:
		return -1
	case a == b:
		return 1
	}
	return 0
}

func less(a, b any) truth {
	switch {
	case a == nil || b == nil:
		return -1
	case a.(int) < b.(int):
		return 1
	}
	return 0
}

func both(a, b truth) truth {
	switch {
	case a == 0 || b == 0:
		return 0
	case a < 0 || b < 0:
		return -1
	}
	return 1
}

// naiveJoin is a join by two loops.
func naiveJoin(kind string, left, right [][]any, on func(l, r []any) truth) []string {
	var out []string
	add := func(rows ...[]any) {
		var cells []string
		for _, row := range rows {
			for _, c := range row {
				if c == nil {
					cells = append(cells, "NULL")
				} else {
					cells = append(cells, fmt.Sprint(c))
				}
			}
		}
		out = append(out, strings.Join(cells, ","))
	}
	nulls := []any{nil, nil}
	matched := make([]bool, len(right))
	for _, l := range left {
		found := false
		for i, r := range right {
			if on(l, r) != 1 {
				continue
			}
			if found, matched[i] = true, true; !strings.HasPrefix(kind, "LEFT SEMI") && kind != "LEFT ANTI" {
				add(l, r)
			}
		}
		switch {
		case !found && (kind == "LEFT" || kind == "FULL"):
			add(l, nulls)
		case found && kind == "LEFT SEMI", !found && kind == "LEFT ANTI":
			add(l)
		}
	}
	if kind == "RIGHT" || kind == "FULL" {
		for i, r := range right {
			if !matched[i] {
				add(nulls, r)
			}
		}
	}
	return out
}

// TestJoinsAgreeWithLoops runs joins of every kind, with equalities, with more than equalities and without any,
// against two loops.
func TestJoinsAgreeWithLoops(t *testing.T) {
	conditions := []struct {
		sql string
		on  func(l, r []any) truth
	}{
		{"l.k = r.k", func(l, r []any) truth { return equals(l[0], r[0]) }},
		{"l.k = r.k AND l.v < r.v", func(l, r []any) truth { return both(equals(l[0], r[0]), less(l[1], r[1])) }},
		{"l.k = r.k AND l.v = r.v", func(l, r []any) truth { return both(equals(l[0], r[0]), equals(l[1], r[1])) }},
		{"l.v < r.v", func(l, r []any) truth { return less(l[1], r[1]) }},
		{"l.k <=> r.k", func(l, r []any) truth {
			if l[0] == r[0] {
				return 1
			}
			return 0
		}},
	}
	rapid.Check(t, func(t *rapid.T) {
		l, r := pairRows(t, "left"), pairRows(t, "right")
		kind := rapid.SampledFrom([]string{"INNER", "LEFT", "RIGHT", "FULL", "LEFT SEMI", "LEFT ANTI"}).Draw(t, "kind")
		c := rapid.SampledFrom(conditions).Draw(t, "on")
		text := fmt.Sprintf("SELECT * FROM l %s JOIN r ON %s", kind, c.sql)
		want := naiveJoin(kind, l, r, c.on)
		compare(t, text, l, r, want, false)
	})
}

// TestSubqueriesAgreeWithLoops runs IN, NOT IN, EXISTS and NOT EXISTS in WHERE and as values.
func TestSubqueriesAgreeWithLoops(t *testing.T) {
	in := func(l []any, right [][]any, on func(l, r []any) truth) truth {
		result := truth(0)
		for _, r := range right {
			switch on(l, r) {
			case 1:
				return 1
			case -1:
				result = -1
			}
		}
		return result
	}
	keys := func(l, r []any) truth { return equals(l[0], r[0]) }
	rapid.Check(t, func(t *rapid.T) {
		l, r := pairRows(t, "left"), pairRows(t, "right")
		cases := []struct {
			sql string
			is  func(row []any) truth
		}{
			{"k IN (SELECT k FROM r)", func(row []any) truth { return in(row, r, keys) }},
			{"k NOT IN (SELECT k FROM r)", func(row []any) truth { return not(in(row, r, keys)) }},
			{"k IN (SELECT r.k FROM r WHERE r.v < l.v)", func(row []any) truth {
				return in(row, r, func(l, r []any) truth {
					if less(r[1], l[1]) != 1 {
						return 0 // WHERE leaves the row out, whether FALSE or NULL
					}
					return keys(l, r)
				})
			}},
			{"EXISTS (SELECT 1 FROM r WHERE r.k = l.k AND r.v = 1)", func(row []any) truth {
				return max(0, in(row, r, func(l, r []any) truth { return both(keys(l, r), equals(r[1], 1)) }))
			}},
			{"NOT EXISTS (SELECT * FROM r WHERE r.k = l.k)", func(row []any) truth { return not(max(0, in(row, r, keys))) }},
			{"(k, v) IN (SELECT k, v FROM r)", func(row []any) truth {
				return in(row, r, func(l, r []any) truth { return both(keys(l, r), equals(l[1], r[1])) })
			}},
		}
		c := rapid.SampledFrom(cases).Draw(t, "condition")
		var where, value []string
		for _, row := range l {
			text := strings.Join(naiveJoin("LEFT SEMI", [][]any{row}, [][]any{row}, func(l, r []any) truth { return 1 }), "")
			is := c.is(row)
			value = append(value, text+","+[]string{"NULL", "false", "true"}[is+1])
			if is == 1 {
				where = append(where, text)
			}
		}
		compare(t, "SELECT * FROM l WHERE "+c.sql, l, r, where, true)
		compare(t, "SELECT *, "+c.sql+" AS x FROM l", l, r, value, true)
	})
}

func not(a truth) truth {
	if a < 0 {
		return a
	}
	return 1 - a
}

// compare runs a query over l and r in batches of several sizes; ordered asks for the rows in that order.
func compare(t *rapid.T, text string, l, r [][]any, want []string, ordered bool) {
	var first string
	for i, size := range sizes {
		got, err := query(text, size, table("l", "k:int v:int", l...), table("r", "k:int v:int", r...))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if as := strings.Join(got, "|"); i == 0 {
			first = as
		} else if as != first {
			t.Fatalf("%s: batches of %d rows give %s, batches of 1 %s", text, size, as, first)
		}
		if !ordered {
			sort.Strings(got)
			want = append([]string{}, want...)
			sort.Strings(want)
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("%s\nleft %v\nright %v\n got %v\nwant %v", text, l, r, got, want)
		}
	}
}
