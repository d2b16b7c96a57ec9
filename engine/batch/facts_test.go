package batch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// fact is a line of facts.tsv: what real Spark gives for a query.
type fact struct{ text, typ, value string }

func readFacts(t testing.TB) []fact {
	t.Helper()
	file, err := os.Open("../../testdata/spark/facts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var facts []fact
	for lines := bufio.NewScanner(file); lines.Scan(); {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) != 3 {
			t.Fatalf("facts.tsv: %d fields in %q", len(parts), lines.Text())
		}
		value := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\r`, "\r").Replace(parts[2])
		facts = append(facts, fact{parts[0], parts[1], value})
	}
	return facts
}

// isScalar reports a query that is one expression without a relation: package expr tests those.
func isScalar(text string) bool {
	q, faults := sql.ParseQuery("facts", "SELECT "+text)
	if len(faults) > 0 {
		return !strings.Contains(text, " FROM ")
	}
	body, ok := q.Body.(*sql.SelectBody)
	if !ok || len(body.From) > 0 || len(body.Items) != 1 || len(q.OrderBy) > 0 {
		return false
	}
	switch e := body.Items[0].Expr.(type) {
	case *sql.ScalarQuery:
		return false
	case *sql.Call:
		switch e.Name.Name {
		case "window", "explode", "posexplode", "inline", "json_tuple":
			return false
		}
	}
	return true
}

// outcome is what a query gives here: a type and values in the form of facts.tsv, or the classes of its
// faults.
type outcome struct {
	typ, value string
	classes    []string
	absent     string // not in this version: why
}

func ask(t testing.TB, text string) outcome {
	t.Helper()
	root, faults := plan.BindQuery(nil, "SELECT "+text, nil)
	if len(faults) > 0 {
		out := outcome{typ: "ERROR", value: "ERROR " + faults[0].Class}
		for _, f := range faults {
			out.classes = append(out.classes, f.Class)
			if strings.Contains(f.Message, "not in this version yet") || f.Class == "UNRESOLVED_ROUTINE" || f.Class == "UNSUPPORTED_DATATYPE" {
				out.absent = f.Error()
			}
		}
		return out
	}
	var values []string
	env := expr.Env{Zone: time.UTC, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro()}
	err := Run(context.Background(), root, noInputs, env, func(b *column.Batch) error {
		for _, i := range b.Sel {
			values = append(values, show(&b.Cols[0], int(i)))
		}
		return nil
	})
	var failed *Error
	if errors.As(err, &failed) {
		return outcome{typ: "ERROR", value: "ERROR " + failed.Class, classes: []string{failed.Class}}
	}
	if err != nil {
		return outcome{typ: "ERROR", value: err.Error()}
	}
	return outcome{typ: root.Columns()[0].Type.String(), value: strings.Join(values, " | ")}
}

func noInputs(d *plan.Dataset) (Input, error) { return nil, fmt.Errorf("there is no %s", d.Name) }

func show(v *column.Vector, i int) string {
	switch {
	case v.Type.Kind == column.Void || v.IsNull(i):
		return "NULL"
	case v.Type.Kind == column.Binary:
		return fmt.Sprintf("X'%X'", v.Bytes(i))
	}
	return string(codec.AppendValueText(nil, v, i, time.UTC))
}

// TestFacts runs every query of facts.tsv that is more than an expression. Where Spark refuses, its
// class has to be among the faults: Spark stops at the first, here all are reported.
func TestFacts(t *testing.T) {
	var agree, absent, all int
	for _, f := range readFacts(t) {
		if isScalar(f.text) {
			continue
		}
		all++
		got := ask(t, f.text)
		switch {
		case got.typ == f.typ && got.value == f.value, refusedAlike(f, got):
			agree++
		case got.absent != "":
			absent++
			t.Logf("not in: %s: %s", f.text, got.absent)
		default:
			t.Errorf("%s:\n got %s %s\nwant %s %s", f.text, got.typ, got.value, f.typ, f.value)
		}
	}
	t.Logf("%d queries: %d agree, %d not in", all, agree, absent)
	if all < 150 {
		t.Errorf("only %d queries in facts.tsv", all)
	}
}

func refusedAlike(f fact, got outcome) bool {
	if f.typ != "ERROR" {
		return false
	}
	for _, c := range got.classes {
		if "ERROR "+c == f.value {
			return true
		}
	}
	return false
}
