package agg

import "github.com/nagare-stream/nagare/engine/column"

// Find returns the slot of each row's key in dst, None where there is no such key. Nothing is added.
func (g *Groups) Find(keys []*column.Vector, rows []uint32, dst []uint32) []uint32 {
	dst = resize(dst, len(rows))
	if len(keys) == 0 { // the one group there is
		clear(dst)
		return dst
	}
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
func (h *Hash) MergeKnown(from *Hash) { h.mergeKnown(from, false) }

func (h *Hash) mergeKnown(from *Hash, counted bool) {
	if h.groups.n == 0 || from.groups.n == 0 {
		return
	}
	for i := range h.others {
		h.others[i] = &h.groups.keys[i]
	}
	h.all = ascending(h.all, h.groups.n)
	h.picked = from.groups.Find(h.others, h.all[:h.groups.n], h.picked)
	for i, a := range h.aggs {
		b := from.aggs[i]
		if counted && isCountDistinct(h.specs[i]) {
			a.(*distinct).mergeLimits(h.picked, b.(*distinct))
			continue
		}
		for dst, src := range h.picked {
			if src != none {
				a.Merge(uint32(dst), b, src)
			}
		}
	}
}

// mergeLimits takes which slots met a limit, and no values: slots are from's, none where it has no such group.
func (d *distinct) mergeLimits(slots []uint32, from *distinct) {
	if len(from.set.over) == 0 {
		return
	}
	for dst, src := range slots {
		if src != none && from.set.overflowed(src) {
			d.set.overflow(uint32(dst))
		}
	}
}
