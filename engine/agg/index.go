package agg

import (
	"math/bits"

	"github.com/nagare-stream/nagare/engine/column"
)

// An index is an open-addressing table from hashes to numbers given in the order of insertion. A
// cell is 8 bytes; the tag is the upper half of the hash, and its top bits are the place where
// probing starts, so that growing needs no hash but what lies in the cells:
//
//	cell  63 ......... 32  31 ....... 0
//	      tag              number + 1      0: empty
//
// Numbers with equal tags are told apart by their values, which is the owner's part.
type index struct {
	cells []uint64
	shift uint8 // 32 - log2(len(cells))
	used  int
	asks  column.Grow // see Ask; nil: memory is taken as it is needed
}

const minCells = 16

// full reports that the next insertion needs a larger table: three quarters are taken.
func (x *index) full() bool { return x.used*4 >= len(x.cells)*3 }

// grow doubles the table.
func (x *index) grow() {
	old := x.cells
	size := max(minCells, 2*len(old))
	if x.asks != nil {
		askFor(x.asks, 8*int64(size))
		defer askFor(x.asks, -8*int64(len(old)))
	}
	x.alloc(size)
	for _, c := range old {
		if c != 0 {
			x.place(c)
		}
	}
}

// alloc makes an empty table of size cells, a power of two.
func (x *index) alloc(size int) {
	x.cells = make([]uint64, size)
	x.shift = uint8(32 - bits.TrailingZeros(uint(size)))
}

// place puts a cell into the first empty place of its probe sequence.
func (x *index) place(c uint64) {
	mask := uint32(len(x.cells) - 1)
	pos := uint32(c>>32) >> x.shift
	for x.cells[pos] != 0 {
		pos = (pos + 1) & mask
	}
	x.cells[pos] = c
}

// insert adds a number under a hash.
func (x *index) insert(hash uint64, number uint32) {
	if x.full() {
		x.grow()
	}
	x.place(hash>>32<<32 | uint64(number+1))
	x.used++
}

// put is insert for whoever has found the empty place at the end of the hash's probe sequence, in a table
// that was not full.
func (x *index) put(pos uint32, hash uint64, number uint32) {
	x.cells[pos] = hash>>32<<32 | uint64(number+1)
	x.used++
}

// find returns the number under the hash for which same is true, or none. It is for the rare ways;
// hot loops probe for themselves.
func (x *index) find(hash uint64, same func(number uint32) bool) uint32 {
	if len(x.cells) == 0 {
		return none
	}
	tag, mask := uint32(hash>>32), uint32(len(x.cells)-1)
	for pos := tag >> x.shift; ; pos = (pos + 1) & mask {
		c := x.cells[pos]
		if c == 0 {
			return none
		}
		if uint32(c>>32) == tag && same(uint32(c)-1) {
			return uint32(c) - 1
		}
	}
}

// clear empties the table and keeps its memory unless release is set.
func (x *index) clear(release bool) {
	x.used = 0
	if release {
		x.cells = nil
		return
	}
	clear(x.cells)
}

func (x *index) size() int64 { return int64(cap(x.cells)) * 8 }

// none is no slot and no number.
const none = ^uint32(0)
