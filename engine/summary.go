package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/nagare-stream/nagare/engine/state"
)

// A Summary is what a checkpoint tells without its state and without the queries that made it.
type Summary struct {
	Epoch     uint64
	Events    int64
	Watermark int64            // of the slowest partition that has one, µs; math.MinInt64: none has
	Rows      map[string]int64 // final rows by table, and by sink that has windows of its own
}

// CountOpen counts the groups that the open windows of a checkpoint hold, by their keys alone.
func CountOpen(ctx context.Context, s state.Store) (n int64, err error) {
	_, err = s.Load(ctx, func(op string, key, _ []byte) error {
		if strings.HasPrefix(op, statePrefix) && len(key) == stateKeyBytes && key[stateKeyBytes-1] == 0 {
			n++
		}
		return nil
	})
	return n, err
}

// Summarize reads a checkpoint. Its error is a *ChangedError for one of another version.
func Summarize(cp state.Checkpoint) (Summary, error) {
	s := Summary{Epoch: cp.Epoch, Watermark: math.MinInt64, Rows: map[string]int64{}}
	if cp.Epoch == 0 {
		return s, nil
	}
	var c cut
	if err := json.Unmarshal(cp.Data, &c); err != nil {
		return s, fmt.Errorf("read checkpoint %d: %w", cp.Epoch, err)
	}
	if c.Format != cutFormat {
		return s, &ChangedError{Epoch: cp.Epoch, Format: c.Format}
	}
	s.Events = c.Events
	slowest := int64(math.MaxInt64)
	for _, parts := range c.Topics {
		for _, p := range parts {
			for _, m := range p.Marks {
				if m.Watermark != math.MinInt64 {
					slowest = min(slowest, m.Watermark)
				}
			}
		}
	}
	if slowest != math.MaxInt64 {
		s.Watermark = slowest
	}
	for name, w := range c.Windows {
		s.Rows[name] += w.Rows
	}
	for name, parts := range c.Writers {
		if table, ok := strings.CutPrefix(name, "table/"); ok {
			for _, n := range parts {
				s.Rows[table] += n
			}
		}
	}
	return s, nil
}
