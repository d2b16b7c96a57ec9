package expr_test

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// fact is a line of facts.tsv: what real Spark gives for an expression.
type fact struct{ text, typ, value string }

func readFacts(t testing.TB) []fact {
	t.Helper()
	file, err := os.Open("../../testdata/spark/facts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var facts []fact
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) != 3 {
			t.Fatalf("facts.tsv: %d fields in %q", len(parts), lines.Text())
		}
		facts = append(facts, fact{parts[0], parts[1], unescape(parts[2])})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return facts
}

func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r").Replace(s)
}

// scalarOf is the one expression of a query without FROM, or nil.
func scalarOf(q *sql.Query) sql.Expr {
	body, ok := q.Body.(*sql.SelectBody)
	if !ok || len(q.With) > 0 || len(q.OrderBy) > 0 || q.Limit != nil || len(body.From) > 0 || len(body.Items) != 1 ||
		body.Distinct || body.Where != nil || body.GroupBy != nil || body.Having != nil {
		return nil
	}
	switch e := body.Items[0].Expr.(type) {
	case *sql.ScalarQuery, *sql.Star:
		return nil
	case *sql.Call:
		switch e.Name.Name {
		case "explode", "posexplode", "inline", "json_tuple": // rows, which package batch makes
			return nil
		}
	}
	return body.Items[0].Expr
}

// factNow is the time at which the facts are asked.
var factNow = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro()

// answer is the type and the value, in the form of facts.tsv, that an expression has here.
func answer(e sql.Expr) (typ, value string) {
	b := expr.Binder{Zone: time.UTC}
	n, faults := b.Bind(e)
	if len(faults) > 0 {
		return "ERROR", "ERROR " + faults[0].Class
	}
	run, err := expr.Compile(n, expr.Env{Zone: time.UTC, Now: factNow})
	if err != nil {
		return "ERROR", err.Error()
	}
	var errs expr.RowErrors
	v := run.Run(&column.Batch{Schema: &column.Schema{}, Len: 1}, []uint32{0}, &errs)
	if len(errs.Rows) > 0 {
		return "ERROR", "ERROR " + errs.Classes[0]
	}
	return n.Type.String(), showValue(v, 0)
}

func showValue(v *column.Vector, i int) string {
	switch {
	case v.Type.Kind == column.Void || v.IsNull(i):
		return "NULL"
	case v.Type.Kind == column.Binary:
		return fmt.Sprintf("X'%X'", v.Bytes(i))
	}
	return string(codec.AppendValueText(nil, v, i, time.UTC))
}

// missing reports that an answer only says that a function or type is not there.
func missing(value string) bool {
	return value == "ERROR UNRESOLVED_ROUTINE" || value == "ERROR UNSUPPORTED_DATATYPE"
}

// TestFacts asks every expression of facts.tsv that needs no relation.
func TestFacts(t *testing.T) {
	var agree, absent, deliberate, other int
	facts := readFacts(t)
	for _, f := range facts {
		q, faults := sql.ParseQuery("facts", "SELECT "+f.text)
		if len(faults) > 0 {
			if want := "ERROR " + faults[0].Class; f.value == want && !strings.Contains(f.text, " FROM ") {
				agree++
			} else {
				other++
			}
			continue
		}
		e := scalarOf(q)
		if e == nil {
			other++
			continue
		}
		typ, value := answer(e)
		switch want, known := deliberateDifference(f); {
		case known && typ == f.typ && value == want:
			deliberate++
		case known:
			t.Errorf("%s: %s %s, want the documented difference %s %s", f.text, typ, value, f.typ, want)
		case typ == f.typ && value == f.value:
			agree++
		case missing(value):
			absent++
			t.Logf("not in: %s", f.text)
		default:
			t.Errorf("%s:\n got %s %s\nwant %s %s", f.text, typ, value, f.typ, f.value)
		}
	}
	t.Logf("%d facts: %d agree, %d differ as documented, %d not in, %d need a relation or more", len(facts), agree, deliberate, absent, other)
}

// deliberateDifference gives what a fact has here where SQL.md says that JSON is read more strictly
// than Spark reads it: trailing text, single quotes and 1e400.
func deliberateDifference(f fact) (want string, known bool) {
	if !strings.HasPrefix(f.text, "from_json(") {
		return "", false
	}
	nulls := "{" + strings.Repeat("null, ", 9) + "null}"
	switch {
	case strings.HasPrefix(f.text, `from_json('{"n":1} trailing',`),
		strings.HasPrefix(f.text, `from_json("{'n':1}",`),
		strings.HasPrefix(f.text, `from_json('{"price":1e400}',`):
		return nulls, true
	}
	return "", false
}
