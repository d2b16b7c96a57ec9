package grade

import (
	"context"
	"io"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/engine/record"
)

// mostBatch is the most records of a topic that are read at once.
const mostBatch = 4096

// A topic is records in memory, by partition, in batches.
type topic struct{ parts [][]*record.Records }

func newTopic(partitions int) *topic { return &topic{parts: make([][]*record.Records, partitions)} }

// add appends a record. Its time is that of its append, microseconds.
func (t *topic) add(partition int32, time int64, key, value []byte) {
	p := t.parts[partition]
	if len(p) == 0 || p[len(p)-1].Len() == mostBatch {
		p = append(p, &record.Records{Partition: partition})
		t.parts[partition] = p
	}
	r := p[len(p)-1]
	r.Offsets = append(r.Offsets, int64(len(p)-1)*mostBatch+int64(r.Len()))
	r.Times = append(r.Times, time)
	r.Keys.Append(key)
	r.Values.Append(value)
}

// generated is a topic of the first n events of a generator; each is told to see as well.
func generated(g *generator.Generator, n int64, see func(*generator.Event)) *topic {
	t := newTopic(g.Config().Partitions)
	var text []byte
	for i := range n {
		e := g.Event(i, text[:0])
		text = e.Value
		t.add(e.Partition, e.Due, e.Key, e.Value)
		see(&e)
	}
	return t
}

// Partitions implements record.Source.
func (t *topic) Partitions(context.Context) (int, error) { return len(t.parts), nil }

// End implements record.Source.
func (t *topic) End(_ context.Context, partition int32) (record.Position, error) {
	p := t.parts[partition]
	if len(p) == 0 {
		return record.Position{}, nil
	}
	return record.Position{Offset: int64(len(p)-1)*mostBatch + int64(p[len(p)-1].Len())}, nil
}

// Open implements record.Source.
func (t *topic) Open(_ context.Context, partition int32, from record.Position) (record.Reader, error) {
	return &topicReader{batches: t.parts[partition], next: from.Offset}, nil
}

type topicReader struct {
	batches []*record.Records
	next    int64
}

// Read copies what is left of the batch that has the next offset.
func (r *topicReader) Read(ctx context.Context, dst *record.Records) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n, skip := r.next/mostBatch, int(r.next%mostBatch)
	if n >= int64(len(r.batches)) || skip >= r.batches[n].Len() {
		return io.EOF
	}
	b := r.batches[n]
	dst.Reset()
	dst.Partition = b.Partition
	for i := skip; i < b.Len(); i++ {
		dst.Offsets = append(dst.Offsets, b.Offsets[i])
		dst.Times = append(dst.Times, b.Times[i])
		dst.Keys.Append(b.Keys.At(i))
		dst.Values.Append(b.Values.At(i))
	}
	r.next += int64(dst.Len())
	dst.Next = record.Position{Offset: r.next}
	return nil
}

// Close implements record.Reader.
func (r *topicReader) Close() error { return nil }
