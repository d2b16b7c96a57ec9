package batch

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

const secondMicros = 1_000_000

func sales() memoryTable {
	return table("sales", "at:timestamp shop:string n:int price:double",
		[]any{10 * secondMicros, "b", 1, 2.5},
		[]any{70 * secondMicros, "a", 2, 0.1},
		[]any{20 * secondMicros, "a", nil, 0.2},
		[]any{nil, "a", 9, 1.0},
		[]any{130 * secondMicros, nil, 4, 0.3},
		[]any{75 * secondMicros, "a", 5, nil},
	)
}

func TestQueries(t *testing.T) {
	cases := []struct{ text, want string }{
		{"SELECT shop, count(*), sum(n), sum(price) FROM sales GROUP BY shop", "NULL,1,4,0.3|a,4,16,1.3|b,1,1,2.5"},
		{"SELECT window.start, count(*) FROM sales GROUP BY window(at, '1 minute')", "1970-01-01 00:00:00,2|1970-01-01 00:01:00,2|1970-01-01 00:02:00,1"},
		{"SELECT window.start, sum(n) FROM sales GROUP BY window(at, '2 minutes', '1 minute')", "1969-12-31 23:59:00,1|1970-01-01 00:00:00,8|1970-01-01 00:01:00,11|1970-01-01 00:02:00,4"},
		{"SELECT session_window.end, shop, count(*) FROM sales WHERE shop IS NOT NULL GROUP BY session_window(at, '50 seconds'), shop", "1970-01-01 00:01:00,b,1|1970-01-01 00:02:05,a,3"},
		{"SELECT shop, n FROM sales WHERE n > 1 ORDER BY n DESC LIMIT 2", "a,9|a,5"},
		{"SELECT shop, n FROM sales ORDER BY price LIMIT 2 OFFSET 1", "a,2|a,NULL"},
		{"SELECT DISTINCT shop FROM sales", "b|a|NULL"},
		{"SELECT shop, n, rank() OVER (PARTITION BY shop ORDER BY n DESC) AS r FROM sales QUALIFY r = 1", "b,1,1|a,9,1|NULL,4,1"},
		{"SELECT n, sum(n) OVER (ORDER BY at ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM sales", "1,10|2,7|NULL,3|9,10|4,9|5,11"},
		{"SELECT n, sum(n) OVER (ORDER BY shop) FROM sales", "1,21|2,20|NULL,20|9,20|4,4|5,20"},
		{"SELECT max(n) FROM sales WHERE shop = 'z'", "NULL"},
		{"SELECT shop, max(n) FROM sales WHERE shop = 'z' GROUP BY shop", ""},
		{"SELECT shop, count(*) FROM sales GROUP BY ROLLUP(shop) ORDER BY grouping(shop), shop", "NULL,1|a,4|b,1|NULL,6"},
		{"SELECT shop, n IS NULL AS x, count(*) FROM sales GROUP BY CUBE(shop, n IS NULL) ORDER BY grouping_id(), 1, 2", "NULL,false,1|a,false,3|a,true,1|b,false,1|NULL,NULL,1|a,NULL,4|b,NULL,1|NULL,false,5|NULL,true,1|NULL,NULL,6"},
		{"SELECT n FROM sales UNION ALL SELECT n + 1 FROM sales ORDER BY n DESC LIMIT 3", "10|9|6"},
		{"SELECT shop FROM sales EXCEPT ALL SELECT 'a'", "b|a|a|NULL|a"},
		{"SELECT shop FROM sales INTERSECT ALL SELECT * FROM VALUES ('a'), ('a'), ('b'), ('b') AS t(x)", "b|a|a"},
		{"SELECT shop FROM sales EXCEPT SELECT 'a'", "b|NULL"},
		{"SELECT n FROM sales WHERE n = (SELECT max(n) FROM sales)", "9"},
		{"SELECT n FROM sales WHERE n = (SELECT n FROM sales WHERE n > 100)", ""},
		{"SELECT shop, sum(n) AS s FROM sales GROUP BY shop HAVING sum(n) > (SELECT avg(n) FROM sales) ORDER BY s", "a,16"},
		{"SELECT shop, sum(n) / (SELECT sum(n) FROM sales) AS share FROM sales GROUP BY shop ORDER BY share DESC LIMIT 1", "a,0.7619047619047619"},
		{"WITH x AS (SELECT n * 2 AS m FROM sales) SELECT a.m FROM x AS a JOIN x AS b USING (m) WHERE a.m > 5", "18|8|10"},
		{"SELECT count(n) FILTER (WHERE shop = 'a'), count(*) FROM sales", "3,6"},
		{"SELECT count(DISTINCT shop, n), count(DISTINCT shop) FROM sales", "4,2"},
		{"SELECT x.shop, y.n FROM sales AS x, sales AS y WHERE x.n = y.n - 1", "b,2|NULL,5"},
		{"SELECT n FROM sales LIMIT 0", ""},
		{"SELECT lag(n, 2, -1) OVER (ORDER BY at), ntile(4) OVER (ORDER BY at) FROM sales", "-1,1|1,2|9,2|-1,1|2,4|NULL,3"},
	}
	for _, c := range cases {
		if got := strings.Join(answer(t, c.text, sales()), "|"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

func TestFailures(t *testing.T) {
	cases := []struct{ text, class string }{
		{"SELECT 10 / n FROM VALUES (1), (0) AS t(n)", "DIVIDE_BY_ZERO"},
		{"SELECT n FROM VALUES (1), (0) AS t(n) WHERE 10 DIV n > 1", "DIVIDE_BY_ZERO"},
		{"SELECT sum(n) FROM VALUES (9223372036854775807L), (1L) AS t(n)", "ARITHMETIC_OVERFLOW"},
		{"SELECT sum(n) OVER (ORDER BY n) FROM VALUES (9223372036854775807L), (1L) AS t(n)", "ARITHMETIC_OVERFLOW"},
		{"SELECT (SELECT n FROM sales)", "SCALAR_SUBQUERY_TOO_MANY_ROWS"},
		{"SELECT a.n FROM sales AS a JOIN sales AS b ON a.n = b.n AND 1 DIV (a.n - a.n) > 0", "DIVIDE_BY_ZERO"},
	}
	for _, c := range cases {
		_, err := query(c.text, 2, sales())
		var failed *Error
		if !errors.As(err, &failed) || failed.Class != c.class {
			t.Errorf("%s: %v, want %s", c.text, err, c.class)
		}
	}
}

// failingInput breaks after its first batch.
type failingInput struct {
	memoryInput
	err error
}

func (f *failingInput) Next(ctx context.Context) (*column.Batch, error) {
	if f.at > 0 {
		return nil, f.err
	}
	return f.memoryInput.Next(ctx)
}

func TestInputsAreClosedAndErrorsKept(t *testing.T) {
	s := sales()
	root, faults := plan.BindQuery(nil, "SELECT a.n FROM sales AS a JOIN sales AS b ON a.n = b.n", []*plan.Dataset{s.dataset})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	broken, opened, closed := errors.New("disk on fire"), 0, 0
	err := Run(context.Background(), root, func(*plan.Dataset) (Input, error) {
		opened++
		return &failingInput{memoryInput{table: s, size: 2, done: &closed}, broken}, nil
	}, expr.Env{}, func(*column.Batch) error { return nil })
	if !errors.Is(err, broken) || opened == 0 || opened != closed {
		t.Errorf("%v, %d opened, %d closed", err, opened, closed)
	}
	stop := io.ErrClosedPipe
	open := func(*plan.Dataset) (Input, error) { return &memoryInput{table: s, size: 2, done: &closed}, nil }
	if err := Run(context.Background(), root, open, expr.Env{}, func(*column.Batch) error { return stop }); err != stop {
		t.Errorf("emit's error became %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Run(ctx, root, open, expr.Env{}, func(*column.Batch) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestLimitEndsItsInput counts the batches that LIMIT takes from a long input.
func TestLimitEndsItsInput(t *testing.T) {
	s := table("long", "n:int")
	for i := 0; i < 10_000; i++ {
		s.rows = append(s.rows, []any{i})
	}
	root, faults := plan.BindQuery(nil, "SELECT n FROM long WHERE n % 2 = 1 LIMIT 3", []*plan.Dataset{s.dataset})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	in := &memoryInput{table: s, size: 4}
	rows := 0
	err := Run(context.Background(), root, func(*plan.Dataset) (Input, error) { return in, nil }, expr.Env{}, func(b *column.Batch) error {
		rows += b.Len
		return nil
	})
	if err != nil || rows != 3 || in.at > 8 {
		t.Errorf("%v, %d rows, read to %d", err, rows, in.at)
	}
}

// TestSubqueryAsGroupKey groups by items of the list that hold subqueries, and aggregates them.
func TestSubqueryAsGroupKey(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT (SELECT 1) AS a FROM VALUES (1) GROUP BY 1":                                                            "1",
		"SELECT (SELECT 1) + 1 AS a, count(*) FROM VALUES (1), (2) GROUP BY a HAVING (SELECT 2) > 1 ORDER BY a":        "2,2",
		"SELECT x IN (SELECT 1) AS a, count(*) FROM VALUES (1), (2), (3) AS t(x) GROUP BY a ORDER BY a":                "false,2 true,1",
		"SELECT EXISTS (SELECT 1) AS a FROM VALUES (1) AS t(x) GROUP BY ALL":                                           "true",
		"SELECT (SELECT max(y) FROM VALUES (3) AS s(y)) AS a, x FROM VALUES (1), (2) AS t(x) GROUP BY a, x ORDER BY x": "3,1 3,2",
		"SELECT (SELECT 1) IN (SELECT 1) AS a FROM VALUES (1) GROUP BY ROLLUP(a)":                                      "NULL true",
		"SELECT (SELECT 1) AS a, (SELECT 2) AS b, count(*) FROM VALUES (1) GROUP BY a ORDER BY b":                      "1,2,1",
	} {
		if got := strings.Join(answer(t, text), " "); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}
