//go:build unix

package node_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// hostile is texts that do something where they are taken for HTML, script, a template, a formula or a command.
func hostile() (all []string) {
	const act = `window.pwned=1`
	shapes := []string{
		"<script>%s</script>", "</script><script>%s</script>", "<img src=x onerror=%s>", "<svg onload=%s>", `"><img src=x onerror=%s>`,
		`'><svg/onload=%s>`, "<iframe src=\"javascript:parent.%s\">", "javascript:%s", "<a href=javascript:%s>x</a>", "${%s}", "`${%s}`", "{{%s}}",
		"#{%s}", "<%%= %s %%>", "<style>@import 'http://127.0.0.1:1/x'</style>%s", "<math><mi//xlink:href=\"data:x,<script>%s</script>\">",
		"<details open ontoggle=%s>", "<input autofocus onfocus=%s>", "<body onload=%s>", "<base href=http://127.0.0.1:1/>%s", "</title><script>%s</script>",
		"</textarea><script>%s</script>", "-->\u003cscript>%s</script>", "]]><script>%s</script>", "\\x3cscript\\x3e%s", "&lt;script&gt;%s", "%%3Cscript%%3E%s",
		"constructor.constructor('%s')()", "__proto__", "';%s;//", "\";%s;//", "\u2028%s\u2029", "=cmd|'/C calc'!A0", "=HYPERLINK(\"http://127.0.0.1:1\")", "+1+%s", "-1-%s",
		"@SUM(1)%s", "\t=1+1", "\r=1+1", "\u202e%s", "\u0000%s", "' OR 1=1 --", "; rm -rf /; %s", "$(%s)", "../../etc/passwd", "a\nb\r\nc",
	}
	for _, wrap := range []string{"", " ", "x", "\n", "'", "\"", "</td>"} {
		for _, shape := range shapes {
			text := strings.ReplaceAll(shape, "%s", act)
			all = append(all, wrap+strings.ReplaceAll(text, "%%", "%"))
		}
	}
	return all
}

// hostileAnswer is what a receiver says that refuses.
const hostileAnswer = "<img src=x onerror=window.pwned=1>"

// hostileName is a name that a dataset may have: it holds no dot.
const hostileName = "<img src=x onerror=pwned=1>"

// hostileProject is a project whose names, comments, titles and alerts are texts that would run as HTML. What its sinks are
// answered at url becomes their errors.
func hostileProject(t *testing.T, url string) string {
	t.Helper()
	project := t.TempDir()
	if err := os.Mkdir(filepath.Join(project, "transformations"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(project, "spark-pipeline.yml"), `name: "<img src=x onerror=window.pwned=1>"
storage: file:///tmp/hostile
libraries:
  - glob:
      include: transformations/**
configuration:
  source.raw.format: kafka
  source.raw.option.kafka.bootstrap.servers: localhost:9092
  source.raw.option.subscribe: events
  page.a.from: groups
  page.a.title: "<img src=x onerror=window.pwned=1>"
  page.b.from: things
  page.c.from: ranks
  page.d.from: things
  page.d.kind: bars
  page.d.value: n
  page.d.by: text
  page.e.from: "<img src=x onerror=pwned=1>"
  page.f.from: "<svg onload=pwned=1>"
  alert.hostile.from: things
  alert.hostile.key: text, <svg onload=window.pwned=1>
  alert.hostile.severity: warning
  alert.hostile.summary: "${text} <img src=x onerror=window.pwned=1>"
  alert.hostile.description: "</script><script>window.pwned=1</script> ${text}"
  alert.hostile.notify: chat
  sink.chat.format: webhook
  sink.chat.option.url: `+url+`
  sink.rows.format: webhook
  sink.rows.from: things
  sink.rows.option.url: `+url+`
`)
	write(t, filepath.Join(project, "transformations", "things.sql"), `CREATE TEMPORARY VIEW thing AS
SELECT * FROM (SELECT e.text, e.n, try_to_timestamp(e.ts) AS ts FROM (SELECT from_json(CAST(value AS STRING), 'text STRING, n INT, ts STRING') AS e FROM STREAM raw))
WATERMARK ts DELAY OF INTERVAL 1 SECOND WHERE ts IS NOT NULL;
CREATE STREAMING TABLE things COMMENT '</script><script>window.pwned=1</script>' AS SELECT ts, text, n, concat('<b>', text) AS `+"`<svg onload=window.pwned=1>`"+` FROM STREAM thing;
CREATE STREAMING TABLE groups COMMENT '<svg onload=window.pwned=1>' AS SELECT window.start AS s, text, count(*) AS c FROM STREAM thing GROUP BY window(ts, '1 minute'), text;
CREATE MATERIALIZED VIEW ranks AS SELECT *, rank() OVER (PARTITION BY s ORDER BY c DESC, text) AS r FROM groups;
CREATE MATERIALIZED VIEW `+"`"+hostileName+"`"+` COMMENT '=1+1' AS SELECT text, count(*) AS `+"`=n`"+` FROM things GROUP BY text;
CREATE STREAMING TABLE `+"`<svg onload=pwned=1>`"+` COMMENT '<svg onload=window.pwned=1>' AS SELECT ts, text AS `+"`@text`"+` FROM STREAM thing;
`)
	return project
}

// hostileRecords is kcat's lines of records whose keys, headers and values are hostile: events, one that is late, and
// some that are invalid.
func hostileRecords(t testing.TB, texts []string) string {
	t.Helper()
	var lines strings.Builder
	offset := 0
	add := func(key, text string, n int, ts string) {
		value, err := json.Marshal(map[string]any{"text": text, "n": n, "ts": ts})
		if err != nil {
			t.Fatal(err)
		}
		line, err := json.Marshal(map[string]any{"topic": "events", "partition": 0, "offset": offset, "key": key, "payload": string(value), "headers": []string{"<img src=x onerror=window.pwned=1>", text}})
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
		offset++
	}
	for i, text := range texts {
		add(text, text, i-100, fmt.Sprintf("2026-02-03T10:%02d:%02dZ", i/60, i%60))
	}
	add("late", "=late", 1, "2026-02-03T09:00:00Z")
	for _, text := range texts[:40] {
		add(text, "x", 1, text) // no time: invalid
	}
	return lines.String()
}

// hostileTellings has an Alertmanager tell hostile alerts, and makes hostile silences.
func hostileTellings(t *testing.T, p *process, data string, texts []string) {
	t.Helper()
	var told []any
	for i, text := range texts {
		told = append(told, map[string]any{"status": "firing", "labels": map[string]string{"alertname": text, "text": text}, "annotations": map[string]string{"summary": text, "description": text},
			"startsAt": "2026-11-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "javascript:window.pwned=1", "fingerprint": fmt.Sprint(i)})
	}
	post := func(path string, v any) {
		body, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if text, code := ask(t, p, data, path, body); code != http.StatusOK {
			t.Fatalf("%s: %d: %s", path, code, text)
		}
	}
	post("/api/alerts", map[string]any{"version": "4", "groupKey": texts[0], "status": "firing", "receiver": texts[0], "groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{}, "externalURL": texts[0], "alerts": told})
	for _, text := range texts[:20] {
		post("/api/silences", map[string]any{"matchers": []any{map[string]any{"name": "text", "value": text, "isRegex": false, "isEqual": true}}, "createdBy": text, "comment": text,
			"startsAt": "2026-11-01T00:00:00Z", "endsAt": "2099-11-01T00:00:00Z"})
	}
}

// ran is that a text ran, or that the policy kept one from it.
const ran = `window.pwned !== undefined || (window.violations || []).length > 0`

// TestPageRunsNoData puts hostile texts into every field that a view can show: keys, values, groups, columns, names,
// comments, titles, the project's name, sinks' errors, alerts and their labels, silences, late and invalid rows, statements and faults.
func TestPageRunsNoData(t *testing.T) {
	texts := hostile()
	if len(texts) < 200 {
		t.Fatalf("%d texts, 200 are to be tried", len(texts))
	}
	data, file := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "events.ndjson")
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, hostileAnswer)
	}))
	defer receiver.Close()
	p := start(t, false, "run", hostileProject(t, receiver.URL), "--data", data, "--http", "127.0.0.1:0")
	write(t, file, hostileRecords(t, texts))
	succeed(t, "publish", "events", file, "--data", data)
	p.await("the texts", func() bool { return p.status().Ledger.Topics["events"].Read == int64(len(texts)+41) })
	hostileTellings(t, p, data, texts)
	b := openTab(t, 1440, 1000, "light")
	send(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `addEventListener('securitypolicyviolation', (e) => (window.violations ||= []).push(e.violatedDirective));`})
	b.do(chromedp.Navigate("http://" + p.address + "/"))
	b.await("the page, of a process whose sinks are in trouble", `document.querySelector('.state.warn') !== null`)
	b.await("the rows", `document.querySelectorAll('#chart-b tbody tr').length > 20 && document.querySelectorAll('#chart-d tbody tr').length > 5`)
	if got := eval[string](b, `document.querySelector('.project').textContent`); got != "<img src=x onerror=window.pwned=1>" {
		t.Errorf("the project is shown as %q", got)
	}
	look := func(view, ready string) {
		b.run(fmt.Sprintf("location.hash = %q", view))
		b.await(view+" to settle", settled+" && ("+ready+")")
		if eval[bool](b, ran) {
			t.Errorf("in %s a text ran, or would have: %v", view, eval[[]string](b, `window.violations || []`))
		}
		downloads(b, p, view)
	}
	at := func(view string, pairs ...string) string {
		q := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return "#/" + view + "?" + strings.ReplaceAll(q.Encode(), "+", "%20")
	}
	for _, view := range b.views() {
		look(view, "true")
	}
	for _, view := range []string{"#/alerts", "#/health"} { // where the sinks' errors stand
		look(view, fmt.Sprintf("document.getElementById('main').textContent.includes(%q)", hostileAnswer))
	}
	// Texts stand where they belong as they are, whatever is in them.
	look(at("sql", "q", "SELECT text FROM things ORDER BY n"), fmt.Sprintf(`document.querySelectorAll('#result tbody tr').length === %d`, len(texts)+1))
	shown := eval[[]string](b, `[...document.querySelectorAll('#result tbody td')].map((e) => e.textContent)`)
	for i, want := range answerJSON(t, p, "SELECT text FROM things ORDER BY n") {
		if shown[i] != want {
			t.Errorf("row %d is shown as %q, and is %q", i, shown[i], want)
		}
	}
	b.expect("status of 4")
	for _, text := range []string{hostileName, "</script><script>window.pwned=1</script>", "'\"><svg onload=window.pwned=1>"} {
		look(at("sql", "q", "SELECT `"+text+"` FROM things"), `document.querySelector('#sql-faults .faults') !== null && document.querySelector('#result .trouble') !== null`)
		if got := eval[string](b, `document.querySelector('#result .trouble').textContent`); !strings.Contains(got, strings.TrimLeft(text, `'"`)) {
			t.Errorf("the fault of %q is told as %q", text, got)
		}
		look(at("topics", "topic", text), `true`)
		look(at("topics", "topic", "events", "where", "value = '"+text), `document.querySelector('.trouble') !== null`)
		look(at("explain", "table", text, "key", `{"text":"`+hostileName+`"}`, "column", text), `document.querySelector('.trouble') !== null`)
		look(at("alerts", "incident", text), `true`)
		look(at("streaming", "table", text), `true`)
	}
	b.calm()
}

// answerJSON is the first column of a query as the API has it.
func answerJSON(t testing.TB, p *process, sql string) (texts []string) {
	t.Helper()
	for line := range strings.Lines(string(getBody(t, p, "/api/query?format=cells&sql="+url.QueryEscape(sql)))) {
		var row []string
		if json.Unmarshal([]byte(line), &row) == nil {
			texts = append(texts, row[0])
		}
	}
	return texts
}

// formula is what spreadsheets take for the beginning of a formula.
func formula(cell string) bool { return cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") }

// downloads takes every table of the view that is shown as CSV and JSON: both have the same cells, but for those that a
// spreadsheet would take for formulas, which have a ' in CSV alone.
func downloads(b *tab, p *process, view string) {
	t := b.t
	t.Helper()
	if bare := eval[[]string](b, `[...document.querySelectorAll('#main table')].filter((e) => !(e.closest('.table') || e.closest('.panel')).querySelector('.downloads')).map((e) => e.innerText.slice(0, 80))`); len(bare) > 0 {
		t.Errorf("%s: tables without downloads: %q", view, bare)
	}
	type files struct{ CSV, JSON, Name, SQL string }
	all := eval[[]files](b, `(async () => {
		const made = URL.createObjectURL, click = HTMLAnchorElement.prototype.click, all = [];
		let blob = null;
		URL.createObjectURL = (x) => { blob = x; return made.call(URL, x); };
		HTMLAnchorElement.prototype.click = () => {};
		try {
			for (const e of [...document.querySelectorAll('#main .downloads')]) {
				const [csv, json] = e.querySelectorAll('a, button');
				const text = async (of) => { if (of.tagName === 'A') { const r = await fetch(of.href); return r.ok ? r.text() : 'status ' + r.status + ' ' + await r.text(); } of.click(); return blob.text(); }; // both are asked for before the page draws again
				const both = [text(csv), text(json)];
				all.push({ CSV: await both[0], JSON: await both[1], Name: csv.download || csv.getAttribute('aria-label'), SQL: csv.href ? new URL(csv.href).searchParams.get('sql') : '' });
			}
		} finally { URL.createObjectURL = made; HTMLAnchorElement.prototype.click = click; }
		return all;
	})()`)
	for _, f := range all {
		if strings.HasPrefix(f.CSV, "status 4") && strings.HasPrefix(f.JSON, "status 4") {
			continue // the statement has a fault, which the view tells
		}
		rows, err := csv.NewReader(strings.NewReader(f.CSV)).ReadAll()
		var objects []json.RawMessage
		if errJSON := json.Unmarshal([]byte(f.JSON), &objects); err != nil || errJSON != nil || len(rows) == 0 && len(objects) > 0 || len(rows) > 0 && len(rows) != len(objects)+1 {
			t.Errorf("%s: %s has %d rows as CSV and %d as JSON: %v, %v\n%.300s", view, f.Name, len(rows)-1, len(objects), err, errJSON, f.CSV+f.JSON)
			continue
		}
		for i, row := range rows {
			cells := rows[0]
			if i > 0 {
				cells = cellsOfJSON(t, objects[i-1])
			}
			sameRow(t, view+": "+f.Name, row, cells, i == 0)
		}
	}
}

// sameRow compares a line of CSV with the values of the JSON; names are compared with themselves.
func sameRow(t testing.TB, what string, row, cells []string, names bool) {
	t.Helper()
	if len(row) != len(cells) {
		t.Errorf("%s: %d cells as CSV, %d as JSON", what, len(row), len(cells))
		return
	}
	for k, cell := range row {
		number := !names && json.Valid([]byte(cells[k])) && cells[k][0] != '"'
		text := cells[k]
		if !names && !number {
			_ = json.Unmarshal([]byte(cells[k]), &text)
		}
		switch {
		case formula(cell) && !(number && cell[0] == '-'):
			t.Errorf("%s: the cell %q of the CSV is taken for a formula", what, cell)
		case names || number || strings.HasPrefix(cells[k], `"{`):
		case strings.ReplaceAll(cell, "\r\n", "\n") != strings.ReplaceAll(text, "\r\n", "\n") && strings.ReplaceAll(cell, "\r\n", "\n") != "'"+strings.ReplaceAll(text, "\r\n", "\n"):
			t.Errorf("%s: the cell is %q as CSV and %q as JSON", what, cell, text)
		}
	}
}

// cellsOfJSON is the values of an object in their order, as they stand.
func cellsOfJSON(t testing.TB, object json.RawMessage) (cells []string) {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(object)))
	_, _ = dec.Token()
	for dec.More() {
		var value json.RawMessage
		if _, err := dec.Token(); err != nil {
			t.Fatal(err)
		}
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
		cells = append(cells, string(slices.Clone(value)))
	}
	return cells
}
