//go:build unix

package node_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/nagare-stream/nagare/node"
)

// tellOthers gives a process what views show beside the golden events: records that are invalid, another's alert, a silence
// that holds and one that has ended.
func tellOthers(t *testing.T, p *process, data string) {
	t.Helper()
	if f := publish(t, data, []byte("{\"event_id\": \n{}\n[]\n")); f.code != 0 {
		t.Fatalf("publish: exit %d: %s", f.code, f.errors)
	}
	p.await("the invalid records", func() bool { return p.status().Ledger.Topics[lifeTopic].Invalid >= 3 })
	told := `{"version": "4", "groupKey": "g", "status": "firing", "receiver": "nagare", "alerts": [{"status": "firing", "labels": {"alertname": "theirs", "team": "shop"},
		"annotations": {"summary": "told by another"}, "startsAt": "2026-11-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://127.0.0.1/", "fingerprint": "1"}]}`
	if text, code := ask(t, p, data, "/api/alerts", []byte(told)); code != 200 {
		t.Fatalf("tell of an alert: %d: %s", code, text)
	}
	for i, name := range []string{"high_value", "other"} {
		silence, err := json.Marshal(map[string]any{"matchers": []any{map[string]any{"name": "alertname", "value": name, "isRegex": false}},
			"startsAt": time.Now(), "endsAt": time.Now().Add(time.Hour), "createdBy": "test", "comment": "planned work"})
		if err != nil {
			t.Fatal(err)
		}
		text, code := ask(t, p, data, "/api/silences", silence)
		var made struct{ SilenceID string }
		if err := json.Unmarshal(text, &made); err != nil || code != 200 {
			t.Fatalf("make a silence: %d: %s", code, text)
		}
		if i == 1 {
			succeed(t, "alerts", "silence", "--end", made.SilenceID, "--data", data)
		}
	}
}

// click clicks on what a selector finds, and waits.
func (b *tab) click(selector, what, expression string) {
	b.t.Helper()
	b.await(selector, fmt.Sprintf(`document.querySelector(%q) !== null`, selector))
	b.run(fmt.Sprintf(`document.querySelector(%q).click()`, selector))
	b.await(what, expression)
}

// giveToken answers the question for the token.
func (b *tab) giveToken(token string) {
	b.t.Helper()
	b.run(fmt.Sprintf(`{ const d = document.querySelector('dialog[open]'); d.querySelector('input').value = %q; d.querySelector('button.main').click(); }`, token))
}

// everySight brings the page, in any language, to all that it shows of the golden events and of tellOthers, and calls look
// with each sight. It shows no token before.
func everySight(b *tab, token string, look func(sight string)) {
	b.t.Helper()
	is := func(selector string) string { return fmt.Sprintf(`document.querySelector(%q) !== null`, selector) }
	sight := func(view, name, expression string) {
		b.t.Helper()
		b.run(fmt.Sprintf("location.hash = %q", view))
		b.await(name, expression)
		b.await(name+" to settle", settled)
		look(name)
	}
	sight("#/overview", "overview", `document.querySelectorAll('#chart-sales_by_category .legend button').length > 2 && document.querySelectorAll('#chart-anomalies tbody tr').length > 5`)
	b.click("#chart-sales_by_category .actions button", "open windows in a table", is("#chart-sales_by_category tr.open"))
	look("overview, a chart as a table")
	sight("#/streaming", "streaming", `document.querySelectorAll('.aligned .uplot').length === 8`)
	sight("#/watermarks", "watermarks", is(`.curve .loss`))
	sight("#/topics", "topics", is(".records tbody tr"))
	b.click(".records tbody button.cell", "a record", is(".record"))
	look("topics, a record")
	sight("#/topics?topic="+url.QueryEscape("purchase-events$invalid"), "topics, invalid rows", is(".resend ~ .table tbody tr"))
	b.click(".resend button:last-child", "the question for the token", is("dialog[open] input"))
	look("the question for the token")
	b.giveToken(token)
	b.await("the question whether to send again", is("dialog[open] code"))
	look("topics, the question whether to send again")
	b.click("dialog[open] button:not(.main)", "no question", `document.querySelector('dialog') === null`)
	sight("#/topics?where=categry", "topics, a fault", is(`#main [role="alert"]`))
	sight("#/dataflow", "dataflow", is(".box"))
	b.run(`document.querySelector('.box').dispatchEvent(new MouseEvent('click', {bubbles: true}))`)
	b.await("a box", is("#box-details"))
	look("dataflow, a box")
	sight("#/alerts", "alerts", is(".incident"))
	b.click(".incident .open", "an incident", is(".incident .inner .steps li"))
	look("alerts, an incident")
	b.click(".incident .inner .foot > button", "a silence to be made", is("form.silence"))
	look("alerts, a silence to be made")
	sight("#/sql?q="+url.QueryEscape("SELECT category, region, sum(total_sales) AS s FROM sales_by_minute -- all\nWHERE region <> 'x' AND order_count > 1 GROUP BY category, region"), "sql, a result", is("#result tbody tr")+" && "+is(".columns")+" && "+is(".k-dataset"))
	b.click("#result .actions button", "a chart of the result", is("#result ul.bars"))
	look("sql, a chart of the result")
	b.run(`{ const e = document.querySelector('.editor textarea'); e.focus(); e.select(); document.execCommand('insertText', false, 'SELECT categry FROM sales_by_minute WHERE ord'); }`)
	b.await("a fault", is("#sql-faults .faults")+" && "+is(".near button"))
	look("sql, a fault")
	sight("#/explain", "explain", is("button.cell"))
	b.click("tr.open button.cell", "a row that is explained", is(".explain .steps li.open"))
	look("explain, a row of an open window")
	b.click(".explain .actions a", "explain again", is("tr:not(.open) > td button.cell"))
	b.click("tr:not(.open) > td button.cell", "a row that is explained", is(".explain .steps li:not(.open):nth-child(3)"))
	look("explain, a row that is final")
	sight("#/health", "health", `document.querySelectorAll('.meters').length > 1`)
	b.click(".found ~ .foot", "the doctor", "true")
	b.run(`[...document.querySelectorAll('#main section')].find((x) => x.querySelector('.found')).querySelector('.actions button').click()`)
	b.await("the doctor's findings", `document.querySelector('.found')?.closest('section').querySelectorAll('.actions button').length === 2`)
	b.click(".actions button[aria-pressed=false]", "all checks", `document.querySelectorAll('.found li').length > 5`)
	look("health, the doctor")
}

// TestPageContrast measures the contrast of everything drawn in each view, light and dark: texts, lines of charts and
// graphics, borders of fields, with the process there and killed. axe-core's own rule looks, too, if it is there.
func TestPageContrast(t *testing.T) {
	axe := ""
	if path := os.Getenv("NAGARE_TEST_AXE"); path != "" {
		axe = read(t, path)
	}
	canvas, contrast := read(t, "testdata/page/canvas.js"), read(t, "testdata/page/contrast.js")
	data := filepath.Join(t.TempDir(), "data")
	p := startPage(t, data, "127.0.0.1:0")
	publishGolden(t, p, data)
	tellOthers(t, p, data)
	token, err := node.Token(data)
	if err != nil {
		t.Fatal(err)
	}
	lookIn := func(b *tab, scheme string) func(string) {
		return func(sight string) {
			t.Helper()
			b.run(contrast)
			var got struct {
				Measured int
				Low      []string
			}
			if err := json.Unmarshal([]byte(eval[string](b, `JSON.stringify(contrast())`)), &got); err != nil {
				t.Fatal(err)
			}
			if got.Measured < 15 {
				t.Errorf("%s, %s: only %d things are measured", sight, scheme, got.Measured)
			}
			tell(t, sight+", "+scheme, got.Low)
			if sight == "overview" && !eval[bool](b, `[...document.querySelectorAll('canvas')].length > 2 && [...document.querySelectorAll('canvas')].every((c) => c.drawn?.size > 2)`) {
				t.Error("it is not seen what charts are drawn with")
			}
			if axe != "" {
				b.run(axe)
				tell(t, sight+", "+scheme+", by axe", eval[[]string](b, `axe.run(document, {runOnly: ['color-contrast'], resultTypes: ['violations']}).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => n.target.join(' ') + ': ' + n.failureSummary.replace(/\s+/g, ' '))))`))
			}
		}
	}
	tabs := map[string]*tab{}
	for _, scheme := range []string{"light", "dark"} {
		b := openTab(t, 1440, 1000, scheme)
		tabs[scheme] = b
		send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}}) // nothing blinks
		send(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: canvas})
		b.open(p.address)
		b.expect("status of 401 (Unauthorized)")
		b.expect("status of 400 (Bad Request)") // of the fault that is looked for
		everySight(b, token, lookIn(b, scheme))
	}
	p.signal(syscall.SIGKILL)
	p.wait()
	for scheme, b := range tabs {
		b.await("the page to say that the process is away", `document.querySelector('.away') !== null`)
		for _, view := range b.views() {
			b.show(view)
			lookIn(b, scheme)(view + " without the process")
		}
		b.calm()
	}
}

// TestPageFitsPhones looks at all sights on a screen of 360 pixels, in both languages: nothing but what scrolls by itself is
// wider than the screen.
func TestPageFitsPhones(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := startPage(t, data, "127.0.0.1:0")
	publishGolden(t, p, data)
	tellOthers(t, p, data)
	token, err := node.Token(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "ja"} {
		b := openTab(t, 360, 740, "light")
		b.open(p.address)
		b.run(fmt.Sprintf(`localStorage.setItem('nagare.language', %q)`, lang))
		b.do(chromedp.Reload())
		b.await("the page again", `document.querySelector('.state.good') !== null`)
		if got := eval[string](b, `document.documentElement.lang`); got != lang {
			t.Fatalf("the page is in %q", got)
		}
		b.expect("status of 401 (Unauthorized)")
		b.expect("status of 400 (Bad Request)")
		everySight(b, token, func(sight string) {
			t.Helper()
			got := eval[[]string](b, `(() => {
				const screen = document.documentElement.clientWidth, wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - screen;
				const scrolls = (e) => { for (; e && e !== document.body; e = e.parentElement) if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX)) return true; return false; };
				const far = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > screen + 0.5 && e.checkVisibility() && !scrolls(e.parentElement));
				return (wide > 0 ? [wide + ' pixels wider than the screen'] : []).concat(far.slice(0, 3).map((e) => e.outerHTML.slice(0, 120) + ' ends at ' + Math.round(e.getBoundingClientRect().right)));
			})()`)
			tell(t, sight+", "+lang, got)
			if screen := eval[int](b, `innerWidth`); screen != 360 {
				t.Errorf("%s, %s: the screen is %d pixels wide", sight, lang, screen)
			}
		})
		b.calm()
	}
}
