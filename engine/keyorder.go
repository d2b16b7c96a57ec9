package engine

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// A sortedSlot is a group of a window and where its encoded key lies.
type sortedSlot struct {
	head     uint64 // eight bytes of the key, behind what all keys have in common
	slot     uint32
	from, to int // of the key
}

// sortByKey orders groups by their encoded keys. Most comparisons are one of heads: the keys of many
// groups begin alike ("user_"), and what differs comes behind that.
func sortByKey(order []sortedSlot, keys []byte) {
	if len(order) == 0 {
		return
	}
	first := keys[order[0].from:order[0].to]
	common := len(first)
	for _, o := range order[1:] {
		common = commonPrefix(first[:common], keys[o.from:o.to])
	}
	for i := range order {
		order[i].head = headOf(keys[order[i].from+common : order[i].to])
	}
	slices.SortFunc(order, func(a, b sortedSlot) int {
		if c := cmp.Compare(a.head, b.head); c != 0 {
			return c
		}
		return bytes.Compare(keys[a.from:a.to], keys[b.from:b.to])
	})
}

// headOf is the first eight bytes as a number that orders as they do; missing ones are 0, as small
// as can be.
func headOf(b []byte) uint64 {
	if len(b) >= 8 {
		return binary.BigEndian.Uint64(b)
	}
	var full [8]byte
	copy(full[:], b)
	return binary.BigEndian.Uint64(full[:])
}

func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
