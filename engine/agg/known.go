package agg

import "github.com/nagare-stream/nagare/engine/column"

// find returns the slot of each row's key in dst, none where there is no such key. Nothing is added.
func (g *Groups) find(keys []*column.Vector, rows []uint32, dst []uint32) []uint32 {
	dst = resize(dst, len(rows))
	for at := 0; at < len(rows); at += chunk {
		to := min(at+chunk, len(rows))
		part, hs := rows[at:to], g.scratch(to-at)
		for i := range hs {
			hs[i] = hashSeed
		}
		for _, k := range keys {
			hashColumn(hs, k, part)
		}
		for i, h := range hs {
			row := part[i]
			dst[at+i] = g.index.find(h&^g.weaken, func(slot uint32) bool { return g.has(slot, keys, row) })
		}
	}
	return dst
}

// MergeKnown is Merge of those groups alone that h has already: the cost is that of h's groups,
// however many from has.
func (h *Hash) MergeKnown(from *Hash) {
	if h.groups.n == 0 || from.groups.n == 0 {
		return
	}
	if len(h.groups.types) == 0 {
		h.Merge(from)
		return
	}
	for i := range h.others {
		h.others[i] = &h.groups.keys[i]
	}
	h.all = ascending(h.all, h.groups.n)
	h.picked = from.groups.find(h.others, h.all[:h.groups.n], h.picked)
	for i, a := range h.aggs {
		b := from.aggs[i]
		for dst, src := range h.picked {
			if src != none {
				a.Merge(uint32(dst), b, src)
			}
		}
	}
}
