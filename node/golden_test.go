package node_test

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/ledger"
)

// goldenKeys is the key columns of each expected answer, as testdata/golden/README.md has them.
var goldenKeys = map[string][]string{
	"q1": {"window_start", "category", "region"},
	"q2": {"window_start", "user_segment"},
	"q3": {"partition", "offset"},
	"q4": {"window_start", "category"},
	"q5": {"window_start", "product_id", "product_name", "category"},
}

// goldenCases is the files and how many rows of each are in q3, the filter.
var goldenCases = map[string]int{"clean": 5350, "disorder": 3179, "bad": 1545}

// TestGolden runs the golden files through the command line, from the file and through the durable
// topic, and compares with answers that were worked out apart from any stream processor.
func TestGolden(t *testing.T) {
	for name := range goldenCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := root("testdata", "golden", name+".ndjson.gz")
			out := filepath.Join(t.TempDir(), "out")
			succeed(t, "run", root("testdata", "projects", "golden"), "--once", "--from", "purchase-events="+events, "--out", out)
			compareAnswers(t, name, out)
			compareLedger(t, name, out)

			durable := filepath.Join(t.TempDir(), "durable")
			runDurable(t, root("testdata", "projects", "golden"), "purchase-events", events, durable, "")
			tell(t, "from the durable topic", filesDiffer(t, out, durable))
		})
	}
}

func compareAnswers(t *testing.T, name, out string) {
	for query, keys := range goldenKeys {
		c := enginetest.Comparison{Keys: keys, Tol: 1e-9, WantNull: `\N`}
		want, got := root("testdata", "golden", "expected", name+"."+query+".csv"), filepath.Join(out, query+".csv")
		differences, err := c.Files(want, got)
		if err != nil {
			t.Fatal(err)
		}
		tell(t, query, differences)
	}
	if rows := strings.Count(read(t, filepath.Join(out, "q3.csv")), "\n") - 1; rows != goldenCases[name] {
		t.Errorf("q3: got %d rows, want %d", rows, goldenCases[name])
	}
}

// compareLedger compares the verdicts with those of q6, rule r2. The filter's counted rows are those
// that it let through; the others are filtered.
func compareLedger(t *testing.T, name, out string) {
	books := readLedger(t, out)
	want := map[string]ledger.Count{}
	for _, row := range readCSV(t, root("testdata", "golden", "expected", name+".q6.csv")) {
		if row["rule"] != "r2" {
			continue
		}
		n := func(column string) int64 {
			x, err := strconv.ParseInt(row[column], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		want[row["window"]] = ledger.Count{Read: n("total"), Invalid: n("invalid"), Future: n("future"), Duplicate: n("duplicate"), Late: n("late"), Counted: n("counted")}
	}
	filter := want["none"]
	filter.Counted, filter.Filtered = int64(goldenCases[name]), filter.Counted-int64(goldenCases[name])
	for table, count := range map[string]ledger.Count{"q1": want["1m"], "q2": want["2m"], "q3": filter, "q4": want["1h"], "q5_products": want["1h"]} {
		if count.Read == 0 {
			t.Fatalf("%s.q6.csv has no row for %s", name, table)
		}
		if got := books.Tables[table]["purchase-events"]; got != count {
			t.Errorf("ledger of %s: got %+v, want %+v", table, got, count)
		}
	}
	// A row counts once in the topic's line: a late one that the filter let through is counted there.
	topic, hour := books.Topics["purchase-events"], want["1h"]
	if !topic.Balanced() || topic.Read != hour.Read || topic.Invalid != hour.Invalid || topic.Future != hour.Future ||
		topic.Counted < hour.Counted || topic.Counted+topic.Late != hour.Counted+hour.Late {
		t.Errorf("ledger of the topic: got %+v, which does not fit %+v of the hours", topic, hour)
	}
	keptRows(t, filepath.Join(out, "purchase-events$invalid.csv"), hour.Invalid+hour.Future)
	keptRows(t, filepath.Join(out, "q1$late.csv"), want["1m"].Late)
}

// keptRows counts the rows that were refused and kept.
func keptRows(t *testing.T, path string, want int64) {
	t.Helper()
	if _, err := os.Stat(path); os.IsNotExist(err) && want == 0 {
		return
	}
	if got := len(readCSV(t, path)); int64(got) != want {
		t.Errorf("%s keeps %d rows, want %d", filepath.Base(path), got, want)
	}
}

// runDurable publishes a file to a topic and runs the project over it to its end, on the broker of a new
// data folder or, if kafka is not "", on the cluster there.
func runDurable(t *testing.T, project, topic, events, out, kafka string) {
	t.Helper()
	on := []string{"--data", t.TempDir()}
	if kafka != "" {
		on = append(on, "--kafka", kafka)
	}
	if kafka != "" {
		succeed(t, append([]string{"topics", "create", topic, "--partitions", "3"}, on...)...)
	}
	succeed(t, append([]string{"run", project, "--once"}, on...)...) // makes the folder, which knows the keys, and its topics
	succeed(t, append([]string{"publish", topic, events}, on...)...)
	succeed(t, append([]string{"run", project, "--once", "--close", "--out", out}, on...)...)
}

// differingLines is the lines in which two texts differ, at most a screen of them.
func differingLines(want, got string) []string {
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	var out []string
	for i := 0; i < max(len(w), len(g)) && len(out) < 20; i++ {
		var a, b string
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			out = append(out, "line "+strconv.Itoa(i+1)+": want "+shown(a)+", got "+shown(b))
		}
	}
	return out
}

func shown(line string) string {
	const most = 300
	if len(line) > most {
		return strconv.Quote(line[:most]) + "…"
	}
	return strconv.Quote(line)
}

func readLedger(t testing.TB, out string) ledger.Ledger {
	t.Helper()
	var l ledger.Ledger
	if err := json.Unmarshal([]byte(read(t, filepath.Join(out, "ledger.json"))), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// readCSV is the rows of a file as maps from column to text.
func readCSV(t testing.TB, path string) []map[string]string {
	t.Helper()
	out := []map[string]string{}
	eachRow(t, path, func(row map[string]string) { out = append(out, maps.Clone(row)) })
	return out
}

// eachRow hands the rows of a file to visit, one after the other in the same map.
func eachRow(t testing.TB, path string, visit func(row map[string]string)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := csv.NewReader(f)
	names, err := in.Read()
	row := map[string]string{}
	for err == nil {
		var values []string
		if values, err = in.Read(); err != nil {
			break
		}
		for i, name := range names {
			row[name] = values[i]
		}
		visit(row)
	}
	if err != io.EOF {
		t.Fatalf("read %s: %v", path, err)
	}
}

// TestRetail runs 10,000 lines of real invoices, whose sums are known to the penny.
func TestRetail(t *testing.T) {
	t.Parallel()
	events := root("testdata", "retail", "online_retail.ndjson.gz")
	out := filepath.Join(t.TempDir(), "out")
	succeed(t, "run", root("pipelines", "retail"), "--once", "--from", "retail-events="+events, "--out", out)

	revenue := readCSV(t, filepath.Join(out, "revenue.csv"))
	if len(revenue) != 1 || revenue[0]["lines"] != "10000" || revenue[0]["items"] != "78286" || revenue[0]["revenue"] != "180667.75" {
		t.Errorf("revenue: got %v, want 10000 lines, 78286 items, 180667.75", revenue)
	}
	// The file does not go back in time: nothing is late, nothing is left out.
	all := ledger.Count{Read: 10_000, Counted: 10_000}
	returns := ledger.Count{Read: 10_000, Counted: 130, Filtered: 9_870}
	sold := ledger.Count{Read: 10_000, Counted: 9_870, Filtered: 130}
	books := readLedger(t, out)
	if got := books.Topics["retail-events"]; got != all {
		t.Errorf("ledger of the topic: got %+v, want %+v", got, all)
	}
	for table, want := range map[string]ledger.Count{"sales_by_hour": all, "product_sales": sold, "returns": returns} {
		if got := books.Tables[table]["retail-events"]; got != want {
			t.Errorf("ledger of %s: got %+v, want %+v", table, got, want)
		}
	}
	compareRetail(t, out)

	durable := filepath.Join(t.TempDir(), "durable")
	runDurable(t, root("pipelines", "retail"), "retail-events", events, durable, "")
	tell(t, "from the durable topic", filesDiffer(t, out, durable))
}

// compareRetail compares with what is counted in the data's own description.
func compareRetail(t *testing.T, out string) {
	byCountry, byDay := map[string]int{}, map[string]int{}
	for _, row := range readCSV(t, filepath.Join(out, "sales_by_hour.csv")) {
		n, err := strconv.Atoi(row["lines"])
		if err != nil {
			t.Fatal(err)
		}
		byCountry[row["country"]] += n
		byDay[row["window_start"][:len("2010-12-01")]] += n
	}
	equalCounts(t, "lines by country", byCountry, map[string]int{"United Kingdom": 9403, "Germany": 181, "EIRE": 109,
		"France": 106, "Norway": 73, "Lithuania": 34, "Italy": 24, "Japan": 16, "Australia": 14, "Belgium": 12,
		"Poland": 8, "Portugal": 7, "Switzerland": 6, "Spain": 5, "Netherlands": 2})
	equalCounts(t, "lines by day", byDay, map[string]int{"2010-12-01": 3108, "2010-12-02": 2109, "2010-12-03": 2202, "2010-12-05": 2581})

	cancelled, writtenOff, pennies := 0, 0, 0
	for _, row := range readCSV(t, filepath.Join(out, "returns.csv")) {
		if strings.HasPrefix(row["event_id"], "C") {
			cancelled++
		} else if row["unit_price"] == "0.00" && row["user_id"] == "" {
			writtenOff++
		}
		n, err := strconv.Atoi(strings.Replace(row["final_amount"], ".", "", 1))
		if err != nil {
			t.Fatal(err)
		}
		pennies += n
	}
	if cancelled != 100 || writtenOff != 30 || pennies != -358_058 {
		t.Errorf("returns: got %d cancellations, %d write-offs, %d pennies; want 100, 30, -358058", cancelled, writtenOff, pennies)
	}
	ranks := map[string]int{}
	for _, row := range readCSV(t, filepath.Join(out, "top_products.csv")) {
		ranks[row["day"][:len("2010-12-01")]]++
	}
	for day, n := range ranks {
		if n < 10 {
			t.Errorf("top products of %s: got %d, want 10 or more", day, n)
		}
	}
	if len(ranks) != 4 {
		t.Errorf("top products: got %d days, want 4", len(ranks))
	}
}

func equalCounts(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: got %d of %s, want %d", what, got[name], name, n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
