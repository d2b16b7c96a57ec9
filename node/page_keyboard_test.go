//go:build unix

package node_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/nagare-stream/nagare/node"
)

// press presses keys, or types.
func (b *tab) press(keys string, modifiers ...chromedp.KeyOption) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys, modifiers...))
}

var shifted = chromedp.KeyModifiers(kb.ModifierShift)

// tabTo presses Tab until the focus is on what a selector finds.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	b.await(selector, fmt.Sprintf(`document.querySelector(%q) !== null`, selector))
	for range 600 {
		b.press(kb.Tab)
		if eval[bool](b, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	b.t.Fatalf("600 times Tab do not lead to %s", selector)
}

// focused waits until the focus is on what a selector finds.
func (b *tab) focused(selector string) {
	b.t.Helper()
	b.await("the focus on "+selector, fmt.Sprintf(`document.activeElement.matches(%q)`, selector))
}

// TestPageByKeyboardAlone does all that the page can do without a pointer.
func TestPageByKeyboardAlone(t *testing.T) {
	b := openTab(t, 1280, 800, "light")
	p, data := startGolden(t, "127.0.0.1:0")
	tellOthers(t, p, data)
	token, err := node.Token(data)
	if err != nil {
		t.Fatal(err)
	}
	b.expect("status of 401 (Unauthorized)")
	b.open(p.address)
	goTo := func(view, what, expression string) {
		t.Helper()
		b.tabTo(fmt.Sprintf("nav.tabs a[href=%q]", view))
		b.press(kb.Enter)
		b.await(what, expression)
	}
	is := func(selector string) string { return fmt.Sprintf(`document.querySelector(%q) !== null`, selector) }

	// The page's switches.
	for _, s := range []struct{ button, done, undone string }{
		{".switches button:nth-child(1)", `document.querySelector('.state').classList.contains('wait')`, `document.querySelector('.state').classList.contains('good')`},
		{".switches button:nth-child(2)", `document.documentElement.lang === 'ja'`, `document.documentElement.lang === 'en'`},
		{".switches button:nth-child(3)", `document.documentElement.dataset.theme === 'dark'`, `document.documentElement.dataset.theme === 'light'`},
	} {
		b.tabTo(s.button)
		b.press(kb.Enter)
		b.await(s.button, s.done)
		b.press(" ")
		b.await(s.button+" back", s.undone)
	}

	// From a row to its explanation, by the arrow keys.
	b.await("the anomalies", `document.querySelectorAll('#chart-anomalies tbody tr').length > 5`)
	b.tabTo("#chart-anomalies button.cell")
	for _, key := range []string{kb.ArrowDown, kb.ArrowDown, kb.ArrowRight, kb.ArrowUp, kb.End, kb.Home} {
		b.press(key)
	}
	id := eval[string](b, `document.activeElement.closest('tr').rowIndex === 2 ? document.activeElement.innerText : ''`)
	b.press(kb.Enter)
	b.await("the row's explanation", fmt.Sprintf(`location.hash.includes(%q) && document.querySelector('.explain .steps') !== null`, id))
	b.focused("#main")
	if id == "" {
		t.Error("the arrow keys do not lead to the second row")
	}

	// An incident; a silence that is made, with the token, and ended.
	goTo("#/alerts", "the incidents", is(".incident"))
	b.tabTo(".incident .open")
	b.press(kb.Enter)
	b.await("the incident", is(".incident .inner .steps li"))
	b.tabTo(".incident .inner .foot > button")
	b.press(kb.Enter)
	b.focused("form.silence textarea")
	b.tabTo("form.silence button.main")
	b.press(kb.Enter)
	b.focused("dialog[open] input")
	b.press(kb.Escape)
	b.await("no question", `document.querySelector('dialog') === null`)
	b.await("that nothing was made", is(`form.silence [role="alert"]`))
	b.focused("form.silence button.main, body") // it is disabled while it asks
	b.tabTo("form.silence button.main")
	b.press(kb.Enter)
	b.focused("dialog[open] input")
	b.press(token)
	b.press(kb.Enter)
	b.await("no form", `document.querySelector('form.silence') === null`)
	b.focused(".incident .inner .foot > button")
	const mine = `[...document.querySelectorAll('[aria-label="Silences"] tbody tr')].filter((x) => x.querySelector('button')).length`
	b.await("two silences that hold", mine+" === 2")
	b.tabTo(`[aria-label="Silences"] td button`)
	b.press(kb.Enter)
	b.await("one that has ended", mine+" === 1")
	b.tabTo("#silences .actions button")
	b.press(kb.Enter)
	b.focused("form.silence textarea")
	b.tabTo("form.silence button:not(.main)")
	b.press(kb.Enter)
	b.focused("#silences .actions button")

	keyboardTopics(b)
	keyboardSQL(b, p, goTo)
	b.calm()
}

// keyboardTopics filters and pauses a topic, and sends an invalid record again.
func keyboardTopics(b *tab) {
	b.t.Helper()
	is := func(selector string) string { return fmt.Sprintf(`document.querySelector(%q) !== null`, selector) }
	b.run(`location.hash = '#/topics'`)
	b.await("records", is(".records button.cell"))
	b.tabTo("#main .actions button[aria-pressed]")
	b.press(kb.Enter)
	b.await("the pause", is(`#main .actions button[aria-pressed="true"]`))
	b.tabTo(".look label.grow input")
	b.press("partition = 1")
	b.press(kb.Enter)
	b.await("the records of a partition", `location.hash.includes('where=') && document.querySelectorAll('.records tbody tr').length > 20 && [...document.querySelectorAll('.records tbody tr')].every((x) => x.cells[0].innerText === '1')`)
	b.tabTo(".records button.cell")
	b.press(kb.Enter)
	b.await("a record", is(".record"))
	b.tabTo(".record button")
	b.press(kb.Enter)
	b.focused(".records button.cell")

	b.run(`location.hash = '#/topics?topic=purchase-events%24invalid'`)
	b.await("the invalid records", is(".resend ~ .table tbody tr"))
	b.tabTo(".resend ~ .table td input")
	b.press(" ")
	b.await("one that is chosen", is(".resend button:first-child:not(:disabled)"))
	b.press(kb.Tab, shifted)
	b.press(kb.Tab, shifted)
	b.focused(".resend button:last-child")
	b.press(kb.Tab, shifted)
	b.press(kb.Enter)
	b.await("the question", is("dialog[open] button.main"))
	b.press(kb.Escape)
	b.await("no question", `document.querySelector('dialog') === null`)
	b.tabTo(".resend button:last-child")
	b.press(kb.Enter)
	b.await("the question", is("dialog[open] button.main"))
	for range 6 { // the dialog keeps the focus
		b.press(kb.Tab)
		if eval[bool](b, `document.activeElement !== document.body && !document.activeElement.closest('dialog')`) {
			b.t.Error("Tab leads out of a question under the page")
		}
	}
	b.tabTo("dialog[open] button.main")
	b.press(kb.Enter)
	b.await("that they were sent", is(`dialog[open] [role="status"]`))
	b.focused("dialog[open] button")
	b.press(kb.Enter)
	b.await("no question", `document.querySelector('dialog') === null`)
	b.focused(".resend button:last-child")
}

// keyboardSQL writes a query and leaves the editor, runs it, takes the download, and cancels one that does not end.
func keyboardSQL(b *tab, p *process, goTo func(view, what, expression string)) {
	b.t.Helper()
	goTo("#/sql", "the editor", `document.querySelector('.editor textarea') !== null`)
	if text := eval[string](b, `document.querySelector('.sql').innerText`); !strings.Contains(text, "Tab leaves it") {
		b.t.Error("the page does not say how one leaves the editor")
	}
	b.tabTo(".editor textarea")
	b.run(`document.activeElement.select()`)
	b.press("SELECT count(*) AS n FROM anomalies ")
	b.press(kb.Tab, shifted)
	b.focused(".sql .actions button.main")
	b.press(kb.Tab)
	b.focused(".editor textarea")
	b.press(kb.Tab)
	if eval[bool](b, `document.activeElement.matches('.editor textarea')`) {
		b.t.Error("Tab does not leave the editor")
	}
	b.tabTo(".editor textarea") // from the end of the page Tab leads to its beginning, or out of it first
	b.press(kb.Enter, chromedp.KeyModifiers(kb.ModifierCtrl))
	b.await("the result", `document.querySelectorAll('#result tbody tr').length === 1`)
	b.run(`window.taken = []; document.addEventListener('click', (e) => { const a = e.target.closest('a[download]'); if (a && e.isTrusted) { window.taken.push(a.download); e.preventDefault(); } })`)
	b.tabTo("#result .downloads a")
	b.press(kb.Enter)
	b.await("the download", `window.taken.join() === 'query.csv'`)

	p.signal(syscall.SIGSTOP) // it answers nothing
	b.tabTo(".sql .actions button.main")
	b.press(kb.Enter)
	b.await("the button that cancels", `document.querySelector('.sql .actions button:not(.main)') !== null`)
	b.press(kb.Enter)
	b.await("that it is cancelled", `document.querySelector('#result .note').innerText === 'cancelled'`)
	b.focused(".sql .actions button.main")
	p.signal(syscall.SIGCONT)
}
