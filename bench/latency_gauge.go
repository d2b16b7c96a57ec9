package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	sourceTime = "source-time"          // the header with the moment at which a row was handed over, ns since 1970
	leastRow   = 200                    // bytes, for what a row has to tell
	writePause = 2 * time.Millisecond   // between what is written together
	warmUp     = 3 * time.Second        // that is not counted
	rowsLate   = 10 * time.Second       // that rows are waited for
	keys       = 100                    // of rows
	readerWait = 100 * time.Millisecond // of a fetch without rows
)

// A gauge writes stamped rows and reads what becomes of them.
type gauge struct {
	config   *LatencyConfig
	shape    shape
	in, out  string
	from, to time.Time // rows of this span count
	sent     atomic.Int64
	failed   atomic.Pointer[error]

	latencies []float64
	came      int64             // rows of the span
	newest    map[string]string // by window and key, of rows that came
}

// measure has a window's rows go through a process.
func (g *gauge) measure(ctx context.Context, c *child, f *LiveFigures) error {
	g.newest = map[string]string{}
	g.from = time.Now().Add(warmUp)
	g.to = g.from.Add(g.config.Window)
	reading, stop := context.WithDeadline(ctx, g.to.Add(rowsLate))
	defer stop()
	var all sync.WaitGroup
	var read, count error
	all.Go(func() { read = g.read(reading) })
	all.Go(func() {
		select {
		case <-time.After(time.Until(g.from)):
			count = c.count(ctx, g.config.Window, f)
		case <-ctx.Done():
		}
	})
	err := g.write(ctx)
	all.Wait()
	if err = errors.Join(err, read, count, ctx.Err()); err != nil {
		return err
	}
	f.Trouble = "" // of rows that are under way; what never came is told below
	f.noteLatency(g.latencies, "no row of the window came")
	if sent := g.sent.Load(); !g.shape.windows && g.came != sent {
		f.Trouble = fmt.Sprintf("%d of %d rows came within %v", g.came, sent, rowsLate)
	}
	return nil
}

// write writes rows at the rate until the span ends. One that is due later than it can be is written at once, with the
// time at which it is written.
func (g *gauge) write(ctx context.Context) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(g.config.Kafka, ",")...), kgo.DefaultProduceTopic(g.in),
		kgo.ProducerLinger(0), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.MaxBufferedRecords(1<<20))
	if err != nil {
		return err
	}
	defer cl.Close()
	begin, next := time.Now(), int64(0)
	err = every(ctx, writePause, func() (bool, error) {
		now := time.Now()
		for due := int64(now.Sub(begin).Seconds() * g.config.Rate); next < due && now.Before(g.to); next++ {
			now = time.Now()
			if now.After(g.from) && now.Before(g.to) {
				g.sent.Add(1)
			}
			cl.Produce(ctx, g.row(next, now), func(_ *kgo.Record, err error) {
				if err != nil {
					g.failed.CompareAndSwap(nil, &err)
				}
			})
		}
		if failed := g.failed.Load(); failed != nil {
			return true, fmt.Errorf("write to topic %s: %w", g.in, *failed)
		}
		return !now.Before(g.to), nil
	})
	return errors.Join(err, cl.Flush(ctx))
}

// row makes a row.
func (g *gauge) row(n int64, now time.Time) *kgo.Record {
	key := "k" + strconv.FormatInt(n*7%keys, 10)
	value := fmt.Appendf(make([]byte, 0, g.config.RowBytes), `{"k":"%s","at":"%s","n":%d,"pad":"`, key, now.UTC().Format("2006-01-02T15:04:05.000000Z"), n)
	value = append(value, bytes.Repeat([]byte("x"), max(0, g.config.RowBytes-len(value)-2))...)
	return &kgo.Record{Key: []byte(key), Value: append(value, '"', '}'),
		Headers: []kgo.RecordHeader{{Key: sourceTime, Value: strconv.AppendInt(nil, now.UnixNano(), 10)}}}
}

// read reads the output until all rows are there, or ctx ends.
func (g *gauge) read(ctx context.Context) error {
	level := kgo.ReadUncommitted()
	if g.shape.committed {
		level = kgo.ReadCommitted()
	}
	from := map[int32]kgo.Offset{}
	for p := range int32(partitions) {
		from[p] = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(g.config.Kafka, ",")...), kgo.FetchIsolationLevel(level), kgo.FetchMaxWait(readerWait),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{g.out: from}))
	if err != nil {
		return err
	}
	defer cl.Close()
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil // what came until then counts
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("read topic %s: %w", g.out, err)
		}
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) { g.take(r, now) })
		if !g.shape.windows && now.After(g.to) && g.came >= g.sent.Load() {
			return nil
		}
	}
}

// take notes how long a row took.
func (g *gauge) take(r *kgo.Record, now time.Time) {
	source, ok := g.source(r)
	if ok && source.After(g.from) && source.Before(g.to) {
		g.came++
		g.latencies = append(g.latencies, now.Sub(source).Seconds())
	}
}

// source is the moment of a row, false where it has none, or had it before: a window's last row comes when the window
// is closed, whatever came to it.
func (g *gauge) source(r *kgo.Record) (time.Time, bool) {
	if g.shape.windows {
		var row struct {
			Start  string `json:"start"`
			K      string `json:"k"`
			Newest string `json:"newest"`
		}
		if json.Unmarshal(r.Value, &row) != nil || g.newest[row.Start+row.K] == row.Newest {
			return time.Time{}, false
		}
		g.newest[row.Start+row.K] = row.Newest
		at, err := time.Parse(time.RFC3339Nano, row.Newest)
		return at, err == nil
	}
	for _, h := range r.Headers {
		if h.Key == sourceTime {
			ns, err := strconv.ParseInt(string(h.Value), 10, 64)
			return time.Unix(0, ns), err == nil
		}
	}
	_, text, _ := bytes.Cut(r.Value, []byte(`"at":"`)) // decoding 10,000 a second would take the time of what is measured
	text, _, _ = bytes.Cut(text, []byte(`"`))
	at, err := time.Parse(time.RFC3339Nano, string(text))
	return at, err == nil
}
