package engine

import (
	"bytes"
	"context"
	"fmt"
	"math"
)

// trimEvery is how far a table's watermark has to move before its old rows are looked for again:
// microseconds.
const trimEvery = int64(3600e6)

// retentionOf is how long a table keeps its rows behind the watermark, microseconds; 0: for good.
func (e *Engine) retentionOf(table string) int64 {
	c := e.opt.Pipeline.Config.TableRetention
	if r, ok := c[table]; ok {
		return r
	}
	return c[""]
}

// trim removes final rows of windows that ended longer ago than their table's retention.
func (e *Engine) trim(ctx context.Context) error {
	for _, op := range e.ops {
		if op.window == nil || op.Table == nil {
			continue
		}
		keep := e.retentionOf(op.Table.Name)
		e.merger.mu.Lock()
		mark := e.closerOf(op.window).group.global
		e.merger.mu.Unlock()
		if keep <= 0 || mark == math.MinInt64 || mark == math.MaxInt64 {
			continue
		}
		before := mark - keep
		if last, ok := e.trimmed[op.Name]; ok && before-last < trimEvery {
			continue
		}
		e.trimmed[op.Name] = before
		name := "table/" + op.Table.Name
		var old [][]byte
		err := e.opt.Store.Scan(ctx, name, nil, appendOrdered(nil, before), func(key, _ []byte) error {
			old = append(old, bytes.Clone(key))
			return nil
		})
		if err != nil {
			return fmt.Errorf("look for old rows of %s: %w", op.Name, err)
		}
		e.gate.Lock()
		for _, key := range old {
			e.finals.Delete(name, key)
		}
		e.gate.Unlock()
	}
	return nil
}
