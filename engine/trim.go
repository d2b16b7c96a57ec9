package engine

import (
	"bytes"
	"context"
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/state"
)

// trimEvery is how far a table's watermark has to move before its old rows are looked for again:
// microseconds.
const trimEvery = int64(3600e6)

// retentionOf is how long a table keeps its rows behind the watermark, microseconds; 0: for good.
func (e *Engine) retentionOf(table string) int64 { return e.opt.Pipeline.Config.TableRetention[table] }

// trim removes final rows of windows that ended longer ago than their table's retention.
func (e *Engine) trim(ctx context.Context) error {
	for _, d := range e.opt.Pipeline.Datasets {
		flows := e.windowed(d.Name)
		keep := e.retentionOf(d.Name)
		if len(flows) == 0 || keep <= 0 {
			continue
		}
		mark := e.reached(flows)
		if mark == math.MinInt64 || mark == math.MaxInt64 {
			continue
		}
		before := mark - keep
		if last, ok := e.trimmed[d.Name]; ok && before-last < trimEvery {
			continue
		}
		e.trimmed[d.Name] = before
		if err := e.trimTable(ctx, d.Name, flows, before); err != nil {
			return fmt.Errorf("remove old rows of %s: %w", d.Name, err)
		}
	}
	return nil
}

// reached is the watermark that all flows of a table have reached.
func (e *Engine) reached(flows []*dataflow.Operator) int64 {
	e.merger.mu.Lock()
	defer e.merger.mu.Unlock()
	mark := int64(math.MaxInt64)
	for _, op := range flows {
		mark = min(mark, e.closerOf(op).group.global)
	}
	return mark
}

// trimTable has the next commit remove the rows of windows that ended before a time.
func (e *Engine) trimTable(ctx context.Context, table string, flows []*dataflow.Operator, before int64) error {
	name := "table/" + table
	var old [][]byte
	err := e.opt.Store.Scan(ctx, name, nil, state.AppendOrdered(nil, before), func(key, _ []byte) error {
		old = append(old, bytes.Clone(key))
		return nil
	})
	if err != nil {
		return err
	}
	e.gate.Lock()
	defer e.gate.Unlock()
	for _, key := range old {
		e.finals.Delete(name, key)
		for _, op := range flows {
			if op.Flow == int(key[8]) {
				emit := e.closerOf(op).emit
				emit.rows--
				emit.letGo++
			}
		}
	}
	return nil
}
