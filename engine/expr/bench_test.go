package expr_test

import (
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
)

// hot are the expressions of the purchase pipeline and their near kin, which must not allocate.
var hot = []struct{ name, text string }{
	{"compare", "amount > 50000"},
	{"compare_text", "category = 'books'"},
	{"and_chain", "amount > 500 AND quantity >= 2 AND category IS NOT NULL"},
	{"in_text", "category IN ('books', 'clothing')"},
	{"arithmetic", "amount * (1 - discount / 100)"},
	{"divide", "amount / nullif(quantity, 0)"},
	{"integers", "total + quantity * 2"},
	{"decimals", "price * 2 + 1.25"},
	{"decimal_rest", "price % 7 + pmod(price, 3) + price div 2"},
	{"case_text", "CASE WHEN discount >= 15 THEN 'high' WHEN discount >= 5 THEN 'medium' ELSE 'none' END"},
	{"case_number", "CASE category WHEN 'books' THEN amount * 10 WHEN 'clothing' THEN amount * 5 ELSE amount * 3 END"},
	{"coalesce", "coalesce(category, id)"},
	{"hour", "hour(ts)"},
	{"dayofweek", "dayofweek(ts)"},
	{"weekend", "dayofweek(ts) IN (1, 7)"},
	{"date_format", "date_format(ts, 'yyyy-MM-dd HH:00:00')"},
	{"date_trunc", "date_trunc('HOUR', ts)"},
	{"concat", "concat('clv:', id, ':', category)"},
	{"cast_text", "CAST(amount AS STRING)"},
	{"cast_number", "CAST(total AS DOUBLE)"},
	{"parse_number", "TRY_CAST(number AS INT)"},
	{"parse_time", "try_to_timestamp('2026-01-02T03:04:05.123456+00:00') < ts"},
	{"upper", "upper(id)"},
	{"substring", "substring(id, 7, 3)"},
	{"like", "id LIKE 'order-1%9'"},
	{"round", "round(amount / 3, 2)"},
	{"struct", "struct(id, amount, ts)"},
	{"field", "place.city"},
	{"window", "window(ts, '1 minute')"},
	{"to_json", "to_json(struct(id, category, amount, quantity, ts, flag))"},
	{"hash", "hash(id, category, amount)"},
}

const benchRows = 4096

// runHot is one pass of an expression over a batch: a filter for conditions, values for the others.
func runHot(run *expr.Eval, typ column.Type, b *column.Batch, dst []uint32, errs *expr.RowErrors) []uint32 {
	errs.Reset()
	if typ.Kind == column.Bool {
		return run.Filter(b, b.Sel, dst[:0], errs)
	}
	run.Run(b, b.Sel, errs)
	return dst
}

func BenchmarkKernels(b *testing.B) {
	batch := purchases(benchRows, 1, 0)
	for _, h := range hot {
		b.Run(h.name, func(b *testing.B) {
			run, n := compile(b, h.text, time.UTC)
			var errs expr.RowErrors
			dst := make([]uint32, 0, benchRows)
			dst = runHot(run, n.Type, batch, dst, &errs)
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				dst = runHot(run, n.Type, batch, dst, &errs)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRows, "ns/row")
		})
	}
}

// TestKernelsDoNotAllocate runs them with NULLs and without, over all rows and over some.
func TestKernelsDoNotAllocate(t *testing.T) {
	for _, nulls := range []int{0, 7} {
		batch := purchases(1000, 2, nulls)
		some := purchases(1000, 2, nulls)
		some.Sel = some.Sel[:0]
		for i := 0; i < 1000; i += 3 {
			some.Sel = append(some.Sel, uint32(i))
		}
		for _, h := range hot {
			run, n := compile(t, h.text, time.UTC)
			var errs expr.RowErrors
			dst := make([]uint32, 0, 1000)
			pass := func() {
				dst = runHot(run, n.Type, batch, dst, &errs)
				dst = runHot(run, n.Type, some, dst, &errs)
			}
			pass()
			if got := testing.AllocsPerRun(10, pass); got != 0 {
				t.Errorf("%s with NULLs 1/%d: %v allocations a run", h.name, nulls, got)
			}
		}
	}
}
