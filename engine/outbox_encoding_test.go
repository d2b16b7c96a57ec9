package engine

import (
	"github.com/nagare-stream/nagare/engine/record"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/s2"
)

// TestRowsEncoding: what the store keeps of rows reads back equal, with and without the parts that only
// some sinks have, and without those that an older version did not write.
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
}
