package engine

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/s2"

	"github.com/nagare-stream/nagare/engine/record"
)

// TestRowsEncoding: what the store keeps of rows reads back equal, with and without the parts that only
// some sinks have.
func TestRowsEncoding(t *testing.T) {
	plain := &record.Rows{Sink: "sink/a", Partition: 3, First: 7, Times: []int64{1, -5}}
	place := &record.Rows{Sink: "sink/b", Times: []int64{1, 2}, Orders: []int64{9, -9}}
	first := &record.Rows{Sink: "sink/c", Times: []int64{1, 2}}
	last := &record.Rows{Sink: "sink/d", Partition: 1, Times: []int64{1, 2}}
	for _, r := range []*record.Rows{plain, place, first, last} {
		r.Keys.Append([]byte("k"))
		r.Keys.AppendNull()
		r.Values.Append([]byte{})
		r.Values.Append([]byte("value"))
	}
	place.Fields.Append([]byte("f"))
	place.Fields.AppendNull()
	first.PutHeaders(0, record.AppendHeader(nil, []byte("a"), nil))
	last.PutHeaders(1, record.AppendHeader(record.AppendHeader(nil, []byte("a"), []byte{0, 0xff}), []byte("b"), []byte{}))
	o := newOutbox()
	for _, r := range []*record.Rows{plain, place, first, last} {
		got, err := decodeRows(o.encodeRows(r))
		if values, err := s2.Decode(nil, got.Packed); err != nil || string(values) != string(r.Values.Data) {
			t.Errorf("%s: the packed values are %q, %v", r.Sink, values, err)
		}
		got.Packed = nil
		if diff := cmp.Diff(r, got, cmpopts.IgnoreUnexported(record.Rows{})); err != nil || diff != "" {
			t.Errorf("%s: %v %s", r.Sink, err, diff)
		}
	}
	for _, damaged := range []string{"", "\x06sink/a", "\x00", "\x00\x06sink/a"} {
		if r, err := decodeRows([]byte(damaged)); err == nil {
			t.Errorf("%q is read as %v", damaged, r)
		}
	}
}
