//go:build unix

package node_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
)

// startPage runs the shipped pipeline on the golden events, which are all there and stay as they are.
func startPage(t testing.TB, data, address string) *process {
	t.Helper()
	return start(t, false, "run", "--data", data, "--generator", "off", "--http", address)
}

const goldenEvents = "testdata/golden/disorder.ndjson.gz"

// publishGolden publishes the golden events and waits until they are counted.
func publishGolden(t testing.TB, p *process, data string) {
	t.Helper()
	succeed(t, "publish", "purchase-events", root(goldenEvents), "--data", data)
	p.await("the golden events", func() bool {
		st := p.status()
		c := st.Ledger.Topics["purchase-events"]
		return c.Read > 0 && c.InFlight == 0 && st.OutboxRows == 0 && st.Partitions[0].Lag == 0
	})
}

// startGolden starts a process with a new data folder, in which the golden events are counted.
func startGolden(t testing.TB, address string) (p *process, data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	p = startPage(t, data, address)
	publishGolden(t, p, data)
	return p, data
}

// answerOf is the answer of nagare query, without its header.
func answerOf(t testing.TB, data, sql string) (rows [][]string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(succeed(t, "query", sql, "-o", "csv", "--data", data).out)).ReadAll()
	if err != nil || len(rows) < 2 {
		t.Fatalf("%s: %d rows, %v", sql, len(rows), err)
	}
	return rows[1:]
}

// sameCells compares cells as the page writes them with those of a query: numbers to two digits of fraction.
func sameCells(page, query string) bool {
	if page == query || query == "" && page == "NULL" {
		return true
	}
	shown, err := strconv.ParseFloat(strings.ReplaceAll(page, ",", ""), 64)
	if err != nil {
		return false
	}
	want, err := strconv.ParseFloat(query, 64)
	return err == nil && math.Abs(shown-want) <= 0.00501
}

// cellsOf is the texts of the table in a panel.
func cellsOf(b *tab, panel string) [][]string {
	b.t.Helper()
	return eval[[][]string](b, fmt.Sprintf(`[...document.querySelectorAll('#%s tbody tr')].map((r) => [...r.querySelectorAll('th,td')].map((c) => c.innerText))`, panel))
}

// TestPageShowsWhatQueriesGive compares each part of the overview with the query that stands below it.
func TestPageShowsWhatQueriesGive(t *testing.T) {
	b := openTab(t, 1440, 1000, "light")
	p, data := startGolden(t, "127.0.0.1:0")
	b.open(p.address)
	b.await("the charts", `document.querySelectorAll('#chart-sales_by_category .legend button').length > 2 && document.querySelectorAll('#chart-anomalies tbody tr').length > 5`)

	// A table that is ranked, and one of rows: cell by cell.
	for panel, sql := range map[string]string{
		"chart-top_products": "SELECT revenue_rank, product_id, product_name, category, total_quantity, total_revenue, order_count FROM `top_products$open` WHERE window_start = (SELECT max(window_start) FROM `top_products$open`) ORDER BY revenue_rank",
		"chart-anomalies":    "SELECT event_id, final_amount FROM anomalies",
	} {
		shown, want := cellsOf(b, panel), answerOf(t, data, sql)
		if panel == "chart-anomalies" {
			byID := map[string]string{}
			for _, r := range want {
				byID[r[0]] = r[1]
			}
			if len(shown) != min(60, len(want)) {
				t.Errorf("%d anomalies are shown of %d", len(shown), len(want))
			}
			for _, r := range shown {
				if !sameCells(r[8], byID[r[0]]) {
					t.Errorf("anomaly %s is shown with %s, and is %s", r[0], r[8], byID[r[0]])
				}
			}
			continue
		}
		if len(shown) != min(20, len(want)) {
			t.Errorf("%s has %d rows, the query %d", panel, len(shown), len(want))
			continue
		}
		for i := range shown {
			if !slices.EqualFunc(shown[i], want[i], sameCells) {
				t.Errorf("%s: row %d is shown as %q, and is %q", panel, i, shown[i], want[i])
			}
		}
	}

	// A chart: the newest value of each line, by the query that stands below it, and the open window.
	var shown map[string]string
	legend := eval[string](b, `JSON.stringify(Object.fromEntries([...document.querySelectorAll('#chart-sales_by_category .legend .line')].map((l) => [l.querySelector('.name').innerText, l.querySelector('b').innerText])))`)
	if err := json.Unmarshal([]byte(legend), &shown); err != nil {
		t.Fatal(err)
	}
	newest := answerOf(t, data, "SELECT category, sum(total_sales) FROM `sales_by_minute$open` WHERE window_start = (SELECT max(window_start) FROM `sales_by_minute$open`) GROUP BY category")
	for _, r := range newest {
		want, _ := strconv.ParseFloat(r[1], 64)
		if got := expand(shown[r[0]]); math.Abs(got-want) > 0.005*want {
			t.Errorf("the newest minute of %s is shown with %s, and is %s", r[0], shown[r[0]], r[1])
		}
	}
	if len(shown) < len(newest) || len(newest) == 0 {
		t.Errorf("the chart has the lines %v, the query %v", shown, newest)
	}

	// The ledger.
	read := strconv.FormatInt(p.status().Ledger.Topics["purchase-events"].Read, 10)
	if got := eval[string](b, `[...document.querySelectorAll('.tile')].find((t) => t.innerText.startsWith('Ledger')).querySelector('.value').innerText`); strings.ReplaceAll(got, ",", "") != read+" read" {
		t.Errorf("the ledger is shown as %q, and %s were read", got, read)
	}
	b.calm()
}

// expand reads 12.3k.
func expand(text string) float64 {
	factor := 1.0
	for unit, f := range map[string]float64{"k": 1e3, "M": 1e6, "G": 1e9} {
		if rest, ok := strings.CutSuffix(text, unit); ok {
			text, factor = rest, f
		}
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
	if err != nil {
		return math.NaN()
	}
	return v * factor
}

// TestPageComesBack kills the process under the page, and starts it again: the page keeps what it had and says of when,
// and has the same totals afterwards, without being loaded anew.
func TestPageComesBack(t *testing.T) {
	address := freeAddress(t)
	b := openTab(t, 1280, 900, "dark")
	p, data := startGolden(t, address)
	b.open(p.address)
	b.await("the charts", `document.querySelectorAll('#chart-top_products tbody tr').length > 5`)
	const tiles = `[...document.querySelectorAll('.tile')].filter((t) => t.innerText.startsWith('Ledger')).map((t) => t.innerText).join()`
	b.run("window.same = 'yes'")
	before, products := eval[string](b, tiles), cellsOf(b, "chart-top_products")
	p.signal(syscall.SIGKILL)
	p.wait()
	b.await("the page to say that the process is away", `document.querySelector('.away') !== null && document.querySelector('.state.bad') !== null`)
	if got := eval[string](b, tiles); got != before {
		t.Errorf("without the process the ledger is shown as %q, it was %q", got, before)
	}
	again := startPage(t, data, address)
	b.await("the page to be back", `document.querySelector('.away') === null && document.querySelector('.state.good') !== null`)
	again.await("the same events", func() bool { return again.status().Ledger.Topics["purchase-events"].InFlight == 0 })
	b.await("the same totals", fmt.Sprintf(`%s === %q`, tiles, before))
	b.await("the same table", fmt.Sprintf(`document.querySelectorAll('#chart-top_products tbody tr').length === %d`, len(products)))
	if got := cellsOf(b, "chart-top_products"); !slices.EqualFunc(got, products, slices.Equal) {
		t.Errorf("the products are %q, they were %q", got, products)
	}
	if eval[string](b, "window.same") != "yes" {
		t.Error("the page was loaded anew")
	}
	b.calm()
}

// settled is that a view has nothing to wait for: its numbers are there.
const settled = `document.querySelector('#main [aria-busy="true"]') === null && !document.getElementById('main').innerText.includes('Reading…')`

// TestPageIsForEverybody looks at every view with axe-core: light and dark, in both languages, wide and on a phone.
func TestPageIsForEverybody(t *testing.T) {
	axe := os.Getenv("NAGARE_TEST_AXE")
	if axe == "" {
		t.Skip("set NAGARE_TEST_AXE to axe.min.js of npm's axe-core, as .ci/servers does")
	}
	source := read(t, axe)
	data := filepath.Join(t.TempDir(), "data")
	p := startPage(t, data, "127.0.0.1:0")
	publishGolden(t, p, data)
	for _, c := range []struct {
		width, height int64
		scheme, lang  string
	}{{1440, 900, "light", "en"}, {1440, 900, "dark", "ja"}, {390, 844, "light", "ja"}, {390, 844, "dark", "en"}} {
		b := openTab(t, c.width, c.height, c.scheme)
		b.open(p.address)
		b.run(fmt.Sprintf(`localStorage.setItem('nagare.language', %q)`, c.lang))
		b.do(chromedp.Reload())
		b.await("the page again", `document.querySelector('.state.good') !== null`)
		for _, view := range b.views() {
			b.show(view)
			b.await(view+" to settle", settled)
			b.run(source)
			found := eval[[]string](b, `axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.filter((v) => ['serious', 'critical'].includes(v.impact))
				.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.target.join(' ') + ': ' + n.failureSummary.replace(/\s+/g, ' '))))`)
			tell(t, fmt.Sprintf("%s at %d, %s, %s", view, c.width, c.scheme, c.lang), found)
			if where := eval[[]float64](b, `[document.querySelector('.tabs [aria-current]').getBoundingClientRect()].flatMap((r) => [r.left, r.right])`); where[0] < 0 || where[1] > float64(c.width)+1 {
				t.Errorf("%s at %d, %s: its tab is at %v, out of sight", view, c.width, c.lang, where)
			}
			if wide := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
				t.Errorf("%s at %d, %s: it is %d pixels wider than the window", view, c.width, c.lang, wide)
			}
		}
		for _, view := range []string{"#/overview", "#/health"} { // which are there at once, longer than the window
			b.show(view)
			b.await(view+" to settle", settled)
			if down := eval[float64](b, `window.scrollY`); down != 0 {
				t.Errorf("%s at %d, %s: it is shown from %g pixels down", view, c.width, c.lang, down)
			}
			b.run("window.scrollTo(0, 300)")
		}
		b.calm()
	}
}
