//go:build unix

package node_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

var (
	pictures = flag.String("pictures", "", "folder into which TestPagePictures writes pictures of the page")
	paints   = flag.Int("paints", 0, "how often TestPagePaint opens the page")
)

// TestPagePictures takes pictures of the page for the documentation (task screenshots): light, dark and on a phone.
func TestPagePictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("writes files; task screenshots runs it")
	}
	p := start(t, false, "run", "--data", filepath.Join(t.TempDir(), "data"), "--generator", "50", "--http", "127.0.0.1:0")
	p.await("windows that are final", func() bool { return p.status().Tables[0].Rows > 100 })
	for _, c := range []struct {
		name, scheme  string
		width, height int64
	}{{"page-light", "light", 1440, 1180}, {"page-dark", "dark", 1440, 1180}, {"page-phone", "light", 390, 844}} {
		b := openTab(t, c.width, c.height, c.scheme)
		b.open(p.address)
		b.await("the overview", `document.querySelectorAll('#chart-anomalies tbody tr').length > 20 && document.querySelectorAll('#chart-sales_by_category .legend button').length > 2 && document.querySelectorAll('.spark polyline').length > 1`)
		picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(*pictures, c.name+".png"), picture, 0o644); err != nil {
			t.Fatal(err)
		}
		b.calm()
	}
}

// TestPagePaint measures how long it takes from the load of the page to its first picture with data (task paint).
func TestPagePaint(t *testing.T) {
	if *paints == 0 {
		t.Skip("measures; task paint runs it")
	}
	data := filepath.Join(t.TempDir(), "data")
	p := startPage(t, data, "127.0.0.1:0")
	publishGolden(t, p, data)
	var all []float64
	b := openTab(t, 1440, 1000, "light")
	send(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
			const look = () => (document.querySelectorAll('#chart-sales_by_category .legend button').length > 2 && document.querySelector('.tile .value')
				? requestAnimationFrame(() => { window.painted = performance.now() - performance.timing.loadEventEnd + performance.timeOrigin; }) : requestAnimationFrame(look));
			addEventListener('load', look);`})
	for range *paints {
		b.open(p.address)
		b.await("the first picture with data", "window.painted !== undefined")
		all = append(all, eval[float64](b, "window.painted"))
	}
	slices.Sort(all)
	fmt.Printf("first picture with data: %.0f ms after load as the median of %d, %.0f to %.0f ms\n", all[len(all)/2], len(all), all[0], all[len(all)-1])
}
