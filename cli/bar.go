package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// barPause is at least between two pictures of a progress bar.
const barPause = 100 * time.Millisecond

// A bar shows how far long work is, with its rate and the time that is left; nothing where stderr is
// no terminal.
type bar struct {
	out   io.Writer
	what  string
	begin time.Time
	shown time.Time
	any   bool

	counts bool // done and total are records, not bytes
}

func (a *app) newBar(what string) *bar {
	b := &bar{what: what, begin: time.Now()}
	if isTerminal(a.err) {
		b.out = a.err
	}
	return b
}

// show draws the bar: records so far (below 0: not known), and the bytes done of all (0: not known; of records with counts).
func (b *bar) show(records, done, total int64) {
	now := time.Now()
	if b.out == nil || now.Sub(b.shown) < barPause {
		return
	}
	b.shown, b.any = now, true
	text := b.what
	seconds := now.Sub(b.begin).Seconds()
	if total > 0 {
		share := float64(done) / float64(total)
		const width = 24
		full := min(width, int(share*width))
		text += fmt.Sprintf(" [%s%s] %3.0f %%", strings.Repeat("=", full), strings.Repeat(" ", width-full), share*100)
		if seconds > 0 && !b.counts {
			text += fmt.Sprintf("  %.0f MB/s", float64(done)/seconds/1e6)
		}
		if done > 0 && done < total {
			left := time.Duration(seconds * float64(total-done) / float64(done) * float64(time.Second))
			text += "  " + left.Round(time.Second).String() + " left"
		}
	}
	if records >= 0 && seconds > 0 {
		text += fmt.Sprintf("  %s records, %s/s", grouped(records), grouped(int64(float64(records)/seconds)))
	}
	fmt.Fprintf(b.out, "\r%s\x1b[K", text)
}

// clear removes the bar.
func (b *bar) clear() {
	if b.any {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}

// grouped writes a number with commas: 1,204,331.
func grouped(n int64) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
