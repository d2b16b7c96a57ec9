package generator

import (
	"fmt"
	"io"
	"time"
)

// benchStart is when the events of WriteNDJSON begin.
const benchStart = 1767225600 // 2026-01-01T00:00:00Z

// WriteNDJSON writes n purchase events, one a line, for measuring: always the same ones, 2,000 a
// second of event time in order, of 10,000 users, about 442 bytes each. Amounts always have 2
// places, rates 3 and times 6, and the number in an event_id counts through.
func WriteNDJSON(w io.Writer, n int64) error {
	g, err := New(Config{Seed: 42, Start: time.Unix(benchStart, 0), Rate: 2000})
	if err != nil {
		return err
	}
	g.fixed = true
	buf := make([]byte, 0, 256<<10)
	for i := range n {
		buf, _, _ = g.render(buf, i, Ordinary)
		buf = append(buf, '\n')
		if len(buf) >= 255<<10 || i == n-1 {
			if _, err := w.Write(buf); err != nil {
				return fmt.Errorf("write events for measuring: %w", err)
			}
			buf = buf[:0]
		}
	}
	return nil
}
