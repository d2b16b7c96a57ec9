package engine_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"

	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
)

// checkBooks compares the ledger of a query over tumbling windows with what the run has left behind:
// each row that counts is in one window, each late one in the log of late rows.
func checkBooks(t enginetest.Fataler, b *enginetest.Bench) ledger.Count {
	t.Helper()
	e, err := engine.Open(context.Background(), b.Options())
	if err != nil {
		t.Fatalf("open engine: %v", err)
	}
	defer e.Close()
	c := e.Ledger().Tables["answer"]["events"]
	rows, err := e.Table(context.Background(), "answer", false, -1)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	n := int64(0)
	for _, x := range rows.Batch.Cols[rows.Schema.Index("n")].Int {
		n += x
	}
	late, err := e.Table(context.Background(), "answer$late", false, -1)
	if err != nil {
		t.Fatalf("read answer$late: %v", err)
	}
	if n != c.Counted || int64(late.Batch.Len) != c.Late || !c.Balanced() {
		t.Fatalf("the windows hold %d rows, and %d are kept as late; the ledger says %+v", n, late.Batch.Len, c)
	}
	return c
}

// event is a record of that second.
func event(at int) []byte {
	return fmt.Appendf(nil, `{"ts": "1970-01-01T00:%02d:%02dZ", "k": "a", "q": 1}`, at/60, at%60)
}

// TestAddedPartition adds a partition to a topic whose windows are closed: what it brings for them is
// late, and the rest counts.
func TestAddedPartition(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	topic := b.Topics["events"]
	fill(b, steadyEvents(100, 1))
	topic.Finish()
	b.Run(t, false)
	topic.Grow(2)
	for _, at := range []int{5, 80, 95, 120} { // the watermark stands at 98
		topic.Append(1, 200*second, nil, event(at))
	}
	b.Run(t, false)
	e := b.Open(t, false)
	if mark := e.Status().Watermark; mark != 98*second {
		t.Errorf("the watermark stands at %d s, expected 98", mark/second)
	}
	e.Close()
	b.Run(t, true)
	if c := checkBooks(t, b); c.Late != 2 || c.Counted != 102 {
		t.Errorf("the ledger says %+v, expected 2 late rows", c)
	}
}

// endingLast is a source whose partition 1 ends only once a window was closed without partition 0,
// and then the way a process ends that is killed.
type endingLast struct {
	*enginetest.Log
	engine **engine.Engine
}

func (s endingLast) Open(ctx context.Context, p int32, from record.Position) (record.Reader, error) {
	r, err := s.Log.Open(ctx, p, from)
	if p == 0 {
		return r, err
	}
	return &lastReader{r, *s.engine}, err
}

type lastReader struct {
	record.Reader
	engine *engine.Engine
}

func (r *lastReader) Read(ctx context.Context, dst *record.Records) error {
	err := r.Reader.Read(ctx, dst)
	if !errors.Is(err, io.EOF) {
		return err
	}
	for r.engine.Status().Tables[0].Rows == 0 && ctx.Err() == nil {
		if err := r.engine.CheckIdle(ctx); err != nil {
			return err
		}
		runtime.Gosched()
	}
	return errCrash
}

// TestCrashWhileClosing crashes a run that closes all windows after it has closed some that one
// partition had not reached. Rows that this partition brings later for them are late.
func TestCrashWhileClosing(t *testing.T) {
	b := newBench(t, plainOracle, 2)
	topic := b.Topics["events"]
	topic.Append(0, second, nil, event(1))
	for i := range 60 {
		topic.Append(1, int64(i)*second, nil, event(i))
	}
	topic.Finish()
	var e *engine.Engine
	opt := b.Options()
	opt.CloseWindows = true
	opt.Source = func(string) (record.Source, error) { return endingLast{topic, &e}, nil }
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Run(context.Background()); !errors.Is(err, errCrash) {
		t.Fatalf("run: %v, expected a crash", err)
	}
	e.Close()
	topic.Append(0, 60*second, nil, event(2))
	topic.Append(0, 60*second, nil, event(61))
	b.Run(t, true)
	if c := checkBooks(t, b); c.Late != 1 || c.Counted != 62 {
		t.Errorf("the ledger says %+v, expected 1 late row", c)
	}
}

// TestBooks keeps the books right over restarts, crashes, runs that close all windows and go on, and
// partitions that are added.
func TestBooks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o := drawOracle(rt)
		o.Size = o.Slide
		partitions := rapid.IntRange(1, 3).Draw(rt, "partitions")
		b := newBench(t, o, partitions)
		topic := b.Topics["events"]
		topic.ReadRows = rapid.SampledFrom([]int{1, 7, 4096}).Draw(rt, "readRows")
		events := drawEvents(rt, partitions)
		for len(events) > 0 {
			n := min(len(events), rapid.IntRange(1, 40).Draw(rt, "chunk"))
			for _, e := range events[:n] {
				topic.Append(e.Partition, e.Append, nil, []byte(e.Value))
			}
			events = events[n:]
			topic.Finish()
			switch rapid.IntRange(0, 5).Draw(rt, "then") {
			case 0:
				crash(t, b)
			case 1:
				b.Run(t, true)
			case 2:
				partitions++
				topic.Grow(partitions)
				for i := range events {
					events[i].Partition = (events[i].Partition + i) % partitions
				}
			}
			b.Run(t, false)
		}
		topic.Finish()
		b.Run(t, true)
		checkBooks(rt, b)
	})
}
