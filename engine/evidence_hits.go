package engine

import (
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/window"
)

// A groupHits finds the groups that rows belong to.
type groupHits struct {
	groups groupSet
	spec   window.Spec
	keys   []*expr.Eval
	failed expr.RowErrors
	cols   []*column.Vector
	key    []byte
}

// A groupHit is a row that belongs to a group.
type groupHit struct {
	row  uint32
	end  int64
	cond *condition
}

// of returns the hits among rows, in their order.
func (h *groupHits) of(b *column.Batch, rows []uint32, times *column.Vector, hits []groupHit) []groupHit {
	from, to := h.groups.span(h.spec.Size)
	var near []uint32
	for _, r := range rows {
		if t := times.Int[r]; !times.IsNull(int(r)) && t >= from && t < to {
			near = append(near, r)
		}
	}
	if len(near) == 0 {
		return hits
	}
	h.failed.Reset()
	h.cols = h.cols[:0]
	for _, ev := range h.keys {
		h.cols = append(h.cols, ev.Run(b, near, &h.failed))
	}
	bad := map[uint32]bool{}
	for _, r := range h.failed.Rows {
		bad[r] = true
	}
	for _, r := range near {
		if bad[r] {
			continue
		}
		h.key = h.key[:0]
		for _, c := range h.cols {
			h.key = codec.AppendKey(h.key, c, int(r))
		}
		for _, end := range h.spec.Windows(h.spec.Slice(times.Int[r])) {
			if cond, is := h.groups[end][string(h.key)]; is {
				hits = append(hits, groupHit{r, end, cond})
			}
		}
	}
	return hits
}
