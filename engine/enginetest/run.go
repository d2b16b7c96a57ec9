package enginetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
)

// A Bench is a pipeline with everything outside it in memory. Engines come and go on it, as
// processes do on a data folder.
type Bench struct {
	Pipeline *plan.Pipeline
	Topics   map[string]*Log
	Logs     map[string]*Log // of the engine's own
	Sinks    map[string]*Log
	Caches   map[string]*Cache // of redis sinks
	Store    state.Store
	Clock    atomic.Int64 // what the engine takes for the wall clock, microseconds

	BatchRows int
}

// NewBench resolves a project of one SQL text and a configuration of alternating keys and values.
func NewBench(t testing.TB, store state.Store, text string, config ...string) *Bench {
	t.Helper()
	in := plan.Input{Name: "test", Files: []plan.File{{Path: "test.sql", Text: text}}}
	for i := 0; i+1 < len(config); i += 2 {
		in.Config = append(in.Config, plan.Setting{Key: config[i], Value: config[i+1]})
	}
	p, faults := plan.Resolve(in)
	if len(faults) > 0 {
		t.Fatalf("resolve the test's project:\n%v", faults)
	}
	b := &Bench{Pipeline: p, Topics: map[string]*Log{}, Logs: map[string]*Log{}, Sinks: map[string]*Log{}, Caches: map[string]*Cache{}, Store: store}
	b.Clock.Store(1)
	return b
}

// Options is what an engine on the bench is made of.
func (b *Bench) Options() engine.Options {
	return engine.Options{
		Pipeline: b.Pipeline,
		Source: func(topic string) (record.Source, error) {
			if l := b.Topics[topic]; l != nil {
				return l, nil
			}
			return nil, fmt.Errorf("the test has no topic %s", topic)
		},
		Sink: func(def *plan.SinkDef) (record.Sink, error) {
			if def.Format != "redis" {
				return logIn(b.Sinks, def.Name, 64), nil
			}
			if b.Caches[def.Name] == nil {
				b.Caches[def.Name] = NewCache()
			}
			return b.Caches[def.Name], nil
		},
		Log: func(topic string, n int) (record.Log, error) { return logIn(b.Logs, topic, n), nil },
		// The store outlives the engine.
		Store:              keepOpen{b.Store},
		Now:                func() int64 { return b.Clock.Load() },
		BatchRows:          b.BatchRows,
		CheckpointInterval: -1,
		Once:               true,
	}
}

func logIn(logs map[string]*Log, name string, n int) *Log {
	if logs[name] == nil {
		logs[name] = NewLog(n)
	}
	logs[name].Grow(n)
	return logs[name]
}

type keepOpen struct{ state.Store }

func (keepOpen) Close() error { return nil }

// Run opens an engine, runs it to the present end of the topics, and closes it.
func (b *Bench) Run(t testing.TB, closeWindows bool) {
	t.Helper()
	e := b.Open(t, closeWindows)
	if err := e.Run(context.Background()); err != nil {
		t.Fatalf("run: %v", err)
	}
	if err := e.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

// Open opens an engine on the bench.
func (b *Bench) Open(t testing.TB, closeWindows bool) *engine.Engine {
	t.Helper()
	opt := b.Options()
	opt.CloseWindows = closeWindows
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatalf("open engine: %v", err)
	}
	return e
}

// State is everything that a run has left behind, as text: tables, kept rows, sinks, ledger.
func (b *Bench) State(t testing.TB) string {
	t.Helper()
	e := b.Open(t, false)
	defer e.Close()
	return b.StateOf(t, e)
}

// StateOf is State as an engine that is open sees it.
func (b *Bench) StateOf(t testing.TB, e *engine.Engine) string {
	t.Helper()
	var out strings.Builder
	for _, name := range e.Names() {
		if b.Topics[name] != nil {
			continue
		}
		fmt.Fprintf(&out, "== %s\n", name)
		for _, line := range Lines(t, e, name) {
			fmt.Fprintln(&out, line)
		}
	}
	for _, s := range b.Pipeline.Sinks {
		fmt.Fprintf(&out, "== sink %s\n", s.Name)
		for p := range 64 {
			for _, v := range logIn(b.Sinks, s.Name, 64).Values(p) {
				fmt.Fprintf(&out, "%d %s\n", p, v)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.Caches)) {
		values, ages := b.Caches[name].Values(), b.Caches[name].Ages
		for _, place := range slices.Sorted(maps.Keys(values)) {
			fmt.Fprintf(&out, "cache %s %s %s %d\n", name, place, values[place], ages[place])
		}
	}
	all := e.Ledger()
	books := func(name string, counts map[string]ledger.Count) {
		for _, topic := range slices.Sorted(maps.Keys(counts)) {
			c := counts[topic]
			fmt.Fprintf(&out, "ledger %s %s %+v\n", name, topic, c)
			if !c.Balanced() {
				t.Errorf("the ledger of %s for %s does not add up: %+v", name, topic, c)
			}
		}
	}
	for _, d := range b.Pipeline.Datasets {
		books(d.Name, all.Tables[d.Name])
	}
	books("topic", all.Topics)
	return out.String()
}

// Lines is the final rows of a table as CSV lines.
func Lines(t testing.TB, e *engine.Engine, name string) []string {
	t.Helper()
	var lines []string
	err := e.Scan(context.Background(), name, func(b *column.Batch) error {
		for i := range b.Len {
			lines = append(lines, strings.TrimSuffix(string(codec.AppendRowCSV(nil, b.Cols, i)), "\n"))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("scan %s: %v", name, err)
	}
	return lines
}

// A Fataler is a test, also one of rapid's.
type Fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}
