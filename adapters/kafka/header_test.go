package kafka_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/engine/record"
)

// TestHeadersAreText looks at what a writer puts beside its records: printable, so that `kcat -J` of the topic is
// JSON for every reader. It goes on from records of before, which had bytes there.
func TestHeadersAreText(t *testing.T) {
	onEach(t, func(t *testing.T, hosts []string) {
		ctx := context.Background()
		c := open(t, kafka.Config{Hosts: hosts})
		topic := fresh(t)
		create(t, c, topic, 1)
		kc, err := kgo.NewClient(kgo.SeedBrokers(hosts...), kgo.DefaultProduceTopic(topic), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			t.Fatal(err)
		}
		defer kc.Close()
		const mark = 0xfeedfacefeedface
		before := binary.BigEndian.AppendUint64([]byte("mine"), 41)
		marked := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64([]byte("mine"), 42), mark)
		for _, h := range [][]byte{before, marked, []byte("7:other"), []byte("7,8:mine/1"), []byte("mine"), nil} {
			if err := kc.ProduceSync(ctx, &kgo.Record{Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "nagare-producer", Value: h}}}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		stands := func(next int64, mark uint64) {
			t.Helper()
			w := writer(t, c, topic, "mine")
			got, err := w.Last(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			gotMark, err := w.LastMark(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			if got != next || gotMark != mark {
				t.Errorf("the producer stands at %d with mark %x, want %d with %x", got, gotMark, next, mark)
			}
		}
		stands(43, mark)
		var r record.Records
		for _, v := range []string{"a", "b", "c"} {
			r.Offsets, r.Times = append(r.Offsets, 0), append(r.Times, 1_700_000_000_000_000)
			r.Keys.Append(nil)
			r.Values.Append([]byte(v))
		}
		for _, producer := range []string{"mine", "no:mine", "7:mine"} {
			first := int64(41) // of mine, two are there
			if producer != "mine" {
				first = 0
			}
			if _, err := writer(t, c, topic, producer).AppendMarked(ctx, 0, &r, first, mark+1); err != nil {
				t.Fatal(err)
			}
		}
		stands(44, mark+1)
		printable := regexp.MustCompile(`^[ -~]+$`)
		seen := 0
		for seen < 6+1+3+3 {
			fetches := kc.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			for _, rec := range fetches.Records() {
				if seen++; seen <= 6 {
					continue // those of above
				}
				for _, h := range rec.Headers {
					if !printable.Match(h.Value) {
						t.Errorf("record %d has the header %s: %q", rec.Offset, h.Key, h.Value)
					}
				}
			}
		}
	})
}

// TestHeadersAreRead writes records with headers by the library and by a Writer, and reads them where they are
// wanted, and nothing of them elsewhere.
func TestHeadersAreRead(t *testing.T) {
	onEach(t, func(t *testing.T, hosts []string) {
		ctx := context.Background()
		c := open(t, kafka.Config{Hosts: hosts})
		topic := fresh(t)
		create(t, c, topic, 1)
		many := make([]kgo.RecordHeader, 200)
		for i := range many {
			many[i] = kgo.RecordHeader{Key: fmt.Sprint("k", i), Value: bytes.Repeat([]byte{byte(i)}, i)}
		}
		want := [][]kgo.RecordHeader{nil, {{Key: "", Value: []byte{}}}, {{Key: "a", Value: nil}, {Key: "a", Value: []byte{0, 0xff}}}, nil, many, nil}
		for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.ZstdCompression()} {
			kc, err := kgo.NewClient(kgo.SeedBrokers(hosts...), kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(codec))
			if err != nil {
				t.Fatal(err)
			}
			var list []*kgo.Record
			for _, h := range want {
				list = append(list, &kgo.Record{Key: []byte("k"), Value: []byte("v"), Headers: h})
			}
			if err := kc.ProduceSync(ctx, list...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			kc.Close()
		}
		var r record.Records
		for i, list := range want {
			r.Offsets, r.Times = append(r.Offsets, 0), append(r.Times, 1_700_000_000_000_000)
			r.Keys.Append(nil)
			r.Values.Append([]byte("v"))
			var h []byte
			for _, one := range list {
				h = record.AppendHeader(h, []byte(one.Key), one.Value)
			}
			r.PutHeaders(i, h)
		}
		if _, err := writer(t, c, topic, "w").Append(ctx, 0, &r, -1); err != nil {
			t.Fatal(err)
		}
		for _, wanted := range []bool{true, false} {
			reader, err := source(t, c, topic, kafka.SourceOptions{UntilEnd: true, Headers: wanted}).Open(ctx, 0, record.Position{})
			if err != nil {
				t.Fatal(err)
			}
			seen := 0
			var got record.Records
			for {
				err := reader.Read(ctx, &got)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				for i := range got.Len() {
					var have []kgo.RecordHeader
					record.EachHeader(got.HeadersAt(i), func(key, value []byte) {
						have = append(have, kgo.RecordHeader{Key: string(key), Value: value})
					})
					of := want[seen%len(want)]
					if !wanted {
						of = nil
					}
					if diff := cmp.Diff(of, have); diff != "" || string(got.Values.At(i)) != "v" {
						t.Errorf("record %d: %s", got.Offsets[i], diff)
					}
					seen++
				}
			}
			if err := reader.Close(); err != nil {
				t.Error(err)
			}
			if seen != 3*len(want) {
				t.Errorf("%d records, want %d", seen, 3*len(want))
			}
		}
	})
}
