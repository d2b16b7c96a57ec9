package node

import (
	"context"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Pipeline is the one that runs, or by which the folder is looked into.
func (n *Node) Pipeline() *plan.Pipeline { return n.pipeline() }

// Flow is what went through the pipeline in the last seconds.
func (n *Node) Flow() web.Flow {
	n.meter.mu.Lock()
	defer n.meter.mu.Unlock()
	seen := n.meter.seen
	first, last := seen[0], seen[len(seen)-1]
	return web.Flow{At: last.at, Seconds: last.at.Sub(first.at).Seconds(), Before: first.measures, Now: last.measures}
}

// CheckQuery binds a SELECT and runs nothing.
func (n *Node) CheckQuery(ctx context.Context, text string) (schema column.Schema, faults sql.Faults, err error) {
	err = n.answered("check query", func() (err error) {
		schema, faults, err = n.current().CheckQuery(ctx, text)
		return err
	})
	return schema, faults, err
}

// QueryNames is what a query can name.
func (n *Node) QueryNames() []engine.NamedDataset { return n.current().QueryNames() }
