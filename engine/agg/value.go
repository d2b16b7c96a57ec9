package agg

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// Values in keys and states are written without their type, which both sides know:
//
//	NULL      0
//	else      1, then by type
//	  ints      zigzag varint
//	  floats    8 bytes, little endian
//	  decimal   16 bytes, little endian
//	  strings   length as uvarint, bytes
//	  struct    each field
//	  array     length as uvarint, elements; map: keys, then values

// A fault is what is wrong with bytes that are to be a key or a state.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errShort   fault = "the bytes end too early"
	errLeft    fault = "bytes are left over"
	errValue   fault = "a value is out of its range"
	errKnown   fault = "the group is there already"
	errUnknown fault = "there is no such group"
)

// appendValue appends v[i]. With normal set, values that are equal as group keys give equal bytes.
func appendValue(dst []byte, v *column.Vector, i uint32, normal bool) []byte {
	if v.Type.Kind == column.Void || isNull(v.Null, i) {
		return append(dst, 0)
	}
	dst = append(dst, 1)
	switch {
	case v.Type.Kind == column.Decimal:
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v.Int[i]))
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Hi[i]))
	case v.Type.UsesInt():
		return binary.AppendVarint(dst, v.Int[i])
	case v.Type.UsesFloat():
		b := math.Float64bits(v.Float[i])
		if normal {
			b = floatBits(v.Float[i])
		}
		return binary.LittleEndian.AppendUint64(dst, b)
	case v.Type.UsesBytes():
		return appendBytes(dst, v.Bytes(int(i)))
	case v.Type.Kind == column.Struct:
		for k := range v.Kids {
			dst = appendValue(dst, &v.Kids[k], i, normal)
		}
		return dst
	}
	from, to := v.Span(int(i))
	dst = binary.AppendUvarint(dst, uint64(to-from))
	for k := range v.Kids {
		for e := from; e < to; e++ {
			dst = appendValue(dst, &v.Kids[k], e, normal)
		}
	}
	return dst
}

// readValue appends the value at the start of src to v and returns the rest. After an error v is
// not to be used.
func readValue(v *column.Vector, src []byte) ([]byte, error) {
	if len(src) == 0 {
		return nil, errShort
	}
	mark := src[0]
	src = src[1:]
	if mark == 0 {
		v.AppendNull()
		return src, nil
	}
	if mark != 1 || v.Type.Kind == column.Void {
		return nil, errValue
	}
	switch {
	case v.Type.Kind == column.Decimal:
		if len(src) < 16 {
			return nil, errShort
		}
		v.AppendDecimal(int64(binary.LittleEndian.Uint64(src[8:])), int64(binary.LittleEndian.Uint64(src)))
		return src[16:], nil
	case v.Type.UsesInt():
		x, rest, err := readVarint(src)
		if err == nil && !inRange(v.Type.Kind, x) {
			err = errValue
		}
		v.AppendInt(x)
		return rest, err
	case v.Type.UsesFloat():
		x, rest, err := readFloat(src)
		v.AppendFloat(x)
		return rest, err
	case v.Type.UsesBytes():
		b, rest, err := readBytes(src)
		v.AppendBytes(b)
		return rest, err
	}
	return readNested(v, src)
}

// readNested reads a struct, array or map that is not NULL.
func readNested(v *column.Vector, src []byte) ([]byte, error) {
	count := uint64(1)
	var err error
	if v.Type.Kind != column.Struct {
		if count, src, err = readUvarint(src); err != nil {
			return nil, err
		}
		if count > uint64(len(src)) { // each element takes a byte at least
			return nil, errShort
		}
	}
	for k := range v.Kids {
		for range count {
			if src, err = readValue(&v.Kids[k], src); err != nil {
				return nil, err
			}
		}
	}
	if v.Type.Kind != column.Struct {
		v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
	}
	v.EnsureNull(v.Len())
	return src, nil
}

// inRange reports whether x is a value of a kind that lies in Int.
func inRange(k column.Kind, x int64) bool {
	switch k {
	case column.Bool:
		return x>>1 == 0
	case column.Int8:
		return x == int64(int8(x))
	case column.Int16:
		return x == int64(int16(x))
	case column.Int32, column.Date, column.YearMonth:
		return x == int64(int32(x))
	}
	return true
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func readBytes(src []byte) (b, rest []byte, err error) {
	n, src, err := readUvarint(src)
	if err != nil {
		return nil, nil, err
	}
	if n > uint64(len(src)) {
		return nil, nil, errShort
	}
	return src[:n], src[n:], nil
}

func readUvarint(src []byte) (uint64, []byte, error) {
	x, n := binary.Uvarint(src)
	if n <= 0 {
		return 0, nil, errShort
	}
	return x, src[n:], nil
}

func readVarint(src []byte) (int64, []byte, error) {
	x, n := binary.Varint(src)
	if n <= 0 {
		return 0, nil, errShort
	}
	return x, src[n:], nil
}

func appendFloat(dst []byte, x float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
}

func readFloat(src []byte) (float64, []byte, error) {
	if len(src) < 8 {
		return 0, nil, errShort
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(src)), src[8:], nil
}

// stateError says which aggregate could not read its state.
func stateError(name string, rest []byte, err error) error {
	if err == nil && len(rest) > 0 {
		err = errLeft
	}
	if err == nil {
		return nil
	}
	return fmt.Errorf("read state of %s: %w", name, err)
}
