//go:build unix

package node_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// goRound goes from the page's first thing through all, and to it again: by way of the browser's own, or past it.
func (b *tab) goRound(view string, modifiers ...chromedp.KeyOption) {
	b.t.Helper()
	for range 1500 {
		b.press(kb.Tab, modifiers...)
		if eval[bool](b, "keyboard.here()") {
			return
		}
	}
	b.t.Fatalf("%s: 1500 times Tab do not lead round", view)
}

// TestPageKeyboardReachesAll goes through each view with Tab and back with Shift+Tab: everything one can do something with
// gets the focus, which is seen, and nothing holds it.
func TestPageKeyboardReachesAll(t *testing.T) {
	source := read(t, "testdata/page/keyboard.js")
	b := openTab(t, 1280, 800, "light")
	p, data := startGolden(t, "127.0.0.1:0")
	tellOthers(t, p, data)
	b.open(p.address)
	b.press(kb.Tab)
	b.focused(".skip")
	b.press(kb.Enter)
	b.focused("#main")
	b.run(source)
	views := append(slices.DeleteFunc(b.views(), func(view string) bool { return view == "#/sql" }), "#/sql?q="+url.PathEscape("SELECT * FROM top_products"), "#/topics?topic="+url.QueryEscape("purchase-events$invalid"))
	for _, view := range views {
		b.run(fmt.Sprintf("location.hash = %q", view))
		b.await(view, fmt.Sprintf(`document.querySelector('nav.tabs a[aria-current]').getAttribute('href') === %q && document.getElementById('main').childElementCount > 0`, strings.Split(view, "?")[0]))
		b.await(view+" to settle", settled)
		b.await("what "+view+" shows", `document.querySelectorAll('#main button, #main a, #main .box').length > 3`)
		b.run(`document.activeElement.blur(); scrollTo(0, 0); document.querySelector('.skip').focus()`)
		if n := eval[int](b, "keyboard.begin()"); n < 15 {
			t.Errorf("%s: only %d things to reach", view, n)
		}
		b.goRound(view)
		b.goRound(view, shifted)
		tell(t, view, eval[[]string](b, "keyboard.missed()"))
	}
	b.calm()
}
