package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
)

// running starts an engine that goes on until the test ends.
func running(t *testing.T, opt engine.Options) *engine.Engine {
	t.Helper()
	e, stop := started(t, opt)
	t.Cleanup(stop)
	return e
}

// started starts an engine that goes on until stop is called.
func started(t testing.TB, opt engine.Options) (e *engine.Engine, stop func()) {
	t.Helper()
	opt.Once = false
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return e, run(t, e)
}

// run runs an engine that is open until stop is called.
func run(t testing.TB, e *engine.Engine) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		e.Close()
	}
}

func catchUp(t testing.TB, e *engine.Engine) {
	t.Helper()
	if err := e.CaughtUp(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// total is the sum of column n of table answer, final and open rows, and how many rows are open.
func total(t *testing.T, e *engine.Engine) (n int64, open int) {
	t.Helper()
	rows, err := e.Table(context.Background(), "answer", true, -1)
	if err != nil {
		t.Fatal(err)
	}
	col := rows.Batch.Cols[rows.Schema.Index("n")]
	for i := range rows.Batch.Len {
		n += col.Int[i]
		if rows.Open[i] {
			open++
		}
	}
	return n, open
}

// TestOpenRows reads final and open rows together: each row once, the open ones behind the others.
func TestOpenRows(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	fill(b, steadyEvents(37, 1))
	e := running(t, b.Options())
	catchUp(t, e)
	if n, open := total(t, e); n != 37 || open != 3 { // window [30,40) by three keys
		t.Errorf("the table counts %d rows in %d open groups, expected 37 in 3", n, open)
	}
	last, err := e.Table(context.Background(), "answer", true, 8)
	if err != nil {
		t.Fatal(err)
	}
	if want := []bool{false, false, false, false, false, true, true, true}; !slices.Equal(last.Open, want) {
		t.Errorf("the last 8 rows are open: %v, expected %v", last.Open, want)
	}
	for _, name := range e.Names() {
		if _, err := e.Table(context.Background(), name, false, 1); err != nil {
			t.Errorf("read %s: %v", name, err)
		}
	}
	if _, err := e.Table(context.Background(), "answer$open", false, 1); err != nil {
		t.Errorf("read open rows alone: %v", err)
	}
}

// TestOpenRowsReadAgain: open rows that are read again and again, of which distinct counts are followed, are those of an
// engine that is asked for them once, which merges all.
func TestOpenRowsReadAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		o, partitions := drawOracle(rt), rapid.IntRange(1, 3).Draw(rt, "partitions")
		events := drawEvents(rt, partitions)
		again, once := newBench(t, o, partitions), newBench(t, o, partitions)
		looked, stopLooked := started(t, again.Options())
		defer stopLooked()
		other, stopOther := started(t, once.Options())
		defer stopOther()
		read := func(e *engine.Engine) map[string]string {
			rows := map[string]string{}
			query(t, e, "SELECT concat(window_start, '|', coalesce(k, '-')), to_json(struct(*)) FROM `answer$open`", rows)
			return rows
		}
		for len(events) > 0 {
			n := min(len(events), rapid.IntRange(1, 40).Draw(rt, "chunk"))
			fill(again, events[:n])
			fill(once, events[:n])
			events = events[n:]
			catchUp(t, looked)
			catchUp(t, other)
			for range rapid.IntRange(0, 2).Draw(rt, "checkpoints") {
				if err := looked.Checkpoint(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // what was read before is forgotten
				if err := other.Checkpoint(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			want := read(other)
			for range 1 + rapid.IntRange(0, 2).Draw(rt, "looks") {
				if diff := cmp.Diff(want, read(looked)); diff != "" {
					rt.Fatalf("open rows (-merged +followed):\n%s", diff)
				}
			}
		}
	})
}

// watchedStore calls the test before and after a commit, and before a scan.
type watchedStore struct {
	state.Store
	committing, scanning func()
}

func (s *watchedStore) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	s.committing()
	err := s.Store.Commit(ctx, cp, d)
	s.committing()
	return err
}

func (s *watchedStore) Scan(ctx context.Context, op string, from, to []byte, visit func(key, value []byte) error) error {
	if op == "table/answer" {
		s.scanning()
	}
	return s.Store.Scan(ctx, op, from, to, visit)
}

// TestReadAmidCommit reads a table while a checkpoint is being committed: rows that have left memory
// and are not in the store yet are there all the same, and those that are in both are there once.
func TestReadAmidCommit(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	fill(b, steadyEvents(100, 1))
	opt := b.Options()
	s := &watchedStore{Store: opt.Store, scanning: func() {}}
	opt.Store = s
	var e *engine.Engine
	reads := 0
	s.committing = func() {}
	e = running(t, opt)
	catchUp(t, e)
	s.committing = func() {
		if reads++; reads > 2 {
			return
		}
		if n, _ := total(t, e); n != 100 {
			t.Errorf("read %d amid the commit counts %d rows, expected 100", reads, n)
		}
	}
	if err := e.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	if reads < 2 {
		t.Fatalf("the table was read %d times amid a commit", reads)
	}
}

// TestReadWhileWindowsClose reads a table whose windows close and are committed between the look
// at what is open and the look at what is final: each row counts as it was at one moment.
func TestReadWhileWindowsClose(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	events := steadyEvents(100, 1)
	fill(b, events[:45])
	opt := b.Options()
	s := &watchedStore{Store: opt.Store, committing: func() {}, scanning: func() {}}
	opt.Store = s
	e := running(t, opt)
	catchUp(t, e)
	s.scanning = func() {
		s.scanning = func() {}
		fill(b, events[45:])
		catchUp(t, e)
		if err := e.Checkpoint(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if n, _ := total(t, e); n != 45 {
		t.Errorf("the table counts %d rows, expected the 45 of the moment of the read", n)
	}
	if n, _ := total(t, e); n != 100 {
		t.Errorf("the table counts %d rows later, expected 100", n)
	}
}

// TestChangedProject refuses the checkpoint of other queries, whatever has changed in them.
func TestChangedProject(t *testing.T) {
	o := plainOracle
	text := projectOf(o)
	for name, change := range map[string][2]string{
		"having":    {"k;\n\nCREATE STREAMING TABLE chosen", "k HAVING count(*) > 1;\n\nCREATE STREAMING TABLE chosen"},
		"delay":     {"INTERVAL 1 SECONDS", "INTERVAL 2 SECONDS"},
		"condition": {"FROM STREAM event WHERE q >= 0;", "FROM STREAM event WHERE q >= 1;"},
		"topic":     {"", ""},
		"zone":      {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			changed, config := strings.Replace(text, change[0], change[1], 1), slices.Clone(projectConfig)
			switch {
			case name == "topic":
				config[3] = "others"
			case name == "zone":
				config = append(config, "spark.sql.session.timeZone", "Asia/Tokyo")
			case changed == text:
				t.Fatal("the test changes nothing")
			}
			kept := &store.Memory{}
			for i, b := range []*enginetest.Bench{enginetest.NewBench(t, kept, text, projectConfig...), enginetest.NewBench(t, kept, changed, config...)} {
				b.Topics["events"], b.Topics["others"] = enginetest.NewLog(1), enginetest.NewLog(1)
				b.Topics["events"].Finish()
				e, err := engine.Open(context.Background(), b.Options())
				var refused *engine.ChangedError
				if i == 1 {
					if !errors.As(err, &refused) {
						t.Errorf("open: %v, expected a ChangedError", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := e.Run(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestStatusOfTables agrees with what the tables hold.
func TestStatusOfTables(t *testing.T) {
	b := newBench(t, plainOracle, 1)
	fill(b, steadyEvents(37, 1))
	e := running(t, b.Options())
	catchUp(t, e)
	want := []engine.TableStatus{
		{Name: "answer", Kind: "windowed", Rows: 9, Open: 3, Watermark: 35 * second},
		{Name: "chosen", Kind: "rows", Rows: 37, Watermark: -1 << 63},
	}
	got := e.Status().Tables
	if got[0].StateBytes <= 0 || got[1].StateBytes != 0 {
		t.Errorf("state takes %d and %d bytes", got[0].StateBytes, got[1].StateBytes)
	}
	got[0].StateBytes = 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

// TestReadersBesideRun asks an engine everything, all the time, while it runs, closes all windows and
// stops: nobody gets in another's way, and the result is the same.
func TestReadersBesideRun(t *testing.T) {
	events := steadyEvents(600, 3)
	want := straight(t, plainOracle, 3, events).State(t)

	b := newBench(t, plainOracle, 3)
	b.Topics["events"].ReadRows, b.BatchRows = 10, 4
	fill(b, events)
	b.Topics["events"].Finish()
	b.Pipeline.Config.IdleTimeout = 1 << 40
	opt := b.Options()
	opt.CloseWindows, opt.CheckpointInterval = true, 1
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var askers sync.WaitGroup
	for name, ask := range map[string]func() error{
		"status": func() error { e.Status(); return nil },
		"ledger": func() error { e.Ledger(); return nil },
		"table":  func() error { _, err := e.Table(ctx, "answer", true, 20); return err },
		"open":   func() error { _, err := e.Table(ctx, "answer$open", false, -1); return err },
		"query": func() error {
			return e.Query(ctx, "SELECT k, sum(n) FROM answer GROUP BY k", func(*column.Batch) error { return nil })
		},
		"explain":    func() error { _, err := e.Explain("answer"); return err },
		"checkpoint": func() error { return e.Checkpoint(ctx) },
		"idle":       func() error { return e.CheckIdle(ctx) },
		"watch":      func() error { _, end := e.Watch(); end(); return nil },
	} {
		askers.Go(func() {
			for ctx.Err() == nil {
				if err := ask(); err != nil && ctx.Err() == nil {
					t.Errorf("ask for %s: %v", name, err)
					return
				}
			}
		})
	}
	err = e.Run(context.Background())
	cancel()
	askers.Wait()
	if err != nil {
		t.Errorf("run: %v", err)
	}
	e.Close()
	if diff := cmp.Diff(want, b.State(t)); diff != "" {
		t.Errorf("state (-straight +asked):\n%s", diff)
	}
}
