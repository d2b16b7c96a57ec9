//go:build unix

package node_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPageAnswersQuestions runs a statement in view SQL and sees what nagare query gives and where nagare check finds a
// fault; then it chooses a number of the overview and sees the records behind it, as many as it says.
func TestPageAnswersQuestions(t *testing.T) {
	b := openTab(t, 1440, 1000, "light")
	p, data := startGolden(t, "127.0.0.1:0")
	b.open(p.address)

	write := func(sql string) {
		b.run(`document.querySelector('.editor textarea').focus()`)
		b.run(`document.querySelector('.editor textarea').select()`)
		b.run(fmt.Sprintf(`document.execCommand('insertText', false, %q)`, sql)) // as if it were typed
	}
	b.show("#/sql")
	b.await("the editor", `document.querySelector("#sql-faults .columns") !== null`) // the statement it begins with
	write("SELECT categry FROM sales_by_minute")
	b.await("the fault", `document.querySelector('#sql-faults .faults') !== null`)
	if got := eval[string](b, `document.querySelector('#sql-faults').innerText`); !strings.Contains(got, "1:8") || !strings.Contains(got, "categry") {
		t.Errorf("the fault of a wrong column is told as %q", got)
	}
	const sql = "SELECT category, region, sum(order_count) AS n, sum(total_sales) AS s FROM sales_by_minute GROUP BY category, region ORDER BY category, region"
	write(sql)
	b.await("no fault", `document.querySelector('#sql-faults .columns') !== null`)
	b.run(`document.querySelector('.sql button.main').click()`)
	b.await("the result", `document.querySelectorAll('.sql table tbody tr').length > 0`)
	shown := eval[[][]string](b, `[...document.querySelectorAll('.sql table tbody tr')].map((r) => [...r.querySelectorAll('td')].map((c) => c.innerText))`)
	want := answerOf(t, data, sql)
	if len(shown) != len(want) {
		t.Fatalf("%d rows are shown, and nagare query gives %d", len(shown), len(want))
	}
	for i := range shown {
		if !slices.EqualFunc(shown[i], want[i], sameCells) {
			t.Errorf("row %d is shown as %q, and is %q", i, shown[i], want[i])
		}
	}

	b.show("#/overview")
	b.await("the anomalies", `document.querySelector('#chart-anomalies tbody tr button.cell') !== null`)
	b.run(`document.querySelector('#chart-anomalies tbody tr button.cell').click()`)
	b.await("one record", `document.querySelector('.explain .steps') !== null`)
	if got := eval[string](b, `document.querySelector('.explain .steps').innerText`); !strings.HasPrefix(got, "1 record was counted") {
		t.Errorf("a row of one record is explained by %q", got)
	}
	row := answerOf(t, data, "SELECT window_start, category, region, order_count FROM sales_by_minute ORDER BY order_count DESC, window_start, category, region LIMIT 1")[0]
	b.run(fmt.Sprintf(`location.hash = '#/explain?' + new URLSearchParams({table: 'sales_by_minute', key: JSON.stringify({window_start: %q, category: %q, region: %q}), column: 'order_count'})`, row[0], row[1], row[2]))
	b.await("the records", fmt.Sprintf(`document.querySelector('.explain')?.innerText.includes('order_count = %s') && document.querySelector('.explain .steps') !== null`, row[3]))
	n, err := strconv.Atoi(row[3])
	if err != nil {
		t.Fatal(err)
	}
	if got, want := eval[string](b, `document.querySelector('.explain .steps li b').innerText`), row[3]; ungrouped(got) != want {
		t.Errorf("%s records are behind a count of %s", got, want)
	}
	const records = `[...document.querySelectorAll('.explain table')].map((e) => e.tBodies[0].rows.length)`
	if got := eval[[]int](b, records); !slices.Contains(got, min(n, 200)) {
		t.Errorf("tables of %d rows are shown, none of the %d records", got, n)
	}
	b.calm()
}
