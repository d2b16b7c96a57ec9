package broker_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// TestRowsOfLargeRecords appends the largest rows, which no compression makes smaller, between small
// ones. A row above the limit is refused, with the limit.
func TestRowsOfLargeRecords(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{Dir: t.TempDir(), NoSync: true})
	createTopic(t, b, broker.TopicConfig{Name: "rows", Partitions: 1})
	w, err := b.RowWriter("rows", "engine")
	if err != nil {
		t.Fatal(err)
	}
	noise := make([]byte, broker.MaxRowBytes)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(noise)
	values := [][]byte{[]byte("a"), noise, []byte("b"), noise[:6<<20], []byte("c")}
	r := &record.Records{}
	for i, v := range values {
		r.Times = append(r.Times, int64(i))
		r.Keys.AppendNull()
		r.Values.Append(v)
	}
	if _, err := w.Append(ctx, 0, r, 0); err != nil {
		t.Fatal(err)
	}
	read, err := b.SourceUntilEnd("rows").Open(ctx, 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	var got [][]byte
	for {
		var part record.Records
		if err := read.Read(ctx, &part); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		for i := range part.Values.Len() {
			got = append(got, bytes.Clone(part.Values.At(i)))
		}
	}
	if len(got) != len(values) {
		t.Fatalf("%d rows were read, want %d", len(got), len(values))
	}
	for i, v := range values {
		if !bytes.Equal(got[i], v) {
			t.Errorf("row %d of %d bytes comes back as %d other bytes", i, len(v), len(got[i]))
		}
	}

	large := &record.Records{}
	large.Values.Append(make([]byte, broker.MaxRowBytes+1))
	var size *broker.SizeError
	if _, err := w.Append(ctx, 0, large, 5); !errors.As(err, &size) || size.Limit != broker.MaxRowBytes {
		t.Errorf("a row above the limit: %v, want a refusal with the limit", err)
	}
}
