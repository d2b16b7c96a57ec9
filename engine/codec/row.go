package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/column"
)

// ErrCorrupt is what every fault of stored rows and keys wraps.
var ErrCorrupt = errors.New("corrupt encoding")

// AppendRow appends row i of the columns in a compact form, which ReadRow reads given the same types:
//
//	nulls   one bit a column, from the lowest bit of the first byte on; set: NULL, and no value follows
//	values  whole numbers, times, booleans: zigzag varint; doubles: 8 bytes; floats: 4 bytes;
//	        decimals: the low half as 8 bytes, then the high half as a zigzag varint;
//	        strings: length as uvarint, bytes; structs: a row of their fields;
//	        arrays, maps: length as uvarint, then nulls and values of the elements (of keys, then of values)
func AppendRow(dst []byte, cols []column.Vector, i int) []byte {
	at := len(dst)
	for range (len(cols) + 7) / 8 {
		dst = append(dst, 0)
	}
	for c := range cols {
		v := &cols[c]
		if v.Type.Kind == column.Void || v.IsNull(i) {
			dst[at+c>>3] |= 1 << (c & 7)
			continue
		}
		dst = appendRowValue(dst, v, i)
	}
	return dst
}

func appendRowValue(dst []byte, v *column.Vector, i int) []byte {
	switch v.Type.Kind {
	case column.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Float[i]))
	case column.Float32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(float32(v.Float[i])))
	case column.Decimal:
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v.Int[i]))
		return binary.AppendVarint(dst, v.Hi[i])
	case column.String, column.Binary:
		b := v.Bytes(i)
		return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
	case column.Struct:
		return AppendRow(dst, v.Kids, i)
	case column.Array, column.Map:
		from, to := v.Span(i)
		dst = binary.AppendUvarint(dst, uint64(to-from))
		for k := range v.Kids {
			dst = appendElements(dst, &v.Kids[k], int(from), int(to))
		}
		return dst
	}
	return binary.AppendVarint(dst, v.Int[i])
}

func appendElements(dst []byte, v *column.Vector, from, to int) []byte {
	at := len(dst)
	for range (to - from + 7) / 8 {
		dst = append(dst, 0)
	}
	for i := from; i < to; i++ {
		if v.Type.Kind == column.Void || v.IsNull(i) {
			dst[at+(i-from)>>3] |= 1 << ((i - from) & 7)
			continue
		}
		dst = appendRowValue(dst, v, i)
	}
	return dst
}

// ReadRow appends the row at the start of src to the columns, by their types, and returns what follows it.
// After an error, which wraps ErrCorrupt, the columns are as before.
func ReadRow(src []byte, cols []column.Vector) (rest []byte, err error) {
	rest, err = readFields(src, cols)
	if err != nil {
		return nil, fmt.Errorf("read row of %d bytes: %w", len(src), err)
	}
	return rest, nil
}

// readFields reads a row, or takes back what it has appended.
func readFields(src []byte, cols []column.Vector) ([]byte, error) {
	n := (len(cols) + 7) / 8
	if len(src) < n {
		return nil, ErrCorrupt
	}
	nulls, src := src[:n], src[n:]
	var err error
	for c := range cols {
		if nulls[c>>3]&(1<<(c&7)) != 0 {
			cols[c].AppendNull()
		} else if src, err = readRowValue(src, &cols[c]); err != nil {
			for k := range c {
				truncate(&cols[k], cols[k].Len()-1)
			}
			return nil, err
		}
	}
	return src, nil
}

// readRowValue reads and appends a value that is not NULL, or leaves v as it is.
func readRowValue(src []byte, v *column.Vector) ([]byte, error) {
	switch v.Type.Kind {
	case column.Void:
		return nil, ErrCorrupt
	case column.Float64:
		if len(src) < 8 {
			return nil, ErrCorrupt
		}
		v.AppendFloat(math.Float64frombits(binary.LittleEndian.Uint64(src)))
		return src[8:], nil
	case column.Float32:
		if len(src) < 4 {
			return nil, ErrCorrupt
		}
		v.AppendFloat(float64(math.Float32frombits(binary.LittleEndian.Uint32(src))))
		return src[4:], nil
	case column.String, column.Binary:
		b, src, err := readBytes(src)
		if err == nil {
			v.AppendBytes(b)
		}
		return src, err
	case column.Struct:
		n := v.Len()
		src, err := readFields(src, v.Kids)
		if err == nil {
			v.EnsureNull(n + 1)
		}
		return src, err
	case column.Array, column.Map:
		return readElements(src, v)
	}
	return readNumber(src, v)
}

func readNumber(src []byte, v *column.Vector) ([]byte, error) {
	lo := int64(0)
	if v.Type.Kind == column.Decimal {
		if len(src) < 8 {
			return nil, ErrCorrupt
		}
		lo, src = int64(binary.LittleEndian.Uint64(src)), src[8:]
	}
	x, n := binary.Varint(src)
	if n <= 0 {
		return nil, ErrCorrupt
	}
	if v.Type.Kind == column.Decimal {
		v.AppendDecimal(x, lo)
	} else {
		v.AppendInt(x)
	}
	return src[n:], nil
}

func readBytes(src []byte) (b, rest []byte, err error) {
	n, used := binary.Uvarint(src)
	if used <= 0 || n > uint64(len(src)-used) {
		return nil, nil, ErrCorrupt
	}
	src = src[used:]
	return src[:n], src[n:], nil
}

// readElements reads an array or map. A length needs a bit of nulls an element, so that a corrupt one cannot
// ask for more than a fixed multiple of the bytes there are.
func readElements(src []byte, v *column.Vector) ([]byte, error) {
	n, used := binary.Uvarint(src)
	if used <= 0 || n > uint64(len(src)-used)*8 {
		return nil, ErrCorrupt
	}
	src = src[used:]
	before := v.Kids[0].Len()
	for k := range v.Kids {
		rest, err := readList(src, &v.Kids[k], int(n))
		if err != nil {
			for ; k >= 0; k-- {
				truncate(&v.Kids[k], before)
			}
			return nil, err
		}
		src = rest
	}
	v.Ends = append(v.Ends, uint32(v.Kids[0].Len()))
	v.EnsureNull(len(v.Ends))
	return src, nil
}

func readList(src []byte, v *column.Vector, n int) ([]byte, error) {
	bytes := (n + 7) / 8
	if len(src) < bytes {
		return nil, ErrCorrupt
	}
	nulls, src := src[:bytes], src[bytes:]
	var err error
	for i := range n {
		if nulls[i>>3]&(1<<(i&7)) != 0 {
			v.AppendNull()
		} else if src, err = readRowValue(src, v); err != nil {
			return nil, err
		}
	}
	return src, nil
}
