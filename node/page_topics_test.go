//go:build unix

package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/nagare-stream/nagare/node"
)

// shownRecords is the first cells of the records that view Topics shows.
func shownRecords(b *tab, columns int) [][]string {
	b.t.Helper()
	return eval[[][]string](b, fmt.Sprintf(`[...document.querySelectorAll('.records tbody tr')].slice(0, 20).map((r) => [...r.querySelectorAll('td')].slice(0, %d).map((c) => c.innerText.trim()))`, columns))
}

// tailed is the first lines of nagare tail, as JSON.
func tailed(t testing.TB, data, topic string, lines int) (out []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	cmd := command(ctx, t, "tail", topic, "-n", strconv.Itoa(lines), "-o", "jsonl", "--data", data)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(pipe)
	for range lines {
		line, err := in.ReadBytes('\n')
		if err != nil {
			t.Fatalf("nagare tail %s: %v", topic, err)
		}
		out = append(out, line...)
	}
	cancel()
	_ = cmd.Wait() // it was ended
	return out
}

// TestPageTopics compares the viewer of topics with what nagare tail and nagare query give: the newest records, those from
// an offset and from a time on, those of a condition, late and invalid rows with their reason; and sends some again.
func TestPageTopics(t *testing.T) {
	b := openTab(t, 1440, 1000, "light")
	p, data := startGolden(t, "127.0.0.1:0")
	tellOthers(t, p, data)
	// The earliest events once more, which are late by now.
	var late strings.Builder
	for _, r := range answerOf(t, data, "SELECT CAST(value AS STRING) AS v FROM `"+lifeTopic+"` WHERE get_json_object(CAST(value AS STRING), '$.timestamp') LIKE '2%' ORDER BY get_json_object(CAST(value AS STRING), '$.timestamp') LIMIT 9") {
		late.WriteString(r[0] + "\n")
	}
	if f := publish(t, data, []byte(late.String())); f.code != 0 {
		t.Fatalf("publish: exit %d: %s", f.code, f.errors)
	}
	p.await("late events", func() bool {
		return p.status().Ledger.Tables["sales_by_minute"][lifeTopic].Late > 0 && p.status().Ledger.Topics[lifeTopic].InFlight == 0
	})
	b.open(p.address)
	is := func(selector string) string { return fmt.Sprintf(`document.querySelector(%q) !== null`, selector) }
	at := func(pairs ...string) string {
		q := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			q.Set(pairs[i], pairs[i+1])
		}
		return "#/topics?" + strings.ReplaceAll(q.Encode(), "+", "%20")
	}
	look := func(address, ready string) {
		t.Helper()
		b.run(fmt.Sprintf("location.hash = %q", address))
		b.await(address, settled+" && ("+ready+")")
	}
	// The newest, as they come.
	look("#/topics", `document.querySelectorAll('.topics-list li').length > 5`)
	if below := eval[[]string](b, `[...document.querySelectorAll('.topics-list li')].filter((e) => e.querySelector('b').getBoundingClientRect().top >= e.querySelector('a').getBoundingClientRect().bottom).map((e) => e.innerText)`); len(below) > 0 {
		t.Errorf("counts stand below the topics' names, not beside them: %q", below)
	}
	look(at("topic", lifeTopic), `document.querySelectorAll('.records tbody tr').length >= 20`)
	newest := map[string]bool{}
	for line := range strings.Lines(string(tailed(t, data, lifeTopic, 100))) {
		var r struct {
			Partition, Offset int64
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		newest[fmt.Sprint(r.Partition, "/", r.Offset)] = true
	}
	for _, r := range shownRecords(b, 2) {
		if !newest[r[0]+"/"+ungrouped(r[1])] {
			t.Errorf("record %v is shown among the newest, and nagare tail does not give it", r)
		}
	}

	found := func(sql string) [][]string {
		return answerOf(t, data, "SELECT partition, `offset`, CAST(key AS STRING) AS k, CAST(value AS STRING) AS v FROM `"+lifeTopic+"` WHERE "+sql+" LIMIT 20")
	}
	compare := func(what string, want [][]string) {
		t.Helper()
		b.await(what, fmt.Sprintf(`document.querySelectorAll('.records tbody tr').length >= %d && document.querySelector('.records tbody tr td:nth-child(2)').innerText.replaceAll(',', '') === %q`, len(want), want[0][1]))
		for i, r := range shownRecords(b, 5) {
			if i >= len(want) {
				break
			}
			if r[0] != want[i][0] || ungrouped(r[1]) != want[i][1] || r[3] != want[i][2] || r[4] != want[i][3] {
				t.Errorf("%s: record %d is shown as %q, and is %q", what, i, r, want[i])
			}
		}
	}
	look(at("topic", lifeTopic, "partition", "1", "offset", "40"), "true")
	compare("from an offset on", found("partition = 1 AND `offset` >= 40 ORDER BY `offset`"))
	middle := answerOf(t, data, "SELECT date_format(timestamp, \"yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'\") AS at FROM `"+lifeTopic+"` WHERE partition = 2 ORDER BY timestamp, `offset` LIMIT 1 OFFSET 50")[0][0]
	look(at("topic", lifeTopic, "time", middle), "true")
	compare("from a time on", found("timestamp >= TIMESTAMP'"+middle+"' ORDER BY timestamp, partition, `offset`"))
	look(at("topic", lifeTopic, "where", "json.category = 'books'"), "true")
	compare("with a condition", found("get_json_object(CAST(value AS STRING), '$.category') = 'books' ORDER BY timestamp DESC, partition, `offset` DESC"))

	// What was left out, with the reason.
	for _, kept := range []string{lifeTopic + "$invalid", "sales_by_minute$late"} {
		want := answerOf(t, data, "SELECT partition, `offset`, reason FROM `"+kept+"` ORDER BY timestamp DESC, partition, `offset` DESC LIMIT 20")
		if len(want) == 0 {
			t.Fatalf("there is nothing in %s", kept)
		}
		look(at("topic", kept), fmt.Sprintf(`document.querySelectorAll('.resend ~ .table tbody tr').length >= %d && document.querySelector('.resend ~ .table [role="region"]').getAttribute('aria-label') === %q`, len(want), kept))
		got := eval[[][]string](b, `(() => { const names = [...document.querySelectorAll('.resend ~ .table th')].map((e) => e.innerText.trim()), of = ['partition', 'offset', 'reason'].map((n) => names.indexOf(n));
			return [...document.querySelectorAll('.resend ~ .table tbody tr')].slice(0, 20).map((r) => of.map((i) => r.cells[i].innerText.trim())); })()`)
		for i := range want {
			if !slices.EqualFunc(got[i], want[i], sameCells) {
				t.Errorf("%s: row %d is shown as %q, and is %q", kept, i, got[i], want[i])
			}
		}
	}

	// Sent again: it asks first, says how many go where, and they are counted.
	token, err := node.Token(data)
	if err != nil {
		t.Fatal(err)
	}
	b.run(fmt.Sprintf("sessionStorage.setItem('nagare.token', %q)", token))
	b.do(chromedp.Reload())
	b.await("the page again", `document.querySelector('.state.good') !== null`)
	look(at("topic", lifeTopic+"$invalid", "where", "reason IS NOT NULL"), `document.querySelectorAll('.resend ~ .table tbody tr').length > 0`)
	n, err := strconv.ParseInt(answerOf(t, data, "SELECT count(*) AS n FROM `"+lifeTopic+"$invalid`")[0][0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	before := p.status().Ledger.Topics[lifeTopic]
	b.click(".resend button:last-child", "the question", is("dialog[open] h2"))
	if got := eval[string](b, `document.querySelector('dialog[open]').innerText`); !strings.Contains(got, fmt.Sprintf("Send %d records again?", n)) || !strings.Contains(got, lifeTopic) {
		t.Errorf("it asks %q, and %d records are meant", got, n)
	}
	if now := p.status().Ledger.Topics[lifeTopic]; now.Read != before.Read {
		t.Errorf("something was sent before it was allowed: %d records, then %d", before.Read, now.Read)
	}
	b.click("dialog[open] button.main", "that they are durable", `document.querySelector('dialog[open] [role="status"]') !== null`)
	if got := eval[string](b, `document.querySelector('dialog[open] [role="status"]').innerText`); !strings.HasPrefix(got, fmt.Sprintf("%d records are durable in topic %s", n, lifeTopic)) {
		t.Errorf("it says %q", got)
	}
	p.await("them to be counted", func() bool {
		now := p.status().Ledger.Topics[lifeTopic]
		return now.Read == before.Read+n && now.InFlight == 0
	})
	b.calm()
}
