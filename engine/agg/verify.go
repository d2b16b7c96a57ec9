package agg

import (
	"encoding/binary"

	"github.com/nagare-stream/nagare/engine/column"
)

// verify appends to wrong each i for which v[rows[i]] is not key[slots[i]].
func verify(key, v *column.Vector, rows, slots []uint32, wrong []uint32) []uint32 {
	slots = slots[:len(rows)]
	nulls := v.Null != nil || key.Null != nil
	switch {
	case v.Type.Kind == column.Void:
	case v.Type.UsesBytes():
		wrong = verifyStrings(key, v, rows, slots, wrong)
	case nulls || v.Type.Kind >= column.Struct || v.Type.Kind == column.Decimal:
		for i, r := range rows {
			if !equalAt(key, slots[i], v, r) {
				wrong = append(wrong, uint32(i))
			}
		}
	case v.Type.UsesInt():
		for i, r := range rows {
			if key.Int[slots[i]] != v.Int[r] {
				wrong = append(wrong, uint32(i))
			}
		}
	default:
		for i, r := range rows {
			if floatBits(key.Float[slots[i]]) != floatBits(v.Float[r]) {
				wrong = append(wrong, uint32(i))
			}
		}
	}
	return wrong
}

// verifyStrings compares strings of up to shortLen bytes as two words, masked as in shortWords, and
// notes a difference without a jump that depends on the lengths.
func verifyStrings(key, v *column.Vector, rows, slots []uint32, wrong []uint32) []uint32 {
	if v.Null != nil || key.Null != nil {
		return verifyNullable(key, v, rows, slots, wrong)
	}
	kEnds, vEnds := key.Ends, v.Ends
	kData, vData := key.Data[:cap(key.Data)], v.Data[:cap(v.Data)]
	kSafe, vSafe := len(kData)-shortLen, len(vData)-shortLen
	slots = slots[:len(rows)]
	for i, r := range rows {
		s := slots[i]
		var kFrom, vFrom uint32
		if s > 0 {
			kFrom = kEnds[s-1]
		}
		if r > 0 {
			vFrom = vEnds[r-1]
		}
		n := vEnds[r] - vFrom
		if n != kEnds[s]-kFrom {
			wrong = append(wrong, uint32(i))
			continue
		}
		if n > shortLen || int(kFrom) > kSafe || int(vFrom) > vSafe {
			if string(kData[kFrom:kFrom+n]) != string(vData[vFrom:vFrom+n]) {
				wrong = append(wrong, uint32(i))
			}
			continue
		}
		a, b := kData[kFrom:], vData[vFrom:]
		x := (binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b)) & (1<<(8*n) - 1)
		y := (binary.LittleEndian.Uint64(a[8:]) ^ binary.LittleEndian.Uint64(b[8:])) & (1<<(8*max(n, 8)-64) - 1)
		if x|y != 0 {
			wrong = append(wrong, uint32(i))
		}
	}
	return wrong
}

func verifyNullable(key, v *column.Vector, rows, slots []uint32, wrong []uint32) []uint32 {
	for i, r := range rows {
		s := slots[i]
		x, y := isNull(key.Null, s), isNull(v.Null, r)
		if x != y || !x && string(key.Bytes(int(s))) != string(v.Bytes(int(r))) {
			wrong = append(wrong, uint32(i))
		}
	}
	return wrong
}
