package expr_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// everyKind are expressions that together use every kind of step and most kernels.
var everyKind = []string{
	"amount * (1 - discount / 100)", "amount + 1", "amount / (discount - 5)", "quantity + 1", "total * quantity - 7", "total div quantity",
	"total % quantity", "pmod(total, quantity)", "price + 1.5", "price * price", "price / 3", "price % 7", "wide + price", "wide * 2", "wide / price",
	"-amount", "abs(total)", "try_divide(total, quantity)",
	"amount > 50000", "amount <= discount", "category = 'books'", "category <> id", "category < 'd'", "quantity IN (1, 2, NULL)", "category IN ('books', '食品')",
	"price > 100", "ts > TIMESTAMP'2026-01-02 03:04:05'", "total <=> quantity", "place = place", "flag AND quantity > 2", "flag OR quantity > 2", "NOT flag",
	"amount BETWEEN 100 AND 5000 AND flag", "id IS NULL OR NOT (amount > 10)", "category LIKE '%o_k%'", "id RLIKE '[0-4]$'",
	"CASE WHEN discount >= 15 THEN 'high' WHEN discount >= 5 THEN category ELSE 'none' END", "CASE category WHEN 'books' THEN 1 WHEN '食品' THEN 2 END",
	"CASE WHEN quantity > 2 THEN amount ELSE total END", "if(flag, place, NULL)", "coalesce(category, id, '?')", "coalesce(quantity, total)", "nullif(quantity, 0)",
	"100 / nullif(quantity, 0)", "greatest(amount, total, quantity)", "least(category, id)", "if(flag, tags, array('x'))",
	"CAST(amount AS INT)", "CAST(number AS INT)", "TRY_CAST(number AS DOUBLE)", "CAST(total AS STRING)", "CAST(price AS DOUBLE)", "CAST(amount AS DECIMAL(12,3))",
	"CAST(ts AS DATE)", "CAST(place AS STRING)", "CAST(counts AS ARRAY<STRING>)", "CAST(tags AS STRING)", "CAST(place AS STRUCT<c: STRING, z: BIGINT>)",
	"hour(ts)", "dayofweek(ts)", "year(day) * 100 + month(day)", "date_format(ts, 'yyyy-MM-dd HH:mm:ss.SSS E')", "date_trunc('HOUR', ts)", "ts + INTERVAL 1 MONTH",
	"ts - INTERVAL 90 MINUTES", "day + quantity", "datediff(day, DATE'2026-01-01')", "window(ts, '5 minutes')", "window(ts, '5 minutes').start", "unix_millis(ts)",
	"to_timestamp(concat(CAST(day AS STRING), ' 01:02:03'), 'yyyy-MM-dd HH:mm:ss')",
	"concat(id, ':', category)", "concat_ws('-', id, tags, category)", "upper(category)", "substring(category, 2, 3)", "lpad(number, 5, '*')", "length(category)",
	"split(id, '-')", "regexp_replace(id, '([0-9])', '<$1>')", "md5(id)", "hash(id, amount, place, tags)", "xxhash64(total, price, wide)", "format_number(amount, 2)",
	"round(amount, 1)", "round(price, -1)", "floor(amount)", "ceil(price)", "sqrt(amount)", "hex(total)",
	"struct(id, amount, place.city)", "place.city", "place.zip + 1", "named_struct('a', tags, 'b', ts)", "array(quantity, total)", "map(id, amount)", "counts[0]", "tags[1]",
	"to_json(struct(*))", "from_json(concat('{\"a\":', quantity, '}'), 'a INT, b STRING')", "from_json(to_json(struct(amount, category)), 'amount DOUBLE, category STRING').amount",
	"get_json_object(to_json(place), '$.city')", "array(struct(id, total)).total",
	"transform(counts, x -> x * quantity)", "transform(counts, (x, i) -> x + i)", "filter(counts, x -> x > quantity)", "exists(counts, x -> x = 2)", "forall(counts, x -> x > 0)",
	"aggregate(counts, 0, (a, x) -> a + x)", "aggregate(counts, 0L, (a, x) -> a + x * total, a -> concat(id, a))", "transform(counts, x -> aggregate(tags, '', (a, y) -> concat(a, y, x, id)))",
	"transform(counts, x -> 10 div x)", "zip_with(counts, tags, (a, b) -> concat_ws('/', a, b, id))", "transform_values(map(id, quantity), (k, v) -> concat(k, v))",
	"map_filter(map(id, quantity, 'b', 2), (k, v) -> v > 1)", "map_keys(map(id, total))", "array_distinct(counts)", "sort_array(counts, false)", "array_contains(counts, quantity)",
	"array_union(counts, array(quantity, 1))", "concat(tags, array(id))", "slice(counts, 2, 2)", "array_join(tags, '+', '?')", "size(tags)", "array_max(counts)", "flatten(array(counts, counts))",
	"sequence(0, quantity)", "str_to_map(id, '-', '1')", "element_at(tags, -1)", "map_entries(map(id, total))", "transform(array(place), p -> p.city)",
	"transform(split(id, ''), c -> transform(counts, x -> concat(c, x, category)))",
}

// results is what an expression gives for rows of a batch: the value's text, or the error.
func results(t testing.TB, run *expr.Eval, n *expr.Node, b *column.Batch, sel []uint32) []string {
	var errs expr.RowErrors
	v := run.Run(b, sel, &errs)
	if got := v.Len(); got != b.Len && n.Type.Kind != column.Struct {
		t.Fatalf("%s: %d rows of %d", n, got, b.Len)
	}
	out := make([]string, 0, len(sel))
	failed := 0
	for _, i := range sel {
		if failed < len(errs.Rows) && errs.Rows[failed] == i {
			if !v.IsNull(int(i)) {
				t.Fatalf("%s: row %d failed and is not NULL", n, i)
			}
			out = append(out, "error "+errs.Classes[failed])
			failed++
			continue
		}
		out = append(out, showValue(v, int(i)))
	}
	if failed != len(errs.Rows) {
		t.Fatalf("%s: errors for rows %v that are not in order or not selected", n, errs.Rows)
	}
	return out
}

// TestAnySplitGivesTheSame runs every expression over all rows at once, over selections of them, over
// batches of other sizes, and with one Eval for all of it: a row's result depends on the row alone.
func TestAnySplitGivesTheSame(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, nulls := range []int{0, 4} {
		b := purchases(300, 11, nulls)
		for _, text := range everyKind {
			run, n := compile(t, text, time.UTC)
			want := results(t, run, n, b, b.Sel)
			for _, size := range []int{1, 7, 64, 65, 300} {
				for from := 0; from < b.Len; from += size {
					part := pick(b, b.Sel[from:min(from+size, b.Len)])
					for k, got := range results(t, run, n, part, part.Sel) {
						if got != want[from+k] {
							t.Fatalf("%s, batches of %d: row %d is %s, at once %s", text, size, from+k, got, want[from+k])
						}
					}
				}
			}
			for trial := 0; trial < 4; trial++ {
				var sel []uint32
				for i := range b.Sel {
					if r.IntN(trial+2) == 0 {
						sel = append(sel, uint32(i))
					}
				}
				for k, got := range results(t, run, n, b, sel) {
					if got != want[sel[k]] {
						t.Fatalf("%s, a selection: row %d is %s, at once %s", text, sel[k], got, want[sel[k]])
					}
				}
			}
		}
	}
}

// TestFilterIsRun compares the fused conditions with the values of the same expression.
func TestFilterIsRun(t *testing.T) {
	for _, nulls := range []int{0, 3} {
		b := purchases(500, 3, nulls)
		for _, text := range append([]string{
			"amount = 10 OR amount > 50000", "50000 < amount", "NOT amount < 50000", "quantity >= 3", "3 >= quantity", "quantity <> 2", "2 = quantity",
			"category >= 'c' AND category <= 'f'", "'books' = category", "NOT category <> 'books'", "id IS NOT NULL AND flag", "flag OR category IS NULL OR total < 0",
			"total IN (1, 2, 3) OR quantity IN (2)", "quantity NOT IN (1, 2)", "CASE WHEN flag THEN quantity > 1 ELSE false END", "day < DATE'2025-06-01'",
		}, everyKind...) {
			run, n := compile(t, text, time.UTC)
			if n.Type.Kind != column.Bool {
				continue
			}
			values := results(t, run, n, b, b.Sel)
			kept := map[uint32]bool{}
			var errs expr.RowErrors
			sel := run.Filter(b, b.Sel, make([]uint32, 0, 4), &errs)
			for k, i := range sel {
				if k > 0 && sel[k-1] >= i {
					t.Fatalf("%s: rows %v are not in order", text, sel)
				}
				kept[i] = true
			}
			for i, v := range values {
				if kept[uint32(i)] != (v == "true") {
					t.Fatalf("%s: row %d is %s, kept %v", text, i, v, kept[uint32(i)])
				}
			}
		}
	}
}

// TestLazyBranchesRaiseNothing: what no row needs is not computed, so it cannot fail.
func TestLazyBranchesRaiseNothing(t *testing.T) {
	b := purchases(200, 5, 5)
	for text, fails := range map[string]bool{
		"CASE WHEN quantity <> 0 THEN total / quantity END":                    false,
		"CASE WHEN quantity = 0 THEN 0 ELSE total div quantity END":            false,
		"if(quantity = 0, 0, 100 % quantity)":                                  false,
		"quantity = 0 OR total / quantity > 1":                                 false,
		"quantity <> 0 AND total / quantity > 1":                               false,
		"coalesce(1, total / 0)":                                               false,
		"nvl(CAST(0 AS DOUBLE), total / 0)":                                    false,
		"CASE WHEN number IN ('1', '22') THEN CAST(number AS INT) ELSE -1 END": false,
		"CASE WHEN true THEN 1 ELSE 1 / 0 END":                                 false,
		"if(false, raise_error('no'), 1)":                                      false,
		"nullif(quantity, 0) / nullif(quantity, 0)":                            false,
		"NULL + 1 / quantity":                                                  false,
		"total / quantity":                                                     true,
		"CAST(number AS INT)":                                                  true,
		"CASE WHEN quantity = 0 THEN total / quantity END":                     true,
		"quantity = 0 AND total / quantity > 1":                                true,
		"1 / 0":                                                                true,
		"coalesce(NULL, total / 0)":                                            true,
		"concat(id, CAST(CAST(number AS INT) AS STRING), CAST(total / quantity AS STRING))": true,
	} {
		run, _ := compile(t, text, time.UTC)
		var errs expr.RowErrors
		run.Run(b, b.Sel, &errs)
		if fails != (len(errs.Rows) > 0) {
			t.Errorf("%s: %d errors %v", text, len(errs.Rows), errs.Classes)
		}
		for k := 1; k < len(errs.Rows); k++ {
			if errs.Rows[k] <= errs.Rows[k-1] {
				t.Errorf("%s: a row has two errors", text)
			}
		}
	}
}

// TestErrorsNameTheRow checks which rows fail, and that they are NULL although the branch above has a value.
func TestErrorsNameTheRow(t *testing.T) {
	b := purchases(100, 9, 0)
	run, _ := compile(t, "coalesce(total / quantity, 5)", time.UTC)
	var errs expr.RowErrors
	v := run.Run(b, b.Sel, &errs)
	failed := map[uint32]bool{}
	for k, i := range errs.Rows {
		failed[i] = true
		if errs.Classes[k] != "DIVIDE_BY_ZERO" {
			t.Errorf("row %d: class %s", i, errs.Classes[k])
		}
	}
	for i := 0; i < b.Len; i++ {
		zero := b.Cols[4].Int[i] == 0
		if zero != failed[uint32(i)] || zero != v.IsNull(i) {
			t.Errorf("row %d: quantity %d, failed %v, NULL %v", i, b.Cols[4].Int[i], failed[uint32(i)], v.IsNull(i))
		}
	}
}

// TestKeyTellsExpressionsApart: keys are equal for equal expressions and only for them.
func TestKeyTellsExpressionsApart(t *testing.T) {
	keys := map[string]string{}
	for _, text := range append([]string{"1", "1L", "'1'", "NULL", "CAST(NULL AS INT)", "1.0", "1.00", "amount", "discount", "DATE'2026-01-02'", "ts", "X'31'", "0.0D", "-0.0D",
		"total + 1", "1 + total"}, everyKind...) {
		key := bind(t, text).Key()
		if other, ok := keys[key]; ok {
			t.Errorf("%s and %s have one key %s", text, other, key)
		}
		keys[key] = text
		if again := bind(t, text).Key(); again != key {
			t.Errorf("%s: keys %s and %s", text, key, again)
		}
	}
	for _, same := range [][2]string{{"AMOUNT*2", "t.amount * 2"}, {"hour(ts)", "HOUR(t.ts)"}, {"transform(counts, x -> x + 1)", "transform(counts, y -> y + 1)"}, {"1 + 1", "2"}} {
		if a, b := bind(t, same[0]).Key(), bind(t, same[1]).Key(); a != b {
			t.Errorf("%s and %s have keys %s and %s", same[0], same[1], a, b)
		}
	}
}

// TestZones runs the facts of time zones that SPARK.md lists.
func TestZones(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Skip(err)
	}
	for text, want := range map[string]string{
		"window(TIMESTAMP'2026-01-02T03:04:05Z','1 day')":                    "{2026-01-02 09:00:00, 2026-01-03 09:00:00}",
		"window(TIMESTAMP'2026-01-02T03:04:05Z','1 day','1 day','15 hours')": "{2026-01-02 00:00:00, 2026-01-03 00:00:00}",
		"hour(TIMESTAMP'2026-01-02T23:04:05Z')":                              "8",
		"dayofweek(TIMESTAMP'2026-01-02T23:04:05Z')":                         "7",
		"CAST(to_timestamp('2026-01-02 03:04:05') AS BIGINT)":                "1767290645",
		"date_trunc('DAY',TIMESTAMP'2026-01-02T23:04:05Z')":                  "2026-01-03 00:00:00",
		"date_format(TIMESTAMP'2026-01-02T23:04:05Z','yyyy-MM-dd HH:00:00')": "2026-01-03 08:00:00",
		"to_json(named_struct('ts',TIMESTAMP'2026-01-02T23:04:05Z'))":        `{"ts":"2026-01-03T08:04:05.000+09:00"}`,
		"CAST(TIMESTAMP'2026-01-02T23:04:05Z' AS DATE)":                      "2026-01-03",
		"from_unixtime(0)": "1970-01-01 09:00:00",
		"date_format(TIMESTAMP'2026-01-02T23:04:05Z',\"HH'h' XXX VV\")": "08h +09:00 Asia/Tokyo",
	} {
		b := expr.Binder{Zone: tokyo}
		n, faults := b.Bind(parse(t, text))
		if len(faults) > 0 {
			t.Errorf("%s: %v", text, faults)
			continue
		}
		run, err := expr.Compile(n, expr.Env{Zone: tokyo})
		if err != nil {
			t.Fatal(err)
		}
		v := run.Run(&column.Batch{Len: 1}, []uint32{0}, nil)
		if got := showIn(v, tokyo); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func ExampleNode_String() {
	b := expr.Binder{Scope: purchase}
	n, _ := b.Bind(parse(nil, "CASE WHEN amount > 5 AND id IS NOT NULL THEN upper(category) ELSE 'it''s' END"))
	fmt.Println(n)
	// Output: CASE WHEN ((amount > 5.0) AND (id IS NOT NULL)) THEN upper(category) ELSE 'it\'s' END
}
