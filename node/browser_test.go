//go:build unix

package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A tab is a page in a real Chromium, and what went wrong in it.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	faults   []string
	expected []string
}

// openTab starts Chromium. width is of the window, scheme "light" or "dark".
func openTab(t testing.TB, width, height int64, scheme string) *tab {
	t.Helper()
	path := tool(t, "chromium", "NAGARE_TEST_CHROMIUM", "chromium")
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("lang", "en"))
	ctx, endProcess := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endTab := chromedp.NewContext(ctx)
	b := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		endTab()
		endProcess()
	})
	b.do(chromedp.Navigate("about:blank")) // starts Chromium, which a limit of time on this call would end
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	send(b, log.Enable, cdp.Empty{})
	send(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: width < 600})
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	return b
}

// hear keeps what a page without a fault never has: exceptions, errors on the console, dialogs, breaches of the policy.
func (b *tab) hear(event any) {
	fault := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text, _ := json.Marshal(e.ExceptionDetails)
		fault = "exception: " + string(text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError {
			text, _ := json.Marshal(e.Args)
			fault = "console: " + string(text)
		}
	case *log.EventEntryAdded:
		// A process that is away is no fault of the page.
		if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "net::ERR_") {
			fault = fmt.Sprintf("log: %s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	case *page.EventJavascriptDialogOpening:
		fault = "a dialog opened: " + e.Message
		go func() {
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{})
		}()
	}
	if fault != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.faults = append(b.faults, fault)
	}
}

// expect takes a fault that the test brings about, as the answer 401 to who shows no token, for none. text is a part of it.
func (b *tab) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expected = append(b.expected, text)
}

// calm fails the test if something went wrong in the page so far.
func (b *tab) calm() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	tell(b.t, "in the browser", slices.DeleteFunc(b.faults, func(fault string) bool {
		return slices.ContainsFunc(b.expected, func(text string) bool { return strings.Contains(fault, text) })
	}))
	b.faults = nil
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
}

// send sends a command of the browser's protocol.
func send[P, R any](b *tab, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	result, err := chromedp.Call(b.ctx, cmd, params)
	if err != nil {
		b.t.Fatalf("tell the browser: %v", err)
	}
	return result
}

// run runs JavaScript for its effect.
func (b *tab) run(script string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](script))
}

func (b *tab) open(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate("http://" + address + "/"))
	b.await("the page", `document.querySelector('.state.good') !== null`)
}

// eval gives what an expression of JavaScript is.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, deadline)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("in the browser, %.200s: %v", expression, err)
	}
	return v
}

// await asks again and again whether an expression is true. One that ends in an
// error is not true yet: between two pages the element that it asks is not there.
func (b *tab) await(what, expression string) {
	b.t.Helper()
	asked := fmt.Sprintf(`(() => { try { return (%s) ? '' : 'false'; } catch (e) { return String(e); } })()`, expression)
	giveUp := time.After(deadline)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for answer := eval[string](b, asked); answer != ""; answer = eval[string](b, asked) {
		select {
		case <-again.C:
		case <-giveUp:
			b.t.Fatalf("waited %v for %s: %s is %s; the page is\n%s", deadline, what, expression, answer, eval[string](b, "document.body?.innerText ?? ''"))
		}
	}
}

// views is the addresses of all tabs of the page.
func (b *tab) views() []string {
	b.t.Helper()
	return eval[[]string](b, `[...document.querySelectorAll('nav.tabs a')].map((a) => a.getAttribute('href'))`)
}

// show goes to a view, and waits until it is drawn and nothing is being read.
func (b *tab) show(view string) {
	b.t.Helper()
	b.run(fmt.Sprintf("location.hash = %q", view))
	b.await("view "+view, fmt.Sprintf(`document.querySelector('nav.tabs a[aria-current]')?.getAttribute('href') === %q && document.getElementById('main').childElementCount > 0`, view))
}
