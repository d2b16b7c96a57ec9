//go:build unix

package node_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An askedNumber is a number of the page with its question, as lib/question.js has it.
type askedNumber struct {
	Text string
	Ask  struct {
		SQL, Command, API, Under, Op, Unit, Note string
		Path                                     []any
	}
	JSON string // Ask
}

// askedIn is the numbers of the view that is shown.
func askedIn(b *tab) []askedNumber {
	b.t.Helper()
	var all []askedNumber
	seen := map[string]bool{}
	for _, pair := range eval[[][2]string](b, `[...document.querySelectorAll('#main .asked')].map((e) => [e.innerText, e.dataset.ask])`) {
		n := askedNumber{Text: pair[0], JSON: pair[1]}
		if err := json.Unmarshal([]byte(n.JSON), &n.Ask); err != nil {
			b.t.Fatal(err)
		}
		if !seen[n.JSON+n.Text] {
			all = append(all, n)
		}
		seen[n.JSON+n.Text] = true
	}
	return all
}

// answered asks the API for what the question does: rows of a SELECT as nagare query writes them, or an answer through jq.
func (n *askedNumber) answered(t testing.TB, b *tab, p *process) string {
	t.Helper()
	if n.Ask.SQL != "" {
		return oneCell(t, n.Ask.SQL, getBody(t, p, "/api/query?format=csv&raw=true&sql="+url.QueryEscape(n.Ask.SQL)))
	}
	return n.filtered(t, b, getBody(t, p, n.Ask.API), "")
}

// byCommand is answered by the command itself.
func (n *askedNumber) byCommand(t testing.TB, b *tab, p *process, data string) string {
	t.Helper()
	if n.Ask.SQL != "" {
		return oneCell(t, n.Ask.SQL, []byte(succeed(t, "query", n.Ask.SQL, "-o", "csv", "--data", data).out))
	}
	args, ours := strings.CutPrefix(n.Ask.Command, "nagare ")
	if !ours {
		if want := "curl -s http://" + p.address + n.Ask.API; strings.ReplaceAll(n.Ask.Command, "'", "") != want {
			t.Errorf("the command is %s, and %s is meant", n.Ask.Command, want)
		}
		return n.answered(t, b, p)
	}
	return n.filtered(t, b, []byte(succeed(t, append(strings.Fields(args), "--data", data)...).out), n.Ask.Under)
}

// oneCell is the one value that a SELECT gives, "" where its record is still on its way.
func oneCell(t testing.TB, sql string, body []byte) string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(body)).ReadAll()
	if err != nil || len(rows) == 0 || len(rows) > 2 || len(rows[0]) != 1 {
		t.Fatalf("%s gives no single number: %q, %v", sql, rows, err)
	}
	if len(rows) < 2 {
		return ""
	}
	return rows[1][0]
}

func getBody(t testing.TB, p *process, path string) []byte {
	t.Helper()
	resp, err := http.Get("http://" + p.address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s, %v", path, resp.Status, body, err)
	}
	return body
}

// filtered is what the command's filter makes of a JSON that lies under a name in what the command writes.
func (n *askedNumber) filtered(t testing.TB, b *tab, body []byte, under string) string {
	t.Helper()
	if n.Ask.Path == nil {
		return ""
	}
	ask := n.JSON
	if under == "" {
		ask = strings.Replace(ask, `"under":"`, `"over":"`, 1)
	}
	_, filter, _ := strings.Cut(eval[string](b, fmt.Sprintf(`import('/page/lib/question.js').then((m) => m.commandOf(JSON.parse(%q)))`, ask)), " | jq ")
	jq := exec.Command("sh", "-c", "jq -c "+filter)
	jq.Stdin = bytes.NewReader(body)
	out, err := jq.CombinedOutput()
	if err != nil {
		t.Fatalf("jq %s: %v: %s", filter, err, out)
	}
	return strings.Trim(strings.TrimSpace(string(out)), `"`)
}

var (
	shownTime = regexp.MustCompile(`(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d(\.\d+)?Z?$`)
	shownPart = regexp.MustCompile(`([+-]?\d[\d,]*)(\.\d+)? ?(GiB|MiB|KiB|B|min|ms|µs|s|h|d|k|M|G|T)?\b`)
	sizeOf    = map[string]float64{"": 1, "s": 1, "ms": 1e-3, "µs": 1e-6, "min": 60, "h": 3600, "d": 86400, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
)

// readShown reads a number as people see it: its value (s, bytes, or what is counted) and how far that may be off.
func readShown(text string) (value, off float64, ok bool) {
	parts := shownPart.FindAllStringSubmatch(text, -1)
	for _, m := range parts {
		v, _ := strconv.ParseFloat(strings.ReplaceAll(m[1], ",", "")+m[2], 64)
		value += v * sizeOf[m[3]]
		off = 0.5 * sizeOf[m[3]]
		for range max(0, len(m[2])-1) {
			off /= 10
		}
	}
	if len(parts) > 1 || strings.HasPrefix(text, "in about") { // the last unit is cut off or rounded up
		off *= 2
	}
	return value, off * 1.0001, len(parts) > 0
}

// readAnswer reads an answer in the same measure.
func readAnswer(text, unit string) (float64, bool) {
	v, err := strconv.ParseFloat(text, 64)
	return v * sizeOf[strings.TrimPrefix(unit, "%")], err == nil
}

// moment is the second of a time: µs since 1970, or ISO 8601.
func moment(text string) (time.Time, bool) {
	if us, err := strconv.ParseFloat(text, 64); err == nil {
		return time.UnixMicro(int64(us)).UTC(), true
	}
	at, err := time.Parse(time.RFC3339, text)
	return at.UTC(), err == nil
}

// shows reports that a text shows an answer.
func (n *askedNumber) shows(text, answer string) bool {
	if shownTime.MatchString(text) {
		at, ok := moment(answer)
		return ok && strings.HasSuffix(strings.TrimSuffix(text, "Z"), at.Format("15:04:05")) || ok && strings.Contains(text, at.Format("15:04:05.999"))
	}
	shown, off, ok := readShown(text)
	got, number := readAnswer(answer, n.Ask.Unit)
	return ok && number && math.Abs(shown-got) <= off || text == answer || answer == "" && text == "NULL"
}

// between reports that a number which grows lies between what was answered before it was drawn and after.
func (n *askedNumber) between(text, before, after string) bool {
	if shownTime.MatchString(text) {
		from, ok1 := moment(before)
		to, ok2 := moment(after)
		at := text[strings.LastIndexByte(text, ' ')+1:]
		return ok1 && ok2 && from.Format("15:04:05Z") <= at && at <= to.Format("15:04:05Z")
	}
	shown, off, ok := readShown(text)
	a, ok1 := readAnswer(before, n.Ask.Unit)
	z, ok2 := readAnswer(after, n.Ask.Unit)
	return ok && ok1 && ok2 && min(a, z)-off <= shown && shown <= max(a, z)+off
}

// check follows the question of a number until both agree: what changes each second does so within the next ones. It
// returns false for a number that the page has no more, as that of a countdown that is over.
func (n *askedNumber) check(t testing.TB, b *tab, p *process, view string) (there bool) {
	t.Helper()
	giveUp, first, text := time.Now().Add(15*time.Second), "", n.Text
	for {
		answer := n.answered(t, b, p)
		if n.Ask.Note != "" && answer != "null" {
			return true // the note tells what is made of it
		}
		if first == "" {
			first = answer
		}
		if n.shows(text, answer) || text != n.Text && n.between(text, first, answer) {
			return true
		}
		if time.Now().After(giveUp) {
			t.Errorf("%s shows %q, and its question gives %s (before: %s)\n%s", view, text, answer, first, n.JSON)
			return true
		}
		now := eval[[]string](b, fmt.Sprintf(`[...document.querySelectorAll('#main .asked')].filter((e) => e.dataset.ask === %q).map((e) => e.innerText)`, n.JSON))
		if len(now) == 0 {
			return false
		}
		text = now[0]
	}
}

// TestPageNumbersLeadToTheirQuestions follows every number of every view to its question, and compares both.
func TestPageNumbersLeadToTheirQuestions(t *testing.T) {
	tool(t, "jq", "NAGARE_TEST_CHROMIUM", "jq") // which the commands that the page shows are for
	b := openTab(t, 1440, 1000, "light")
	p, data := startGolden(t, "127.0.0.1:0")
	b.open(p.address)
	row := answerOf(t, data, "SELECT window_start, category, region FROM sales_by_minute ORDER BY order_count DESC, window_start, category, region LIMIT 1")[0]
	key, _ := json.Marshal(map[string]string{"window_start": row[0], "category": row[1], "region": row[2]})
	for _, of := range []struct {
		view, ready string
		least       int
		before      string
	}{
		{"#/overview", `document.querySelectorAll('#main .legend .asked').length > 5 && document.querySelectorAll('#main .bars .asked').length > 3`, 20, ""},
		{"#/streaming", `document.querySelectorAll('.aligned .uplot').length === 8 && document.querySelectorAll('.aligned .asked').length > 20`, 60, ""},
		{"#/watermarks", `document.querySelectorAll('#main td .asked').length > 10`, 30, ""},
		{"#/topics", `document.querySelectorAll('.records tbody tr').length > 0`, 6, ""},
		{"#/dataflow", `document.querySelectorAll('#box-details .asked').length > 2`, 3, `[...document.querySelectorAll('.box')].find((e) => e.textContent.includes('purchase_raw')).dispatchEvent(new Event('click', {bubbles: true}))`},
		{"#/alerts", `document.querySelectorAll('[aria-label="Rules"] .asked').length > 3`, 20, ""},
		{"#/explain?" + url.Values{"table": {"sales_by_minute"}, "key": {string(key)}, "column": {"order_count"}}.Encode(), `document.querySelectorAll('.explain .asked').length > 5`, 8, ""},
		{"#/health", `document.querySelectorAll('[aria-label="Topics\' disk"] .asked').length > 10 && document.querySelectorAll('.meters .asked').length > 10`, 60, ""},
	} {
		view, _, _ := strings.Cut(of.view, "?")
		b.run(fmt.Sprintf("location.hash = %q", of.view))
		b.await(view+" to settle", settled+` && document.querySelector('nav.tabs a[aria-current]').getAttribute('href') === `+strconv.Quote(view))
		if of.before != "" {
			b.await("the boxes", `document.querySelectorAll('.box').length > 3`)
			b.run(of.before)
		}
		b.await(view+" with numbers", of.ready)
		all := askedIn(b)
		if len(all) < of.least {
			t.Errorf("%s has %d numbers with a question, at least %d were there", view, len(all), of.least)
		}
		commands, gone := map[string]bool{}, 0
		for i := range all {
			n := &all[i]
			if !n.check(t, b, p, view) {
				gone++
				continue
			}
			if !commands[n.Ask.Command] {
				if got := n.byCommand(t, b, p, data); got == "null" || got == "" && n.Ask.Path != nil {
					t.Errorf("%s: %s gives nothing: %s", view, n.Ask.Command, n.JSON)
				}
			}
			commands[n.Ask.Command] = true
		}
		if gone > len(all)/10 {
			t.Errorf("%s: %d of %d numbers went before they were followed", view, gone, len(all))
		}
		follow(t, b, of.view, view)
	}
	b.calm()
}

// follow clicks the first number of each kind: a SELECT is asked in the SQL view, a command is shown with what it gives.
func follow(t testing.TB, b *tab, address, view string) {
	t.Helper()
	if eval[bool](b, `document.querySelector('#main button.asked') !== null`) {
		b.run(`(window.clicked = [...document.querySelectorAll('#main button.asked')].find((e) => JSON.parse(e.dataset.ask).path)).click()`)
		b.await(view+": the command", `document.querySelector('dialog.question-box[open] b') !== null`)
		if got := eval[string](b, `document.querySelector('dialog.question-box pre').innerText`); !strings.Contains(got, " | jq ") {
			t.Errorf("%s: the command of a number is %s", view, got)
		}
		b.run(`[...document.querySelectorAll('dialog.question-box button')].at(-1).click()`)
		b.await(view+": no command", `document.querySelector('dialog.question-box') === null`)
	}
	if !eval[bool](b, `document.querySelector('#main a.asked') !== null`) {
		return
	}
	n := askedNumber{}
	pair := eval[[2]string](b, `(() => { const e = document.querySelector('#main a.asked'), of = [e.innerText, e.dataset.ask]; e.click(); return of; })()`)
	if n.Text, n.JSON = pair[0], pair[1]; json.Unmarshal([]byte(n.JSON), &n.Ask) != nil {
		t.Fatal(n.JSON)
	}
	b.await(view+": the result", `document.querySelectorAll('#result tbody tr').length === 1`)
	if got := eval[string](b, `document.querySelector('#result tbody td').innerText`); !n.shows(n.Text, strings.ReplaceAll(got, ",", "")) && !n.shows(n.Text, got) {
		t.Errorf("%s: %q leads to a statement that gives %q: %s", view, n.Text, got, n.JSON)
	}
	if got := eval[string](b, `document.querySelector('.editor textarea').value`); got != n.Ask.SQL {
		t.Errorf("%s: the statement is %q, the number's is %q", view, got, n.Ask.SQL)
	}
	b.run(fmt.Sprintf("location.hash = %q", address))
}
