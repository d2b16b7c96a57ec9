package agg

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

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
