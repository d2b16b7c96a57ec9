package record

import "encoding/binary"

// AppendHeader appends a header to those of a record, which are kept as one string; a nil value is NULL.
//
//	uvarint length of the key, key, uvarint 0 for NULL, else length of the value + 1, value
func AppendHeader(dst, key, value []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(key)))
	dst = append(dst, key...)
	if value == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(value))+1)
	return append(dst, value...)
}

// EachHeader calls visit for each header of a record, until one is damaged. What it is given is valid as long
// as b is.
func EachHeader(b []byte, visit func(key, value []byte)) {
	take := func(n uint64) []byte {
		part := b[:n:n]
		b = b[n:]
		return part
	}
	for len(b) > 0 {
		n, w := binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w) {
			return
		}
		b = b[w:]
		key := take(n)
		n, w = binary.Uvarint(b)
		if w <= 0 || n > uint64(len(b)-w)+1 {
			return
		}
		b = b[w:]
		if n == 0 {
			visit(key, nil)
		} else {
			visit(key, take(n-1))
		}
	}
}

// HeadersAt is the headers of record i, nil for none.
func (r *Records) HeadersAt(i int) []byte { return headersAt(&r.Headers, i) }

// PutHeaders gives record i headers, unless there are none. Those of the records before it are there.
func (r *Records) PutHeaders(i int, headers []byte) { putHeaders(&r.Headers, i, headers) }

// HeadersAt is the headers of row i, nil for none.
func (r *Rows) HeadersAt(i int) []byte { return headersAt(&r.Headers, i) }

// PutHeaders gives row i headers, unless there are none.
func (r *Rows) PutHeaders(i int, headers []byte) { putHeaders(&r.Headers, i, headers) }

func headersAt(b *Bytes, i int) []byte {
	if i >= b.Len() {
		return nil
	}
	return b.At(i)
}

func putHeaders(b *Bytes, i int, headers []byte) {
	if len(headers) == 0 {
		return
	}
	for b.Len() < i {
		b.AppendNull()
	}
	b.Append(headers)
}
