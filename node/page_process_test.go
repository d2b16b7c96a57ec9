//go:build unix

package node_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/web"
)

// jsonOf is what the API answers at a path.
func jsonOf[T any](t testing.TB, p *process, path string) (v T) {
	t.Helper()
	resp, err := http.Get("http://" + p.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, resp.Status, err)
	}
	return v
}

// gridOf is the texts of the table with a label.
func gridOf(b *tab, label string) [][]string {
	b.t.Helper()
	return eval[[][]string](b, fmt.Sprintf(`[...document.querySelectorAll('#main [role="region"][aria-label=' + JSON.stringify(%q) + '] tbody tr')].map((r) => [...r.querySelectorAll('td')].map((c) => c.innerText.trim()))`, label))
}

func ungrouped(text string) string { return strings.ReplaceAll(text, ",", "") }

// TestPageShowsHowItRuns compares Streaming, Watermarks and Health with what the API and queries give.
func TestPageShowsHowItRuns(t *testing.T) {
	b := openTab(t, 1440, 1000, "light")
	p, data := startGolden(t, "127.0.0.1:0")
	b.open(p.address)

	b.show("#/streaming")
	b.await("five charts and those of state", `document.querySelectorAll('.aligned .uplot').length === 8`)
	st := p.status()
	tables := gridOf(b, "Streaming tables")
	for _, of := range st.Tables {
		if of.Kind != "view" && !slices.ContainsFunc(tables, func(r []string) bool { return r[0] == of.Name }) {
			t.Errorf("table %s is not shown: %q", of.Name, tables)
		}
	}
	b.await("all that was read", fmt.Sprintf(`document.querySelector('[aria-label="Partitions"] tbody tr td:nth-child(7)').innerText.replace(/,/g, '') === '%d'`, st.Partitions[0].Position))

	b.show("#/watermarks")
	b.await("the windows", `document.querySelectorAll('[aria-label="Open windows"] tbody tr').length > 0`)
	marks := jsonOf[web.WatermarksAnswer](t, p, "/api/watermarks")
	for i, row := range gridOf(b, "Partitions of purchase-events") {
		if want := marks.Groups[0].Partitions[i]; row[0] != strconv.Itoa(int(want.Partition)) || !strings.HasSuffix(row[2], want.Watermark[11:19]+"Z") {
			t.Errorf("partition %d is shown as %q, its watermark is %s", i, row, want.Watermark)
		}
	}
	rows := 0
	for _, row := range gridOf(b, "Open windows") {
		if row[0] == "sales_by_minute" {
			n, _ := strconv.Atoi(ungrouped(row[3]))
			rows += n
		}
	}
	if want := answerOf(t, data, "SELECT count(*) FROM `sales_by_minute$open` WHERE window_end > (SELECT max(window_end) FROM sales_by_minute)")[0][0]; strconv.Itoa(rows) != want {
		t.Errorf("%d rows of open windows are shown, a query gives %s", rows, want)
	}
	if text := eval[string](b, `document.querySelector('.late .say').innerText`); !strings.Contains(ungrouped(text), strconv.FormatInt(marks.Groups[0].Lateness.Rows, 10)+" rows") || !strings.Contains(text, "less than 0.01 %") {
		t.Errorf("lateness is told as %q, it is of %d rows", text, marks.Groups[0].Lateness.Rows)
	}
	// A window all of whose partitions are idle is ended by no clock.
	why := func(idle bool) string {
		return eval[string](b, fmt.Sprintf(`import('/page/views/watermarks.js').then((m) => m.why({ end: '2026-11-01T00:01:00Z', holders: [{ topic: 'ads', partition: 0 }], table: { topics: ['ads'], delayMs: 10000 } },
			{ now: '2026-11-01T00:00:50Z', partitions: [{ topic: 'ads', partition: 0, idle: %v }] }))`, idle))
	}
	if got := why(true); !strings.Contains(got, "a record of 00:01:10") {
		t.Errorf("a window of an idle partition is open because %s", got)
	}
	if got := why(false); !strings.Contains(got, "10 s to go") {
		t.Errorf("a window that is not over is open because %s", got)
	}

	b.show("#/health")
	b.await("the topics", `document.querySelectorAll('[aria-label="Topics\' disk"] tbody tr').length > 5`)
	b.await("the parts", `document.querySelectorAll('[role="region"][aria-label="Parts"] tbody tr').length > 5`)
	for _, part := range []string{"broker", "checkpoint", "disk", "monitor", "source/purchase-events", "sink/clv_cache"} {
		if !slices.ContainsFunc(gridOf(b, "Parts"), func(r []string) bool { return r[0] == part }) {
			t.Errorf("part %s is not shown", part)
		}
	}
	counts := p.status().Ledger.Topics["purchase-events"]
	want := []string{"purchase-events", "adds up"}
	for _, n := range []int64{counts.Read, counts.Counted, counts.Late, counts.Future, counts.Invalid, counts.Duplicate, counts.Filtered, counts.InFlight} {
		want = append(want, strconv.FormatInt(n, 10))
	}
	ledger := gridOf(b, "Ledger")
	if !slices.ContainsFunc(ledger, func(row []string) bool {
		return slices.EqualFunc(row, want, func(shown, is string) bool { return shown == is || ungrouped(shown) == is })
	}) {
		t.Errorf("the ledger is shown as %q, without %q", ledger, want)
	}
	if got := eval[string](b, `Promise.all([import('/page/views/ledger.js'), import('/page/lib/ui.js')]).then(([m, ui]) => { const at = document.createElement('div');
			ui.render(ui.html`+"`<${m.Ledger} s=${{ engine: { ledger: { topics: { a: { read: 9, counted: 3, late: 1, future: 0, invalid: 1, duplicate: 0, filtered: 1, in_flight: 2 } } } } }} />`"+`, at); return at.innerText; })`); !strings.Contains(got, "does not add up") {
		t.Errorf("a topic of which a record is missing is shown as %q", got)
	}
	for _, row := range gridOf(b, "Topics' disk") {
		if row[0] == "purchase-events" && ungrouped(row[3]) != answerOf(t, data, "SELECT count(*) FROM `purchase-events`")[0][0] {
			t.Errorf("the topic is shown with %s records", row[3])
		}
	}
	b.run(`[...document.querySelectorAll('#main button')].find((x) => x.innerText === 'Run the checks').click()`)
	b.await("the doctor", `[...document.querySelectorAll('#main button')].some((x) => x.innerText === 'all checks')`)
	b.run(`[...document.querySelectorAll('#main button')].find((x) => x.innerText === 'all checks').click()`)
	b.await("all checks", `document.querySelector('.found').innerText.includes('the ledger adds up')`)
	if got := eval[[]string](b, `import('/page/lib/save.js').then((m) => ['=1', '+1', '-x', '@a', '\ta', 'a"b', -1, null].map(m.csvCell))`); !slices.Equal(got, []string{"'=1", "'+1", "'-x", "'@a", "'\ta", `"a""b"`, "-1", ""}) {
		t.Errorf("cells of a download are %q", got)
	}
	b.calm()
}
