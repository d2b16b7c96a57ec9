package batch

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// askRows is what a query gives: its columns, and its rows in order; or the classes of its faults.
func askRows(t *testing.T, text string) (columns, rows string, classes []string) {
	t.Helper()
	root, faults := plan.BindQuery(nil, text, nil)
	if len(faults) > 0 {
		for _, f := range faults {
			classes = append(classes, f.Class)
		}
		return "ERROR", faults.Error(), classes
	}
	var list []string
	env := expr.Env{Zone: time.UTC, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro()}
	err := Run(context.Background(), root, noInputs, env, func(b *column.Batch) error {
		for _, i := range b.Sel {
			cells := make([]string, len(b.Cols))
			for c := range b.Cols {
				cells[c] = show(&b.Cols[c], int(i))
			}
			list = append(list, strings.Join(cells, ", "))
		}
		return nil
	})
	var failed *Error
	if errors.As(err, &failed) {
		return "ERROR", err.Error(), []string{failed.Class}
	}
	if err != nil {
		return "ERROR", err.Error(), nil
	}
	var cols []string
	for _, c := range root.Columns() {
		cols = append(cols, c.Name+" "+c.Type.String())
	}
	return strings.Join(cols, ", "), strings.Join(list, " | "), nil
}

// otherwise is where nagare answers otherwise than Spark 4.3.0, and why.
var otherwise = map[string]string{
	"json_tuple('{\"a\":1}', f) FROM VALUES ('a') AS t(f)": "the names of the fields are constants here",
	"json_tuple('{\"a\":1} trailing','a')":                 "JSON is read more strictly, as SQL.md says",
	`json_tuple('{\'a\':1}','a')`:                          "JSON is read more strictly, as SQL.md says",

	"a AS b, explode(b) FROM VALUES (array(2,1)) AS t(a)":                                                                   "an alias before the generator may stand in it; Spark ends with an internal error",
	"explode(array(row_number() OVER (ORDER BY x))) FROM VALUES (5),(6) AS t(x)":                                            "refused with a sentence; Spark ends with an internal error",
	"explode(a).x FROM VALUES (array(named_struct('x',1))) AS t(a)":                                                         "refused as nested, as any other expression around a generator",
	"explode(a) AS x, row_number() OVER (ORDER BY x) AS r FROM VALUES (array(2,1)) AS t(a)":                                 "an alias may stand in OVER",
	"explode(array(1,2)) x FROM VALUES (1) AS t(a) HAVING x > 1":                                                            "HAVING makes a group of all rows",
	"k, explode(collect_list(x)) AS e FROM VALUES ('a',1),('a',2) AS t(k,x) GROUP BY k HAVING count(*) > 1 ORDER BY e DESC": "HAVING comes before the generator",
	"k, explode(collect_list(x)) AS e FROM VALUES ('a',1),('a',2) AS t(k,x) GROUP BY k ORDER BY count(*)":                   "an aggregate may stand in ORDER BY",

	"* FROM range(3)":                                     "range is not in this version",
	"* FROM range(1, 7, 3)":                               "range is not in this version",
	"* FROM range(5, 1, -2) AS r(n)":                      "range is not in this version",
	"* FROM range(1, 2, 0)":                               "range is not in this version",
	"* FROM VALUES (1) AS t(a), LATERAL range(3) AS s(v)": "range is not in this version",

	"* FROM VALUES (array(1,2)),(array()) AS t(a) LEFT JOIN LATERAL explode(a) AS e(x)":          "refused: Spark drops the row without elements",
	"* FROM VALUES (array(1,2)),(array()) AS t(a) LEFT JOIN LATERAL explode(a) AS e(x) ON x > 1": "refused: not in this version",
	"* FROM VALUES (array(1,2)) AS t(a), LATERAL (SELECT a[0] AS b)":                             "subqueries behind LATERAL are not supported",
	"* FROM VALUES (1) AS t(a) WHERE EXISTS (SELECT explode(array(a)))":                          "such a subquery is not in this version",
	"* FROM VALUES (array(1,2)) AS t(a) LATERAL VIEW explode(sum(1)) e AS x":                     "the aggregate is refused, not the type of its result",
	"* FROM VALUES (1) AS t(a), (SELECT explode(array(a)) AS x) AS e":                            "refused, with another suggestion",
}

// TestGeneratorsOfSpark asks what Spark 4.3.0 was asked about generators: explode, posexplode, inline, stack and
// json_tuple in the SELECT list, in LATERAL VIEW and in FROM. A line is a query without its SELECT, its columns
// and its rows, or ERROR and the class.
func TestGeneratorsOfSpark(t *testing.T) {
	file, err := os.Open("../../testdata/spark/generators.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	asked := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		f := strings.Split(lines.Text(), "\t")
		if len(f) != 3 {
			t.Fatalf("%d fields in %q", len(f), lines.Text())
		}
		if _, known := otherwise[f[0]]; known {
			continue
		}
		asked++
		columns, rows, classes := askRows(t, "SELECT "+f[0])
		agree := columns == f[1] && rows == f[2]
		if f[1] == "ERROR" {
			agree = strings.Contains(" "+strings.Join(classes, " ")+" ", " "+f[2]+" ")
		}
		if !agree {
			t.Errorf("SELECT %s\n got %s | %s\nwant %s | %s", f[0], columns, rows, f[1], f[2])
		}
	}
	if asked < 150 {
		t.Errorf("only %d queries", asked)
	}
}
