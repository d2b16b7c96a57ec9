package node

import (
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/plan"
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
