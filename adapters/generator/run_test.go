package generator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

// memoryLog is a log in memory that dies after a number of records, in the midst of an append.
type memoryLog struct {
	mu      sync.Mutex
	parts   [3]memoryPart
	left    int // records until it dies
	dieFail error
	appends int
	times   []time.Time // of the appends
	delay   time.Duration
}

type memoryPart struct {
	values []string
	keys   []string
	mark   uint64
}

func (l *memoryLog) AppendMarked(ctx context.Context, partition int32, r *record.Records, seq int64, mark uint64) (int64, error) {
	l.mu.Lock()
	delay := l.delay
	l.mu.Unlock()
	if delay > 0 {
		time.Sleep(delay) // of the bubble's clock
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.appends++
	l.times = append(l.times, time.Now())
	p := &l.parts[partition]
	if r.Partition != partition || seq > int64(len(p.values)) {
		return 0, fmt.Errorf("BUG: partition %d, number %d of %d", r.Partition, seq, len(p.values))
	}
	for i := range r.Len() {
		if seq+int64(i) < int64(len(p.values)) {
			if have := p.values[seq+int64(i)]; have != string(r.Values.At(i)) {
				return 0, fmt.Errorf("BUG: record %d is %s, was %s", seq+int64(i), r.Values.At(i), have)
			}
			continue
		}
		if l.left == 0 {
			return 0, l.dieFail
		}
		l.left--
		p.values = append(p.values, string(r.Values.At(i)))
		p.keys = append(p.keys, string(r.Keys.At(i)))
	}
	p.mark = mark
	return 0, nil
}

func (l *memoryLog) Last(_ context.Context, p int32) (int64, error) {
	return int64(len(l.parts[p].values)), nil
}

func (l *memoryLog) LastMark(_ context.Context, p int32) (uint64, error) { return l.parts[p].mark, nil }

// expected is what the log must hold after n events.
func expected(g *Generator, n int64) (parts [3][]string) {
	for i := range n {
		e := g.Event(i, nil)
		parts[e.Partition] = append(parts[e.Partition], string(e.Value))
	}
	return parts
}

func compare(t *testing.T, l *memoryLog, want [3][]string) {
	t.Helper()
	for p := range want {
		if !slices.Equal(l.parts[p].values, want[p]) {
			t.Errorf("partition %d has %d records: want %d", p, len(l.parts[p].values), len(want[p]))
		}
	}
}

// TestRunAfterKills kills the log at random places, so that partitions stand at different events
// and appends are torn, and goes on: nothing may be missing or twice.
func TestRunAfterKills(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		cfg := Config{Seed: seed, Start: start, Rate: 1000, Count: 5000, Duplicates: 0.05, Bad: 0.05}
		if seed%3 == 1 {
			cfg.SilentPartition, cfg.SilentFrom = r.IntN(3), 1+r.Int64N(3000)
		}
		if seed%3 == 2 {
			cfg.Users = 1 + r.IntN(3) // partitions without any record
		}
		g := newGenerator(t, cfg)
		dead := errors.New("killed")
		l := &memoryLog{dieFail: dead}
		clock := Clock{Now: func() time.Time { return start.Add(time.Hour) }}
		runs := 0
		for {
			l.left = 1 + r.IntN(700)
			err := newGenerator(t, cfg).Run(context.Background(), l, RunOptions{Clock: clock, Batch: 1 + r.IntN(900)})
			if runs++; err == nil {
				break
			}
			if !errors.Is(err, dead) {
				t.Fatal(err)
			}
		}
		if runs < 5 {
			t.Fatalf("only %d runs", runs)
		}
		compare(t, l, expected(g, 5000))
		l.left = 0
		before := l.appends
		if err := g.Run(context.Background(), l, RunOptions{Clock: clock}); err != nil {
			t.Fatal(err)
		}
		if cfg.Users > 100 && cfg.SilentFrom == 0 && l.appends-before > 3 {
			t.Errorf("%d appends when all is written", l.appends-before)
		}
	}
}

// TestMark checks that a torn append does not hide how many records came before it.
func TestMark(t *testing.T) {
	mark, rows := unpackMark(packMark(123_456_789, 70_000), 70_000+maxBatch-1)
	if mark != 123_456_789 || rows != 70_000 {
		t.Errorf("mark %d, rows %d: want 123456789, 70000", mark, rows)
	}
	if mark, rows = unpackMark(0, 900); mark != 0 || rows != 0 {
		t.Errorf("without a mark %d, %d: want 0, 0", mark, rows)
	}
}

// TestPace runs on a virtual clock: the backlog comes at once, each event when it is due, and a
// slow log does not slow the schedule down.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		g := newGenerator(t, Config{Start: begin.Add(-10 * time.Minute), Rate: 10})
		l := &memoryLog{left: 1 << 30}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- g.Run(ctx, l, RunOptions{}) }()
		synctest.Wait()
		if n := count(l); n != 6001 {
			t.Errorf("%d events at the start: want the backlog of 6001", n)
		}
		for range 50 {
			time.Sleep(777 * time.Millisecond)
			synctest.Wait()
			if n, want := int64(count(l)), g.Before(time.Now().UnixMicro()); n != want {
				t.Fatalf("%d events after %v: want %d", n, time.Since(begin), want)
			}
		}
		l.mu.Lock()
		l.delay = 330 * time.Millisecond // three events long
		l.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		n, want := int64(count(l)), g.Before(time.Now().UnixMicro())
		if n > want || n < want-8 {
			t.Errorf("%d events with a slow log: want about %d, as the schedule says", n, want)
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("stopped with %v: want the error of its context", err)
		}
	})
}

// TestHighRateIsBatched checks that the log is not called more often than Linger allows.
func TestHighRateIsBatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGenerator(t, Config{Start: time.Now(), Rate: 10_000, Count: 20_000})
		l := &memoryLog{left: 1 << 30}
		if err := g.Run(t.Context(), l, RunOptions{Linger: 10 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if n := count(l); n != 20_000 || l.appends > 3*202 {
			t.Errorf("%d events in %d appends: want 20000 in at most 606", n, l.appends)
		}
		if took := l.times[len(l.times)-1].Sub(g.Config().Start); took < 1990*time.Millisecond || took > 2020*time.Millisecond {
			t.Errorf("20000 events took %v: want 2 s", took)
		}
	})
}

// TestStalledClock checks that a clock that stands still or goes back writes nothing twice.
func TestStalledClock(t *testing.T) {
	now := start
	waits := 0
	l := &memoryLog{left: 1 << 30}
	g := newGenerator(t, Config{Rate: 10, Count: 200})
	clock := Clock{
		Now: func() time.Time { return now },
		Wait: func(_ context.Context, d time.Duration) error {
			if d <= 0 || d > nap {
				t.Errorf("waits %v: want up to %v", d, nap)
			}
			switch waits++; {
			case waits < 20: // it stands
			case waits == 20:
				now = now.Add(5 * time.Second)
			case waits == 21:
				now = now.Add(-30 * time.Second)
			case waits > 40:
				now = now.Add(d)
			}
			return nil
		},
	}
	seen := 0
	err := g.Run(context.Background(), l, RunOptions{Clock: clock, Observe: func(next, overdue int64) {
		if overdue != 0 || next <= 0 {
			t.Errorf("told of %d, %d overdue", next, overdue)
		}
		seen++
	}})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("Observe was never called")
	}
	compare(t, l, expected(newGenerator(t, Config{Rate: 10}), 200))
}

func TestRunErrors(t *testing.T) {
	g := newGenerator(t, Config{Rate: 10, Count: 10})
	full := errors.New("the disk is full")
	err := g.Run(context.Background(), &memoryLog{dieFail: full}, RunOptions{Clock: Clock{Now: func() time.Time { return start.Add(time.Hour) }}})
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "write events 0 to 9 to partition") {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := g.Run(ctx, &memoryLog{dieFail: context.Canceled}, RunOptions{}); err != context.Canceled {
		t.Errorf("error is %v: want that of the context as it is", err)
	}
}

func count(l *memoryLog) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for p := range l.parts {
		n += len(l.parts[p].values)
	}
	return n
}
