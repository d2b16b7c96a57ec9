package agg

import (
	"encoding/binary"
	"math/bits"

	"github.com/nagare-stream/nagare/engine/column"
)

// int128 is a signed number of 128 bits.
type int128 struct {
	hi int64
	lo uint64
}

func (x *int128) add(y int64) {
	lo, c := bits.Add64(x.lo, uint64(y), 0)
	x.lo, x.hi = lo, x.hi+y>>63+int64(c)
}

func (x *int128) addWide(y int128) {
	lo, c := bits.Add64(x.lo, y.lo, 0)
	x.lo, x.hi = lo, x.hi+y.hi+int64(c)
}

// fits reports whether x is a value of the kind.
func (x int128) fits(k column.Kind) bool {
	return x.hi == int64(x.lo)>>63 && inRange(k, int64(x.lo))
}

// appendInt128 writes the low word as varint, and the high one where it is not the low one's sign.
func appendInt128(dst []byte, x int128) []byte {
	dst = binary.AppendVarint(dst, int64(x.lo))
	if x.hi != int64(x.lo)>>63 {
		dst = binary.AppendVarint(dst, x.hi)
	}
	return dst
}

// readInt128 reads a number that takes all of src.
func readInt128(src []byte) (int128, error) {
	lo, rest, err := readVarint(src)
	hi := lo >> 63
	if err == nil && len(rest) > 0 {
		hi, rest, err = readVarint(rest)
	}
	if err == nil && len(rest) > 0 {
		err = errLeft
	}
	return int128{hi, uint64(lo)}, err
}
