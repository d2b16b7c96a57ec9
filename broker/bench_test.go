package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// events makes n purchase events of about 442 bytes.
func events(n int) *record.Records {
	rng := rand.New(rand.NewPCG(1, 1))
	pick := func(of ...string) string { return of[rng.IntN(len(of))] }
	r := &record.Records{}
	for i := range n {
		user := fmt.Sprintf("user_%04d", rng.IntN(10000))
		price, quantity, rate := 100*(1+rng.IntN(1000)), 1+rng.IntN(5), float64(rng.IntN(200))/1000
		base := float64(price * quantity)
		r.Times = append(r.Times, 1_770_109_200_000_000+int64(i)*500)
		r.Keys.Append([]byte(user))
		r.Values.Append(fmt.Appendf(nil, `{"event_id": "evt_%d_%04d", "timestamp": "2026-02-03T09:%02d:%02d.%06d+00:00", "user_id": "%s", "user_segment": "%s", "product_id": %d, "product_name": "%s", "category": "%s", "quantity": %d, "unit_price": %d, "base_amount": %.0f, "discount_rate": %.3f, "discount_amount": %.2f, "final_amount": %.2f, "region": "%s", "device": "%s", "payment_method": "%s"}`,
			1770109200+i/2000, rng.IntN(10000), i/120000%60, i/2000%60, rng.IntN(1000000), user, pick("premium", "regular", "new"),
			1+rng.IntN(10), pick(`\u30b9\u30de\u30fc\u30c8\u30d5\u30a9\u30f3`, `\u30b3\u30fc\u30d2\u30fc\u8c46`, `\u672c`), pick("electronics", "food", "fashion", "books"),
			quantity, price, base, rate, base*rate, base*(1-rate), pick("Tokyo", "Osaka", "Fukuoka", "Nagoya", "Sapporo"),
			pick("mobile", "web", "tablet"), pick("credit_card", "bank_transfer", "convenience_store")))
	}
	return r
}

func rate(b *testing.B, each int) {
	n := float64(each) * float64(b.N)
	b.ReportMetric(n/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/event")
}

// BenchmarkAppend appends batches that are on the disk when it ends; an op is a batch.
func BenchmarkAppend(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{100, 1000, 4000} {
		r := events(n)
		for _, wait := range []bool{true, false} {
			b.Run(fmt.Sprintf("records=%d/wait=%v", n, wait), func(b *testing.B) {
				br := openBroker(b, broker.Config{Dir: b.TempDir()})
				createTopic(b, br, broker.TopicConfig{Name: "events", Partitions: 3})
				w := writerOf(b, br, "events", "bench")
				b.SetBytes(int64(len(r.Values.Data)))
				b.ReportAllocs()
				i := int32(0)
				for b.Loop() {
					var err error
					if wait {
						_, err = w.Append(ctx, i%3, r, -1)
					} else {
						err = w.AppendAsync(ctx, i%3, r, -1, 0)
					}
					if err != nil {
						b.Fatal(err)
					}
					i++
				}
				if err := w.Flush(ctx); err != nil {
					b.Fatal(err)
				}
				rate(b, n)
			})
		}
	}
}

// BenchmarkRead reads a partition of a million events from the disk; an op is the whole of it.
func BenchmarkRead(b *testing.B) {
	ctx := context.Background()
	const total = 1_000_000
	for _, n := range []int{100, 1000, 4000} {
		b.Run(fmt.Sprint("records=", n), func(b *testing.B) {
			br := openBroker(b, broker.Config{Dir: b.TempDir(), NoSync: true})
			createTopic(b, br, broker.TopicConfig{Name: "events"})
			w := writerOf(b, br, "events", "bench")
			r := events(n)
			for range total / n {
				if err := w.AppendAsync(ctx, 0, r, -1, 0); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Flush(ctx); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(total / n * len(r.Values.Data)))
			b.ReportAllocs()
			var got record.Records
			for b.Loop() {
				rd, err := br.SourceUntilEnd("events").Open(ctx, 0, record.Position{})
				if err != nil {
					b.Fatal(err)
				}
				read := 0
				for {
					err := rd.Read(ctx, &got)
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						b.Fatal(err)
					}
					read += got.Len()
				}
				if read != total {
					b.Fatal(read)
				}
				rd.Close()
			}
			rate(b, total)
		})
	}
}

// BenchmarkProve looks at a gigabyte of purchase events as a start does, from the page cache: after a stop; after
// a kill, when the server's index is older than the log by its last twentieth, or there is none and what was noted
// is as old; and after a kill when there is neither. An op is the whole of it.
func BenchmarkProve(b *testing.B) {
	for _, partitions := range []int32{1, 4} {
		dir := b.TempDir()
		gigabyte(b, dir, partitions, 0.95)
		older, notes := indexesOf(b, dir), notesOf(b, dir)
		ends, size := gigabyte(b, dir, partitions, 1)
		for name, index := range map[string]map[string][]byte{"stopped": indexesOf(b, dir), "killed": older, "killed, noted": notes, "killed without an index": nil} {
			b.Run(fmt.Sprintf("partitions=%d/%s", partitions, name), func(b *testing.B) {
				b.SetBytes(size)
				for b.Loop() {
					b.StopTimer()
					for _, all := range []map[string][]byte{older, notes} {
						for path := range all {
							_ = os.Remove(path)
						}
					}
					for path, text := range index {
						if err := os.WriteFile(path, text, 0o600); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
					if err := broker.Prove(dir, ends); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/op")
			})
		}
	}
}

// indexesOf is the server's index of each stream, by its path.
func indexesOf(b *testing.B, dir string) map[string][]byte {
	all := map[string][]byte{}
	for _, block := range blocksOf(b, dir) {
		path := filepath.Join(filepath.Dir(block), "index.db")
		text, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		all[path] = text
	}
	return all
}

// notesOf is what is noted of the index of each stream, by its path.
func notesOf(b *testing.B, dir string) map[string][]byte {
	all := map[string][]byte{}
	paths, err := filepath.Glob(filepath.Join(dir, "known", "*", "index"))
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range paths {
		if all[path], err = os.ReadFile(path); err != nil {
			b.Fatal(err)
		}
	}
	return all
}

// gigabyte fills a topic of as many partitions, which is made if need be, until its blocks hold a part of 1 GiB,
// and stops the server.
func gigabyte(b *testing.B, dir string, partitions int32, part float64) (ends []broker.LogState, size int64) {
	b.Helper()
	ctx := context.Background()
	br, err := broker.Open(ctx, broker.Config{Dir: dir, NoSync: true})
	if err != nil {
		b.Fatal(err)
	}
	if !br.HasTopic("purchase-events") {
		createTopic(b, br, broker.TopicConfig{Name: "purchase-events", Partitions: int(partitions)})
	}
	w, r := writerOf(b, br, "purchase-events", "bench"), events(1000)
	for size = blockBytes(b, dir); float64(size) < part*(1<<30); size = blockBytes(b, dir) {
		for i := range int32(160) {
			if err := w.AppendAsync(ctx, i%partitions, r, -1, 0); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Flush(ctx); err != nil {
			b.Fatal(err)
		}
	}
	ends = br.Ends()
	for i := range partitions {
		if err := broker.NoteIndex(br, "purchase-events", i); err != nil {
			b.Fatal(err)
		}
	}
	if err := br.Close(); err != nil {
		b.Fatal(err)
	}
	return ends, blockBytes(b, dir)
}

func blockBytes(b *testing.B, dir string) (n int64) {
	for _, path := range blocksOf(b, dir) {
		info, err := os.Stat(path)
		if err != nil {
			b.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

func blocksOf(b *testing.B, dir string) []string {
	paths, err := filepath.Glob(filepath.Join(dir, "jetstream", "$G", "streams", "*", "msgs", "*.blk"))
	if err != nil {
		b.Fatal(err)
	}
	return paths
}
