package expr_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// arguments are expressions of every type, constants among them.
var arguments = []string{
	"id", "category", "amount", "quantity", "total", "ts", "day", "price", "wide", "flag", "place", "tags", "counts", "number",
	"NULL", "1", "0", "-3", "2.5", "1e300D", "'a'", "''", "'%'", "'yyyy-MM-dd'", "'$.a'", "DATE'2026-01-31'", "INTERVAL 1 DAY", "INTERVAL 2 MONTHS", "map(id, quantity)",
	"array(place)", "X'00ff'", "CAST(NULL AS INT)", "CAST('NaN' AS DOUBLE)", "9223372036854775807", "127Y", "true", "array()", "x -> x", "(x, y) -> y", "'5 minutes'", "'MONTH'",
}

// TestNoCallPanics calls every function and operator with arguments of every type: the answer is a
// fault, or a result that does not depend on how the rows are cut.
func TestNoCallPanics(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	b := purchases(70, 21, 4)
	half := pick(b, b.Sel[30:])
	calls := 0
	for _, name := range append(expr.FunctionNames(), "+", "-", "*", "/", "%", "div", "||", "&", "=", "<", "<=>", "LIKE", "RLIKE", "AND", "IN") {
		for trial := 0; trial < 60; trial++ {
			args := make([]string, r.IntN(5))
			for k := range args {
				args[k] = arguments[r.IntN(len(arguments))]
			}
			text := fmt.Sprintf("%s(%s)", name, strings.Join(args, ", "))
			if c := name[0]; c < 'a' || c > 'z' || name == "div" {
				text = fmt.Sprintf("(%s) %s (%s)", arguments[r.IntN(14)], name, arguments[r.IntN(len(arguments))])
			}
			if name == "raise_error" || !sameInHalves(t, text, b, half) {
				continue
			}
			calls++
		}
	}
	if calls < 2000 {
		t.Errorf("only %d calls were bound", calls)
	}
	t.Logf("%d calls bound", calls)
}

// sameInHalves runs text over b and over its rows from 30 on; false: it does not bind.
func sameInHalves(t *testing.T, text string, b, half *column.Batch) bool {
	defer func() {
		if p := recover(); p != nil {
			t.Fatalf("%s: panic: %v", text, p)
		}
	}()
	e, faults := sql.ParseExpr("test", text)
	if len(faults) > 0 {
		return false
	}
	binder := expr.Binder{Scope: purchase, Zone: time.UTC}
	n, faults := binder.Bind(e)
	if len(faults) > 0 {
		if faults[0].Message == "" || faults[0].Pos.Line == 0 && faults[0].Class == "" {
			t.Errorf("%s: a fault without text or place: %+v", text, faults[0])
		}
		return false
	}
	run, err := expr.Compile(n, expr.Env{Zone: time.UTC, Now: factNow})
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return false
	}
	_ = n.Key()
	_ = n.String()
	whole, part := results(t, run, n, b, b.Sel), results(t, run, n, half, half.Sel)
	for k, got := range part {
		if got != whole[k+30] {
			t.Errorf("%s: row %d is %s, in a smaller batch %s", text, k+30, whole[k+30], got)
			break
		}
	}
	return true
}
