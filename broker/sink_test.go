package broker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
)

// outputRows is rows first … first+n-1; row i has the key "k<i mod 7>", or none if i mod 5 is 4, and
// the value "v<i>".
func outputRows(sink string, partition int32, first int64, n int) *record.Rows {
	r := &record.Rows{Sink: sink, Partition: partition, First: first}
	for i := first; i < first+int64(n); i++ {
		if i%5 == 4 {
			r.Keys.AppendNull()
		} else {
			r.Keys.Append(fmt.Appendf(nil, "k%d", i%7))
		}
		r.Values.Append(fmt.Appendf(nil, "v%d", i))
		r.Times = append(r.Times, i)
	}
	return r
}

func newTestSink(b *broker.Broker, topic string) *broker.TopicSink {
	return b.Sink(topic, func(name string) broker.TopicConfig {
		return broker.TopicConfig{Name: name, Partitions: 3}
	})
}

// Rows that are delivered again, by the same process or by one that comes after a crash, from any
// place on, are in the topic once each and in order.
func TestTopicSinkWritesOnce(t *testing.T) {
	b := openBroker(t, broker.Config{MemoryOnly: true})
	ctx := context.Background()
	const total = 300
	for _, chunk := range []int{1, 7, 64, total} {
		topic := fmt.Sprintf("out-%d", chunk)
		s := newTestSink(b, topic)
		deliver := func(from, to int) {
			for at := from; at < to; at += chunk {
				if err := s.Write(ctx, 1, outputRows("out", 2, int64(at), min(chunk, to-at))); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		deliver(0, 120)
		deliver(60, 120) // the acknowledgement of the second half got lost
		s = newTestSink(b, topic)
		deliver(0, 200) // another process, whose checkpoint knows of no delivery
		s = newTestSink(b, topic)
		deliver(130, total)

		var want [3][]string
		rows := outputRows("out", 2, 0, total)
		for i := range total {
			p := record.PartitionOf(rows.Keys.At(i), 3)
			if rows.Keys.IsNull(i) {
				p = int32(i % 3)
			}
			want[p] = append(want[p], string(rows.Values.At(i)))
		}
		for p, got := range enginetest.Values(t, b.SourceUntilEnd(topic)) {
			if !slices.Equal(got, want[p]) {
				t.Errorf("pieces of %d: partition %d has %d rows, want %d:\n%v\n%v", chunk, p, len(got), len(want[p]), got, want[p])
			}
		}
	}
}

// Input partitions of one sink are producers of their own.
func TestTopicSinkKeepsInputsApart(t *testing.T) {
	b := openBroker(t, broker.Config{MemoryOnly: true})
	ctx := context.Background()
	s := newTestSink(b, "out")
	for p := range int32(3) {
		if err := s.Write(ctx, 1, outputRows("out", p, 0, 20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, values := range enginetest.Values(t, b.SourceUntilEnd("out")) {
		n += len(values)
	}
	if n != 60 {
		t.Errorf("the topic has %d rows of 60", n)
	}
}

// Large rows are cut into pieces that fit a batch, and stay exact over a repetition.
func TestTopicSinkCutsLargeWrites(t *testing.T) {
	b := openBroker(t, broker.Config{MemoryOnly: true})
	ctx := context.Background()
	rows := &record.Rows{Sink: "out"}
	for i := range 40 {
		value := make([]byte, 100<<10)
		value[0] = byte(i)
		rows.Values.Append(value)
		rows.Keys.AppendNull()
		rows.Times = append(rows.Times, 0)
	}
	for range 2 {
		s := newTestSink(b, "out")
		if err := errors.Join(s.Write(ctx, 1, rows), s.Flush(ctx)); err != nil {
			t.Fatal(err)
		}
	}
	for p, values := range enginetest.Values(t, b.SourceUntilEnd("out")) {
		for i, v := range values {
			if want := byte(3*i + p); v[0] != want {
				t.Errorf("row %d of partition %d is %d, want %d", i, p, v[0], want)
			}
		}
	}
}

// Rows that name their topic go there; without a name and an option there is nowhere to go.
func TestTopicSinkTakesTopicsOfRows(t *testing.T) {
	b := openBroker(t, broker.Config{MemoryOnly: true})
	ctx := context.Background()
	s := newTestSink(b, "")
	rows := outputRows("out", 0, 0, 6)
	for i := range 6 {
		rows.Topics.Append(fmt.Appendf(nil, "to-%d", i/2%2))
	}
	if err := errors.Join(s.Write(ctx, 1, rows), s.Flush(ctx)); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]int{"to-0": 4, "to-1": 2} {
		n := 0
		for _, values := range enginetest.Values(t, b.SourceUntilEnd(topic)) {
			n += len(values)
		}
		if n != want {
			t.Errorf("%s has %d rows, want %d", topic, n, want)
		}
	}
	if err := s.Write(ctx, 1, outputRows("out", 0, 6, 1)); err == nil {
		t.Error("a row without a topic was taken")
	}
}

// A log's offsets are the numbers of its rows, however often they come.
func TestTopicLogOffsetsAreRowNumbers(t *testing.T) {
	b := openBroker(t, broker.Config{MemoryOnly: true})
	ctx := context.Background()
	for range 2 { // the second time as a process after a crash
		l, err := b.Log(ctx, broker.TopicConfig{Name: "rows", Partitions: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, from := range []int64{0, 10, 5} {
			if err := l.Write(ctx, 1, outputRows("table/rows", 1, from, 10)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprintf("v%d", i))
	}
	if got := enginetest.Values(t, b.SourceUntilEnd("rows"))[1]; !slices.Equal(got, want) {
		t.Errorf("the log holds %v", got)
	}
	if l, err := b.Log(ctx, broker.TopicConfig{Name: "rows", Partitions: 4}); err != nil {
		t.Error(err)
	} else if n, _ := l.Partitions(ctx); n != 4 {
		t.Errorf("a log of a topic that grew has %d partitions", n)
	}
}
