package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/url"
	"time"
)

// rowsBehind is how long rows of a window may come after its end.
const rowsBehind = 2 * time.Second

// latency follows a topic for a window and notes how long after its event was due each row came. Rows of events
// from before are not counted.
func (c *child) latency(ctx context.Context, topic, key string, window time.Duration, f *LiveFigures) error {
	if c.rate == 0 {
		f.NoRows = "nothing comes"
		return nil
	}
	from := time.Now().Add(time.Second) // the reader is there by then
	until := from.Add(window)
	follow, cancel := context.WithDeadline(ctx, until.Add(rowsBehind))
	defer cancel()
	var all []float64
	err := c.get(follow, "/api/tail/"+url.PathEscape(topic)+"?n=0&format=jsonl", func(rows io.Reader) error {
		return readLatencies(rows, key, time.Now, func(due, came time.Time) {
			if !due.Before(from) && due.Before(until) {
				all = append(all, came.Sub(due).Seconds())
			}
		})
	})
	if follow.Err() == nil || ctx.Err() != nil {
		if err == nil {
			err = fmt.Errorf("follow topic %s: it ended", topic)
		}
		return err
	}
	f.noteLatency(all, fmt.Sprintf("no row of topic %s has an event's time as %s", topic, key))
	return nil
}

// readLatencies reads the lines of a topic and tells of each when its event was due and when it came. The event's
// time is found in the text of the value, which is JSON within JSON: decoding 10,000 of them a second would take
// the time of what is measured.
func readLatencies(rows io.Reader, key string, now func() time.Time, note func(due, came time.Time)) error {
	in := bufio.NewReaderSize(rows, 1<<20)
	before := []byte(`\"` + key + `\":\"`)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		_, rest, ok := bytes.Cut(line, before)
		text, _, closed := bytes.Cut(rest, []byte(`\"`))
		if !ok || !closed {
			continue
		}
		if due, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
			note(due, now())
		}
	}
}
