package codec

import (
	"encoding/binary"
	"math/bits"
)

// Tricks on eight bytes at a time: byte i of the text is bits 8i to 8i+7 of the word. A mask has bit 8i+7
// set where byte i has a property; only its lowest set bit is exact, which is all that is used: a carry or
// borrow out of a byte that has the property can make bytes above it seem to have it.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

func load(b []byte, p int) uint64 { return binary.LittleEndian.Uint64(b[p : p+8]) }

// oddMask marks bytes that end a run of plain string text: quote, backslash, control, beyond ASCII. For a byte
// x below 0x80, x+0x7f has its top bit set unless x is 0, and x+0x60 unless x is below 0x20.
func oddMask(w uint64) uint64 {
	plain := (w ^ lowBits*'"' + lowBits*0x7f) & (w ^ lowBits*'\\' + lowBits*0x7f) & (w + lowBits*0x60) &^ w
	return plain&highBits ^ highBits
}

// specialMask marks quotes, control characters and one other byte, of which odd has eight. It is exact for
// every byte: the sums stay below 0x100.
func specialMask(w, odd uint64) uint64 {
	x := w &^ highBits
	plain := (x^lowBits*'"'+lowBits*0x7f)&(x^odd+lowBits*0x7f)&(x+lowBits*0x60) | w
	return plain&highBits ^ highBits
}

// scanText tells whether a text has a quote, a control character or the byte odd, and whether all of it is
// ASCII.
func scanText(text []byte, odd byte) (special, ascii bool) {
	odds := lowBits * uint64(odd)
	marks, all := uint64(0), uint64(0)
	for ; len(text) >= 8; text = text[8:] {
		w := load(text, 0)
		marks |= specialMask(w, odds)
		all |= w
	}
	w := uint64(lowBits * ' ')
	for _, c := range text {
		w = w<<8 | uint64(c)
	}
	marks |= specialMask(w, odds)
	return marks != 0, (all|w)&highBits == 0
}

// nonDigitMask marks bytes that are no decimal digit; x is the word XOR lowBits*'0'.
func nonDigitMask(x uint64) uint64 { return (x + lowBits*0x76 | x) & highBits }

// firstByte is the index of the lowest marked byte, 8 when there is none.
func firstByte(mask uint64) int { return bits.TrailingZeros64(mask) >> 3 }

// eightDigits is the number of which x has the digits as byte values, the first digit lowest.
func eightDigits(x uint64) uint64 {
	x = x*10 + x>>8 // two-digit numbers in bytes 0, 2, 4, 6
	return ((x&0x000000ff000000ff)*(100+1_000_000<<32) + (x>>16&0x000000ff000000ff)*(1+10_000<<32)) >> 32
}

// leadDigits is the number of which the lowest n bytes of x, 1 to 8, are the digits.
func leadDigits(x uint64, n int) uint64 { return eightDigits(x << (64 - 8*uint(n)&63)) }
