package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/nagare-stream/nagare/node"
)

// linePause is how often a line is printed where there is no terminal.
const linePause = 10 * time.Second

// showLines prints a line now and then until ctx ends.
func (a *app) showLines(ctx context.Context, n *node.Node) {
	t := time.NewTicker(linePause)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			fmt.Fprintln(a.out, progressLine(n, time.Now()))
		case <-ctx.Done():
			return
		}
	}
}

// progressLine is a moment of a pipeline on one line.
func progressLine(n *node.Node, now time.Time) string {
	st, rates := n.Status(), n.Rates()
	text := fmt.Sprintf("%s  %s  %s events, %.1f/s, %s behind, watermark %s", now.UTC().Format("15:04:05Z"), st.State,
		grouped(st.Events), rates.Processed, grouped(lag(st)), clock(st.Watermark))
	if out := leftOutText(st.Ledger); out != "" {
		text += ", left out: " + out
	}
	if st.Reason != "" {
		text += "  " + st.Reason
	}
	return text
}
