package harness

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/harness/stack"
)

// An Env is a pipeline under test, with topics, state and sinks of its own. What goes wrong fails the
// test at once, so its methods are for the goroutine of the test, but for Publish, which others may
// call too.
type Env struct {
	t        testing.TB
	stack    *stack.Stack
	deadline time.Duration
	servers  servers
}

// New starts a pipeline and ends it with the test. By default all of it is in memory; see the options.
// A test that fails leaves tables, ledger and the last events in t.ArtifactDir().
func New(t testing.TB, options ...Option) *Env {
	t.Helper()
	c := config{stack: stack.Config{Project: "."}}
	for _, o := range options {
		o(&c)
	}
	if c.fault != "" {
		t.Fatal(c.fault)
	}
	c.serve(t)
	if c.stack.Durable {
		c.stack.Dir = t.TempDir()
	}
	e := &Env{t: t, deadline: c.deadline, servers: c.servers}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := stack.Open(ctx, c.stack)
	if err != nil {
		t.Fatal(err)
	}
	e.stack = s
	if e.deadline == 0 {
		e.deadline = patience + time.Duration(s.Project.Pipeline.Config.IdleTimeout)*time.Microsecond
	}
	t.Cleanup(e.close)
	return e
}

// close ends the pipeline. Its ledger has to add up, whatever the test was about.
func (e *Env) close() {
	if st, err := e.stack.Status(context.Background()); err == nil && !e.t.Failed() {
		if rows := web.Imbalance(st.Ledger); rows != 0 {
			e.t.Errorf("the ledger does not add up: %d rows have no outcome, or two: %+v", rows, st.Ledger)
		}
	}
	if e.t.Failed() {
		e.keep()
	}
	e.servers.healAll() // the end waits for what a server does not take
	if err := e.stack.Close(); err != nil {
		e.t.Errorf("end the pipeline: %v", err)
	}
}

// within runs a call with the deadline and fails the test with its error.
func (e *Env) within(do func(ctx context.Context) error) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), e.deadline)
	defer cancel()
	err := do(ctx)
	if err == nil {
		return
	}
	if errors.Is(err, context.DeadlineExceeded) {
		e.t.Fatalf("%v after %v; harness.Deadline gives it more time", err, e.deadline)
	}
	e.t.Fatal(err)
}

// Settle waits until everything that was published is processed, durable and delivered. Whatever reads
// (Table, Query, Topic, Ledger …) does so by itself.
func (e *Env) Settle() { e.t.Helper(); e.within(e.stack.Settle) }

// WaitWatermark waits until the watermark of every topic that has had a record has reached a time:
// "2026-03-01T12:05:00Z", or "12:05:00Z" for the day of the newest event. The windows that end by then
// are closed, and their rows are where they belong. After the deadline the test fails with the partition
// that holds the watermark back.
func (e *Env) WaitWatermark(at string) {
	e.t.Helper()
	m, err := stack.ParseMoment(at)
	if err != nil {
		e.t.Fatal(err)
	}
	e.within(func(ctx context.Context) error { return e.stack.WaitWatermark(ctx, m) })
}

// CloseWindows ends all topics: what was published is processed, and every window closes, as
// `nagare run --once --close` does it. The pipeline goes on; rows that are published later for those
// windows are late.
func (e *Env) CloseWindows() { e.t.Helper(); e.within(e.stack.CloseWindows) }

// Crash drops everything that is not durable, as a kill at this moment does: rows since the last
// checkpoint, rows on their way to sinks. What was published stays. Restart brings the pipeline back.
func (e *Env) Crash() {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.Crash() })
}

// Restart starts the pipeline again from its newest checkpoint, after Crash or a failure, or after it
// has stopped it in order. Results must not depend on it.
func (e *Env) Restart() { e.t.Helper(); e.within(e.stack.Restart) }

// A Count is how many rows had each outcome: Read is the sum of Counted, Late, Future, Invalid,
// Duplicate and Filtered.
type Count = ledger.Count

// A Ledger is what became of every row, by topic, and by table and topic.
type Ledger = ledger.Ledger

// Ledger is what became of every row that was published.
func (e *Env) Ledger() (l Ledger) {
	e.t.Helper()
	e.within(func(ctx context.Context) (err error) { l, err = e.stack.Ledger(ctx); return err })
	return l
}
