package engine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"

	"github.com/nagare-stream/nagare/engine/record"
)

// encodeRows writes rows for the store, for one checkpoint at a time, into memory that is valid until the
// next call: the destination's name and numbers, then everything else compressed.
//
//	0, 0 again if rows have headers, uvarint name length, name, uvarint partition, uvarint first, uvarint rows
//	uvarint length of, and S2 of: the data of the values
//	S2 of: times (8 bytes each), then for keys, values, topics, fields: ends (4 bytes each), null bits,
//	data, but not of the values; then orders (8 bytes each), or of rows with headers their lengths and bytes
func (o *outbox) encodeRows(r *record.Rows) []byte {
	o.packed = appendPacked(o.packed[:0], r.Values.Data) // the sink may have the rows in hand: they stay as they are
	dst := append(o.text[:0], packedRows)
	if r.Headers.Len() > 0 {
		dst = append(dst, packedRows)
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Sink)))
	dst = append(dst, r.Sink...)
	dst = binary.AppendUvarint(dst, uint64(r.Partition))
	dst = binary.AppendUvarint(dst, uint64(r.First))
	dst = binary.AppendUvarint(dst, uint64(r.Len()))
	dst = binary.AppendUvarint(dst, uint64(len(o.packed)))
	dst = append(dst, o.packed...)
	body := o.body[:0]
	for _, t := range r.Times {
		body = binary.LittleEndian.AppendUint64(body, uint64(t))
	}
	for _, b := range []*record.Bytes{&r.Keys, &r.Values, &r.Topics, &r.Fields} {
		body = binary.AppendUvarint(body, uint64(len(b.Ends)))
		for _, e := range b.Ends {
			body = binary.LittleEndian.AppendUint32(body, e)
		}
		body = binary.AppendUvarint(body, uint64(len(b.Null)))
		for _, n := range b.Null {
			body = binary.LittleEndian.AppendUint64(body, n)
		}
		if b != &r.Values {
			body = binary.AppendUvarint(body, uint64(len(b.Data)))
			body = append(body, b.Data...)
		}
	}
	for _, t := range r.Orders {
		body = binary.LittleEndian.AppendUint64(body, uint64(t))
	}
	for i := range r.Headers.Len() { // of a topic sink, whose rows have no orders
		headers := r.Headers.At(i)
		body = append(binary.AppendUvarint(body, uint64(len(headers))), headers...)
	}
	o.body = body
	o.text = appendPacked(dst, body)
	return o.text
}

// packedRows begins the form of encodeRows. A name behind it is never empty.
const packedRows = 0

// appendPacked appends text compressed by S2.
func appendPacked(dst, text []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, s2.MaxEncodedLen(len(text)))
	return dst[:at+len(s2.Encode(dst[at:cap(dst)], text))]
}

// rowsReader reads what encodeRows wrote. The first fault sticks.
type rowsReader struct {
	b   []byte
	err error
}

func (r *rowsReader) uvarint() int {
	x, n := binary.Uvarint(r.b)
	if n <= 0 || x > 1<<40 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return int(x)
}

func (r *rowsReader) bytes(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail()
		return nil
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *rowsReader) fail() {
	r.b = nil
	if r.err == nil {
		r.err = fmt.Errorf("read outbox entry: it is cut off or damaged")
	}
}

func decodeRows(src []byte) (*record.Rows, error) {
	in := &rowsReader{b: src}
	if in.uvarint() != packedRows {
		in.fail()
	}
	r := &record.Rows{Sink: string(in.bytes(in.uvarint()))}
	withHeaders := r.Sink == ""
	if withHeaders {
		r.Sink = string(in.bytes(in.uvarint()))
	}
	r.Partition, r.First = int32(in.uvarint()), int64(in.uvarint())
	n := in.uvarint()
	if in.err != nil {
		return nil, in.err
	}
	r.Packed = slices.Clone(in.bytes(in.uvarint()))
	data, err := s2.Decode(nil, r.Packed)
	if err != nil {
		return nil, fmt.Errorf("read outbox entry: %w", err)
	}
	r.Values.Data = data
	body, err := s2.Decode(nil, in.b)
	if err != nil {
		return nil, fmt.Errorf("read outbox entry: %w", err)
	}
	in.b = body
	for range n {
		if b := in.bytes(8); b != nil {
			r.Times = append(r.Times, int64(binary.LittleEndian.Uint64(b)))
		}
	}
	for _, b := range []*record.Bytes{&r.Keys, &r.Values, &r.Topics, &r.Fields} {
		for ends := in.bytes(4 * in.uvarint()); len(ends) > 0; ends = ends[4:] {
			b.Ends = append(b.Ends, binary.LittleEndian.Uint32(ends))
		}
		for null := in.bytes(8 * in.uvarint()); len(null) > 0; null = null[8:] {
			b.Null = append(b.Null, binary.LittleEndian.Uint64(null))
		}
		if b != &r.Values {
			b.Data = append(b.Data, in.bytes(in.uvarint())...)
		}
	}
	for i := 0; withHeaders && len(in.b) > 0; i++ {
		r.PutHeaders(i, in.bytes(in.uvarint()))
	}
	for len(in.b) > 0 {
		if b := in.bytes(8); b != nil {
			r.Orders = append(r.Orders, int64(binary.LittleEndian.Uint64(b)))
		}
	}
	return r, in.err
}
