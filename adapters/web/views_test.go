package web

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// fakeViews is what views ask of a pipeline that the test makes.
type fakeViews struct {
	pipeline *plan.Pipeline
	flow     Flow
}

func (b *fakeViews) Pipeline() *plan.Pipeline { return b.pipeline }
func (b *fakeViews) Flow() Flow               { return b.flow }

func (b *fakeViews) CheckQuery(_ context.Context, text string) (column.Schema, sql.Faults, error) {
	if _, faults := plan.BindQuery(b.pipeline, text, nil); len(faults) > 0 {
		return column.Schema{}, faults, nil
	}
	return column.Schema{Fields: []column.Field{{Name: "n", Type: column.Of(column.Int64)}}}, nil, nil
}

func (b *fakeViews) QueryNames() []engine.NamedDataset {
	return []engine.NamedDataset{{Name: "sales", Kind: "streaming table", Schema: column.Schema{Fields: []column.Field{{Name: "n", Type: column.Of(column.Int64)}}}}}
}

// TestCheck: faults come with line and column, several at once; no token is needed; the body has a limit.
func TestCheck(t *testing.T) {
	b := newFake()
	b.pipeline = drawnPipeline(t)
	for _, c := range []struct {
		body   string
		status int
		want   []string
	}{
		{"SELECT 1 AS n", 200, []string{`"faults": []`, `"name": "n"`, `"type": "bigint"`}},
		{"SELECT nn,\n       vv\nFROM sums", 200, []string{`"line": 1`, `"column": 8`, `"line": 2`, `"class": "UNRESOLVED_COLUMN.WITH_SUGGESTION"`}},
		{"SELEC", 200, []string{`"line": 1`, "did you mean SELECT"}},
		{"", 200, []string{`"line": 1`, `"column": 1`}},
		{strings.Repeat(" ", MaxStatement+1), 413, []string{"1024 KB"}},
	} {
		w := ask(newTestServer(b), "POST", "/api/check", c.body)
		for _, want := range c.want {
			if w.Code != c.status || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%.40q: %d, want %d and %s:\n%s", c.body, w.Code, c.status, want, w.Body)
			}
		}
	}
	w := ask(newTestServer(b), "GET", "/api/names", "")
	for _, want := range []string{`"name": "sales"`, `"type": "bigint"`, `"row_number"`, `"sum"`, `"SELECT"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("the names lack %s", want)
		}
	}
}

func (b *fakeViews) Resend(_ context.Context, r ResendRequest) (Resent, error) {
	return Resent{From: r.From, Topic: "t", Records: int64(len(r.Records))}, nil
}

// TestResendIsExplicit: what is to be sent has to be said, in one way, by who has the token.
func TestResendIsExplicit(t *testing.T) {
	many := `{"records": [` + strings.Repeat(`{"partition": 0, "offset": 1}, `, MostResent) + `{"partition": 0, "offset": 1}]}`
	for _, c := range []struct {
		body   string
		status int
		want   string
	}{
		{`{"records": [{"partition": 0, "offset": 12}]}`, 200, `"records": 1`},
		{`{"where": "true"}`, 200, `"topic": "t"`},
		{``, 400, "the body: it is empty"},
		{`{`, 400, "the body: unexpected EOF"},
		{`{"were": "true"}`, 400, `unknown field`},
		{`{"where": "true"} {}`, 400, "there is more behind the object"},
		{`{"records": [{"partition": "x", "offset": 12}]}`, 400, "records.partition"},
		{`{}`, 400, `neither \"where\" nor \"records\" says which`},
		{`{"where": "true", "records": [{"partition": 0, "offset": 12}]}`, 400, "both"},
		{many, 400, "10001 places, at most 10000"},
	} {
		w := ask(newTestServer(newFake()), "POST", "/api/topics/sales$late/resend", c.body, "Authorization", "Bearer "+testToken)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
			t.Errorf("%.60s: %d, want %d and %s:\n%s", c.body, w.Code, c.status, c.want, w.Body)
		}
	}
	if w := ask(newTestServer(newFake()), "POST", "/api/topics/sales$late/resend", `{"where": "true"}`); w.Code != 401 {
		t.Errorf("without the token: %d", w.Code)
	}
}

func (b *fakeViews) ExplainRow(_ context.Context, table string, key []ColumnValue) (*RowExplanation, error) {
	return &RowExplanation{Table: fmt.Sprint(table, key)}, nil
}

// TestExplainKeys: a key is COLUMN=VALUE, and the value may have a = of its own.
func TestExplainKeys(t *testing.T) {
	for target, want := range map[string]string{
		"/api/explain/sales?key=a=1&key=b%20c=x=y": `"table": "sales[{a 1} {b c x=y}]"`,
		"/api/explain/sales?key=a=":                `"table": "sales[{a }]"`,
		"/api/explain/sales?key=a":                 `read the parameter key=a: it is COLUMN=VALUE`,
		"/api/explain/sales?key==1":                `it is COLUMN=VALUE`,
	} {
		w := ask(newTestServer(newFake()), "GET", target, "")
		if !strings.Contains(w.Body.String(), want) || (w.Code != 200) != strings.Contains(want, "COLUMN") {
			t.Errorf("%s: %d, want %s\n%s", target, w.Code, want, w.Body)
		}
	}
}
