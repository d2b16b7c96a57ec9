package engine

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestSortByKey compares the order of groups with bytes.Compare of their keys.
func TestSortByKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		prefix := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "prefix")
		var keys []byte
		var order []sortedSlot
		var want [][]byte
		for slot := range rapid.IntRange(0, 30).Draw(t, "n") {
			key := append(bytes.Clone(prefix), rapid.SliceOfN(rapid.ByteRange(0, 3), 0, 12).Draw(t, "key")...)
			order = append(order, sortedSlot{slot: uint32(slot), from: len(keys), to: len(keys) + len(key)})
			keys = append(keys, key...)
			want = append(want, key)
		}
		slices.SortFunc(want, bytes.Compare)
		sortByKey(order, keys)
		for i, o := range order {
			if !bytes.Equal(keys[o.from:o.to], want[i]) {
				t.Fatalf("place %d: %x, want %x", i, keys[o.from:o.to], want[i])
			}
		}
	})
}
