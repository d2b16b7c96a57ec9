package agg

import "github.com/nagare-stream/nagare/engine/column"

// A Union is the groups of several Hashes with the same keys and specs, and follows these while they grow. Of each
// count(DISTINCT) it knows the number over all of them without a set of its own: a value that comes into one Hash
// counts if none of the others has it among what was counted before.
//
//	Hash 1, slot 0   a b c | d        seen 3
//	Hash 2, slot 4   b e   | d f      seen 2      count 4, then 6: d comes once
type Union struct {
	groups *Groups
	sets   []int // the aggregates that are count(DISTINCT)
	counts [][]int64
	parts  []*unionPart
	byHash map[*Hash]*unionPart

	keys []*column.Vector // scratch
	rows []uint32         // scratch
}

// A unionPart is one Hash as far as it was followed.
type unionPart struct {
	hash  *Hash
	slots []uint32 // by slot of the Hash: that of the Union
	back  []uint32 // by slot of the Union: that of the Hash, plus 1; 0, or too short: it has no such group
	seen  []uint32 // by set: entries that are counted
}

// NewUnion returns a Union of no Hashes. Without specs it knows the groups alone.
func NewUnion(keys []column.Type, specs []Spec) *Union {
	u := &Union{groups: NewGroups(keys), byHash: map[*Hash]*unionPart{}, keys: make([]*column.Vector, len(keys))}
	for i, s := range specs {
		if isCountDistinct(s) {
			u.sets = append(u.sets, i)
		}
	}
	u.counts = make([][]int64, len(u.sets))
	return u
}

func isCountDistinct(s Spec) bool { return s.Distinct && s.Name == "count" }

// CountsDistinct reports whether some aggregate is a count(DISTINCT), which Union spares merging.
func CountsDistinct(specs []Spec) bool {
	for _, s := range specs {
		if isCountDistinct(s) {
			return true
		}
	}
	return false
}

// Len is the number of groups.
func (u *Union) Len() int { return u.groups.n }

// Follow takes what came into a Hash since it was followed last; the cost is that of what came. The Hash must not be
// Reset, and no slot of it be set, while the Union is in use.
func (u *Union) Follow(h *Hash) {
	p := u.byHash[h]
	if p == nil {
		p = &unionPart{hash: h, seen: make([]uint32, len(u.sets))}
		u.byHash[h], u.parts = p, append(u.parts, p)
	}
	u.followGroups(p)
	for i, at := range u.sets {
		u.counts[i] = extend(u.counts[i], u.groups.n)
		u.followSet(i, p, h.aggs[at].(*distinct))
	}
}

func (u *Union) followGroups(p *unionPart) {
	had, n := len(p.slots), p.hash.groups.n
	if had == n {
		return
	}
	for i := range u.keys {
		u.keys[i] = &p.hash.groups.keys[i]
	}
	u.rows = u.rows[:0]
	for slot := had; slot < n; slot++ {
		u.rows = append(u.rows, uint32(slot))
	}
	p.slots = append(p.slots, u.groups.Slots(u.keys, u.rows, nil)...)
	if p.back = extend(p.back, u.groups.n); len(u.sets) > 0 {
		for slot := had; slot < n; slot++ {
			p.back[p.slots[slot]] = uint32(slot) + 1
		}
	}
}

// followSet counts the entries that came into a set.
func (u *Union) followSet(i int, p *unionPart, d *distinct) {
	n := d.set.len()
	for e := p.seen[i]; e < n; e++ {
		slot := d.set.list[e].slot
		if slot == none {
			continue
		}
		to := p.slots[slot]
		if !u.counted(i, p, to, &d.set, e) {
			u.counts[i][to]++
		}
	}
	p.seen[i] = n
}

// counted reports whether another Hash has the value of an entry among what was counted of a group.
func (u *Union) counted(i int, p *unionPart, group uint32, of *set, e uint32) bool {
	for _, q := range u.parts {
		if q == p || int(group) >= len(q.back) || q.back[group] == 0 {
			continue
		}
		d := q.hash.aggs[u.sets[i]].(*distinct)
		if d.set.find(q.back[group]-1, of, e) < q.seen[i] {
			return true
		}
	}
	return false
}

// find returns the entry of a slot that has the value of another set's entry; none: there is none such.
func (t *set) find(slot uint32, of *set, e uint32) uint32 {
	if t.words {
		x := of.ints[e]
		return t.index.find(wordHash(x, slot), func(n uint32) bool { return t.ints[n] == x && t.list[n].slot == slot })
	}
	b := of.bytes(e)
	return t.index.find(slotHash(hashBytes(hashSeed, b), slot), func(n uint32) bool { return t.list[n].slot == slot && same(t.bytes(n), b) })
}

// MergeCounted is MergeKnown that leaves the values of each count(DISTINCT) out: TakeCounts gives their numbers.
func (h *Hash) MergeCounted(from *Hash) { h.mergeKnown(from, true) }

// MergeAllCounted is Merge that leaves the values of each count(DISTINCT) out, as MergeCounted does.
func (h *Hash) MergeAllCounted(from *Hash) { h.merge(from, true) }

// TakeCounts gives the groups of h, which merged all that the Union follows by MergeCounted or MergeAllCounted, their distinct counts.
func (h *Hash) TakeCounts(u *Union) {
	for i := range h.others {
		h.others[i] = &h.groups.keys[i]
	}
	h.all = ascending(h.all, h.groups.n)
	h.picked = u.groups.Find(h.others, h.all[:h.groups.n], h.picked)
	for i, at := range u.sets {
		n := h.aggs[at].(*distinct).inner.(*count).n
		for dst, src := range h.picked {
			n[dst] = u.counts[i][src]
		}
	}
}
