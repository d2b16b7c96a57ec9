//go:build unix

package node_test

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
)

// TestPageComesBackToRows kills the process under view Explain, whose rows stay, and starts it again with a record more: the
// rows are those of nagare query, without a reload.
func TestPageComesBackToRows(t *testing.T) {
	address := freeAddress(t)
	b := openTab(t, 1280, 900, "light")
	p, data := startGolden(t, address)
	b.open(p.address)
	b.run("window.same = 'yes'; location.hash = '#/explain?table=customer_scores'")
	const first = `[...document.querySelectorAll('#main tbody tr')].map((r) => r.innerText).join('\n')`
	b.await("rows", `document.querySelectorAll('#main tbody tr').length === 200`)
	before := eval[string](b, first)
	p.signal(syscall.SIGKILL)
	p.wait()
	b.await("the page to say that the process is away", `document.querySelector('.away') !== null && document.querySelector('.state.bad') !== null`)
	if got := eval[string](b, first); got != before {
		t.Errorf("without the process the rows are\n%.300s\nthey were\n%.300s", got, before)
	}
	again := startPage(t, data, address)
	b.await("the page to be back", `document.querySelector('.away') === null && document.querySelector('.state.good') !== null`)
	if f := publish(t, data, []byte(event(77, "user_77", "2026-02-03T11:00:00Z")+"\n")); f.code != 0 {
		t.Fatalf("publish: exit %d: %s", f.code, f.errors)
	}
	again.await("the record", func() bool { return again.status().Ledger.Topics[lifeTopic].InFlight == 0 })
	b.await("the record that came after", fmt.Sprintf(`[...document.querySelectorAll('#main tbody tr')].some((r) => r.innerText.includes(%q))`, "e77"))
	shown := eval[[][]string](b, `[...document.querySelectorAll('#main tbody tr')].map((r) => [...r.querySelectorAll('td')].map((c) => c.innerText))`)
	want := map[string][]string{}
	for _, row := range answerOf(t, data, "SELECT * FROM customer_scores") {
		want[row[0]] = row
	}
	if len(shown) != 200 {
		t.Errorf("%d rows are shown", len(shown))
	}
	for _, row := range shown {
		if of := want[row[0]]; len(of) != len(row) || !slices.EqualFunc(row[2:], of[2:], sameCells) { // column 1 is a time, which the page writes otherwise
			t.Errorf("row %q is shown, the query has %q", row, want[row[0]])
		}
	}
	if eval[string](b, "window.same") != "yes" {
		t.Error("the page was loaded anew")
	}
	b.calm()
}
