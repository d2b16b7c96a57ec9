package codec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// The first byte of a value in a key; keyEnd closes an array or map.
const (
	keyEnd   = 0
	keyNull  = 1
	keyValue = 2
)

const signBit = 1 << 63

// AppendKey appends row i of v so that keys compare by bytes.Compare as the values do in SQL, ascending with
// NULL first; keys of several columns are their keys one behind the other. Values that are equal in SQL have
// equal keys: NaN is one value, the greatest, and -0.0 is 0.0.
//
//	NULL 01; values 02 and then
//	whole numbers, times   big-endian, as wide as the type, the sign turned
//	doubles, floats        8 bytes: the sign turned, negative ones inverted
//	decimals               16 bytes big-endian, the sign turned
//	strings                00 as 00 ff, at the end 00 01
//	structs                the keys of the fields
//	arrays, maps           the keys of the elements (key and value in turn, as they stand), at the end 00
func AppendKey(dst []byte, v *column.Vector, i int) []byte {
	if v.Type.Kind == column.Void || v.IsNull(i) {
		return append(dst, keyNull)
	}
	dst = append(dst, keyValue)
	switch v.Type.Kind {
	case column.Float32, column.Float64:
		return binary.BigEndian.AppendUint64(dst, orderedFloat(v.Float[i]))
	case column.Decimal:
		dst = binary.BigEndian.AppendUint64(dst, uint64(v.Hi[i])^signBit)
		return binary.BigEndian.AppendUint64(dst, uint64(v.Int[i]))
	case column.String, column.Binary:
		return appendKeyBytes(dst, v.Bytes(i))
	case column.Struct:
		for k := range v.Kids {
			dst = AppendKey(dst, &v.Kids[k], i)
		}
		return dst
	case column.Array, column.Map:
		from, to := v.Span(i)
		for e := from; e < to; e++ {
			for k := range v.Kids {
				dst = AppendKey(dst, &v.Kids[k], int(e))
			}
		}
		return append(dst, keyEnd)
	}
	return appendKeyInt(dst, v.Int[i], keyWidth(v.Type.Kind))
}

// keyWidth is the bytes that a whole number or time of that kind needs.
func keyWidth(k column.Kind) int {
	switch k {
	case column.Bool, column.Int8:
		return 1
	case column.Int16:
		return 2
	case column.Int32, column.Date, column.YearMonth:
		return 4
	}
	return 8
}

func appendKeyInt(dst []byte, x int64, width int) []byte {
	u := uint64(x) + 1<<(8*width-1)
	for width--; width >= 0; width-- {
		dst = append(dst, byte(u>>(8*width)))
	}
	return dst
}

// orderedFloat maps doubles to whole numbers of the same order.
func orderedFloat(x float64) uint64 {
	switch {
	case x == 0:
		x = 0 // -0.0 too
	case x != x:
		x = math.NaN()
	}
	u := math.Float64bits(x)
	if u&signBit != 0 {
		return ^u
	}
	return u | signBit
}

func floatOf(u uint64) float64 {
	if u&signBit != 0 {
		return math.Float64frombits(u &^ signBit)
	}
	return math.Float64frombits(^u)
}

func appendKeyBytes(dst, b []byte) []byte {
	if bytes.IndexByte(b, 0) < 0 {
		return append(append(dst, b...), 0, 1)
	}
	for _, c := range b {
		if dst = append(dst, c); c == 0 {
			dst = append(dst, 0xff)
		}
	}
	return append(dst, 0, 1)
}

// ReadKey appends the value at the start of a key to v, by its type, and returns what follows it.
// After an error, which wraps ErrCorrupt, v is as before.
func ReadKey(src []byte, v *column.Vector) (rest []byte, err error) {
	if rest, err = readKey(src, v); err != nil {
		return nil, fmt.Errorf("read key of %d bytes: %w", len(src), err)
	}
	return rest, nil
}

func readKey(src []byte, v *column.Vector) ([]byte, error) {
	if len(src) == 0 || src[0] != keyNull && src[0] != keyValue {
		return nil, ErrCorrupt
	}
	tag, src := src[0], src[1:]
	if tag == keyNull {
		v.AppendNull()
		return src, nil
	}
	switch v.Type.Kind {
	case column.Void:
		return nil, ErrCorrupt
	case column.String, column.Binary:
		return readKeyBytes(src, v)
	case column.Struct:
		return readKeyStruct(src, v)
	case column.Array, column.Map:
		return readKeyList(src, v)
	case column.Decimal:
		if len(src) < 16 {
			return nil, ErrCorrupt
		}
		v.AppendDecimal(int64(binary.BigEndian.Uint64(src)^signBit), int64(binary.BigEndian.Uint64(src[8:])))
		return src[16:], nil
	case column.Float32, column.Float64:
		if len(src) < 8 {
			return nil, ErrCorrupt
		}
		v.AppendFloat(floatOf(binary.BigEndian.Uint64(src)))
		return src[8:], nil
	}
	width := keyWidth(v.Type.Kind)
	if len(src) < width {
		return nil, ErrCorrupt
	}
	u := uint64(0)
	for _, c := range src[:width] {
		u = u<<8 | uint64(c)
	}
	v.AppendInt(int64(u - 1<<(8*width-1)))
	return src[width:], nil
}

func readKeyBytes(src []byte, v *column.Vector) ([]byte, error) {
	at := len(v.Data)
	for i := 0; i+1 < len(src); i++ {
		if src[i] != 0 {
			v.Data = append(v.Data, src[i])
			continue
		}
		i++
		if src[i] == 0xff {
			v.Data = append(v.Data, 0)
			continue
		}
		if src[i] != 1 {
			break
		}
		v.Ends = append(v.Ends, uint32(len(v.Data)))
		v.EnsureNull(len(v.Ends))
		return src[i+1:], nil
	}
	v.Data = v.Data[:at]
	return nil, ErrCorrupt
}

func readKeyStruct(src []byte, v *column.Vector) ([]byte, error) {
	n := v.Len()
	for k := range v.Kids {
		rest, err := readKey(src, &v.Kids[k])
		if err != nil {
			for k--; k >= 0; k-- {
				truncate(&v.Kids[k], n)
			}
			return nil, err
		}
		src = rest
	}
	v.EnsureNull(n + 1)
	return src, nil
}

func readKeyList(src []byte, v *column.Vector) ([]byte, error) {
	before := v.Kids[0].Len()
	var err error
	for len(src) > 0 && src[0] != keyEnd && err == nil {
		for k := 0; k < len(v.Kids) && err == nil; k++ {
			src, err = readKey(src, &v.Kids[k])
		}
	}
	if err != nil || len(src) == 0 {
		for k := range v.Kids {
			truncate(&v.Kids[k], before)
		}
		return nil, ErrCorrupt
	}
	v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
	v.EnsureNull(len(v.Ends))
	return src[1:], nil
}
