package file

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/engine/record"
)

func eventFile(tb testing.TB, n int64) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "events.ndjson")
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	if err := generator.WriteNDJSON(f, n); err != nil {
		tb.Fatal(err)
	}
	return path
}

// BenchmarkSplit is a whole pass: reading, cutting, keys and partitions, and readers that take the
// buffers and do nothing with them.
func BenchmarkSplit(b *testing.B) {
	const n = 200_000
	path := eventFile(b, n)
	for _, key := range []string{"user_id", "payment_method", ""} {
		b.Run("key="+key, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s, err := Open(Config{Path: path, Partitions: 3, KeyField: key})
				if err != nil {
					b.Fatal(err)
				}
				drain(b, s)
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrecords/s")
		})
	}
}

// drain reads all partitions at once and returns the number of records.
func drain(tb testing.TB, s *Source) int {
	var wg sync.WaitGroup
	counts := make([]int, s.partitions)
	readers := make([]record.Reader, s.partitions)
	for p := range counts {
		var err error
		if readers[p], err = s.Open(context.Background(), int32(p), record.Position{}); err != nil {
			tb.Fatal(err)
		}
	}
	for p, r := range readers {
		wg.Go(func() {
			var rec record.Records
			for {
				err := r.Read(context.Background(), &rec)
				if err == io.EOF {
					return
				}
				if err != nil {
					tb.Error(err)
					return
				}
				counts[p] += rec.Len()
			}
		})
	}
	wg.Wait()
	n := 0
	for p, r := range readers {
		n += counts[p]
		r.Close()
	}
	return n
}

func BenchmarkKey(b *testing.B) {
	var out bytes.Buffer
	if err := generator.WriteNDJSON(&out, 1000); err != nil {
		b.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	for _, field := range []string{"user_id", "payment_method"} {
		b.Run(field, func(b *testing.B) {
			k, i := keyFinder{field: field}, 0
			for b.Loop() {
				if k.find(lines[i%len(lines)]) == nil {
					b.Fatal("no key")
				}
				i++
			}
		})
	}
}

func BenchmarkKcat(b *testing.B) {
	g, err := generator.New(generator.Config{Start: testStart, Rate: 2000})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "kcat.ndjson")
	var out bytes.Buffer
	var offsets [3]int64
	const n = 50_000
	for i := range int64(n) {
		e := g.Event(i, nil)
		fmt.Fprintf(&out, `{"topic":"t","partition":%d,"offset":%d,"ts":%d,"key":"%s","payload":%s}`+"\n", e.Partition, offsets[e.Partition], e.Due/1000, e.Key, quoted(e.Value))
		offsets[e.Partition]++
	}
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(Config{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		drain(b, s)
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrecords/s")
}
