//go:build unix

package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/node"
)

// An outboxFolder is a project of one output and its data folder, on which a run has ended while rows waited
// for the output.
type outboxFolder struct {
	project string
	cfg     node.Config
	sent    int
}

const outboxQueries = ordersView + `CREATE STREAMING TABLE r AS SELECT k, v FROM STREAM o WHERE v > 0;
CREATE TEMPORARY VIEW rows AS SELECT k AS key, to_json(struct(k, v)) AS value FROM STREAM r;
`

func newOutboxFolder(t *testing.T, starting string) *outboxFolder {
	t.Helper()
	f := &outboxFolder{project: t.TempDir()}
	settings := map[string]string{
		"source.raw.format": "kafka", "source.raw.option.subscribe": "orders", "source.raw.option.startingOffsets": starting,
		"nagare.topic.orders.partitions": "1", "nagare.topic.out.partitions": "1",
		"sink.out.format": "kafka", "sink.out.from": "rows", "sink.out.option.topic": "out",
	}
	text := "name: outbox\nstorage: file:///tmp/outbox\nlibraries:\n  - glob:\n      include: transformations/**\nconfiguration:\n"
	in := plan.Input{Name: "outbox", Files: []plan.File{{Path: "transformations/q.sql", Text: outboxQueries}}}
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		text += fmt.Sprintf("  %s: %q\n", key, settings[key])
		in.Config = append(in.Config, plan.Setting{Key: key, Value: settings[key]})
	}
	if err := os.Mkdir(filepath.Join(f.project, "transformations"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(f.project, "spark-pipeline.yml"), text)
	write(t, filepath.Join(f.project, "transformations/q.sql"), outboxQueries)
	p, faults := plan.Resolve(in)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	f.cfg = node.Config{Pipeline: p, Project: node.Project{Name: "outbox", Path: f.project}, Data: filepath.Join(t.TempDir(), "data"), HTTP: node.HTTPOff, Once: true, Unmonitored: true}
	runOrders(t, f.cfg)
	f.send(t)
	runOrders(t, f.cfg)
	return f
}

// send publishes ten events more.
func (f *outboxFolder) send(t *testing.T) {
	t.Helper()
	var s strings.Builder
	for i := f.sent; i < f.sent+10; i++ {
		at := time.Date(2026, 11, 1, 0, 0, i, 0, time.UTC)
		fmt.Fprintf(&s, `{"k":"key %d","at":"%s","v":%d}`+"\n", i%7, at.Format(time.RFC3339), i+1)
	}
	f.sent += 10
	publishTo(t, f.cfg, "orders", s.String())
}

// A hookedSink does something before each write of rows.
type hookedSink struct {
	record.Sink
	before func() error
}

// Write implements record.Sink.
func (s *hookedSink) Write(ctx context.Context, epoch uint64, out *record.Rows) error {
	if err := s.before(); err != nil {
		return err
	}
	return s.Sink.Write(ctx, epoch, out)
}

// run runs on the folder until ctx ends, doing something before each write to the output.
func (f *outboxFolder) run(ctx context.Context, t *testing.T, before func() error) error {
	t.Helper()
	cfg := f.cfg
	f.tune(&cfg, before)
	n, err := node.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	err = n.Run(ctx)
	return errors.Join(err, n.Close())
}

// tune has something done before each write to the output.
func (f *outboxFolder) tune(cfg *node.Config, before func() error) {
	cfg.Tune = func(opt *engine.Options) {
		open := opt.Sink
		opt.Sink = func(def *plan.SinkDef) (record.Sink, error) {
			s, err := open(def)
			if err != nil || def.Name != "out" {
				return s, err
			}
			return &hookedSink{s, before}, nil
		}
	}
}

// leave has rows wait: a run reads ten events more, cannot write their rows, and is stopped.
func (f *outboxFolder) leave(t *testing.T) {
	t.Helper()
	f.send(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var tried atomic.Int64
	if err := f.run(ctx, t, func() error {
		tried.Add(1)
		cancel()
		return errors.New("the output takes nothing")
	}); err != nil || tried.Load() == 0 {
		t.Fatalf("a run that cannot write, after %d tries: %v", tried.Load(), err)
	}
	lookAt(t, f.cfg, func(n *node.Node) {
		if got := n.Status().OutboxRows; got != 10 {
			t.Fatalf("%d rows wait, want 10", got)
		}
	})
}

// An atStart is a log of which the first line that says that the embedded server starts has something done.
// The logs are proved by then, and the server has opened none.
type atStart struct {
	slog.Handler
	once *sync.Once
	do   func()
}

// Enabled implements slog.Handler.
func (atStart) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (a atStart) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, "Starting JetStream") {
		a.once.Do(a.do)
	}
	return nil
}

// rot flips a bit of the last message of the output.
func (f *outboxFolder) rot(t *testing.T) {
	block := filepath.Join(stream(f.cfg.Data, "out", 0), "msgs", "1.blk")
	text, err := os.ReadFile(block)
	if err == nil {
		text[len(text)-30] ^= 1
		err = os.WriteFile(block, text, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// outPlace is where rot does it, as every command has to say.
const outPlace = "topic out partition 0 at message 1: the log is damaged"

// isTold checks that an error of a run, status and doctor name the place and the command that helps.
func (f *outboxFolder) isTold(t *testing.T, err error) {
	t.Helper()
	if node.ExitCode(err) != node.ExitData {
		t.Fatalf("a run over damage ends with %v", err)
	}
	status, doctor := nagare(t, nil, "status", "--data", f.cfg.Data), nagare(t, nil, "doctor", "--data", f.cfg.Data)
	if status.code != node.ExitData || doctor.code != node.ExitFailed {
		t.Errorf("status ends with %d, doctor with %d", status.code, doctor.code)
	}
	for who, text := range map[string]string{"the run": err.Error(), "status": status.errors, "doctor": doctor.out} {
		if !strings.Contains(text, outPlace) || !strings.Contains(text, "`nagare topics repair`") {
			t.Errorf("%s says:\n%s", who, text)
		}
	}
	if strings.Contains(doctor.out, "checkpoint reset") {
		t.Errorf("doctor names a second way out:\n%s", doctor.out)
	}
}

// endsWith checks that a run to the end leaves rows from a number on in the output, each once, and none in the outbox.
func (f *outboxFolder) endsWith(t *testing.T, from int) {
	t.Helper()
	succeed(t, "run", f.project, "--once", "--data", f.cfg.Data)
	lookAt(t, f.cfg, func(n *node.Node) {
		if waits := n.Status().OutboxRows; waits != 0 {
			t.Errorf("%d rows wait", waits)
		}
		want := fmt.Sprintf("n,d,first,last\n%d,%d,%d,%d\n", f.sent-from+1, f.sent-from+1, from, f.sent)
		if got := rowsOf(t, n, "SELECT count(*) AS n, count(DISTINCT v) AS d, min(v) AS first, max(v) AS last FROM "+
			"(SELECT from_json(CAST(value AS STRING), 'v INT').v AS v FROM out)"); got != want {
			t.Errorf("the output has\n%swant\n%s", got, want)
		}
	})
}

// TestOutboxMeetsDamage damages the last message of an output while rows wait for it: before a start, under the
// server as it starts, and while rows are written. Nothing waits in silence: the run computes the output anew and
// says so, or is refused; status and doctor name the place and what helps; and after that the output has each row
// once that can be had.
func TestOutboxMeetsDamage(t *testing.T) {
	t.Run("at the start", func(t *testing.T) {
		f := newOutboxFolder(t, "earliest")
		f.leave(t)
		f.rot(t)
		n, err := node.Open(context.Background(), f.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if said := n.Notices(); len(said) != 1 || !strings.Contains(said[0], "topic out partition 0 was damaged") || !strings.Contains(said[0], "computed anew") {
			t.Errorf("the run says %q", said)
		}
		if err := errors.Join(n.Run(context.Background()), n.Close()); err != nil {
			t.Fatal(err)
		}
		f.endsWith(t, 1)
	})
	t.Run("where the input is not all there", func(t *testing.T) {
		f := newOutboxFolder(t, "latest")
		f.leave(t)
		f.rot(t)
		_, err := node.Open(context.Background(), f.cfg)
		f.isTold(t, err)
		if said := succeed(t, "topics", "repair", "--yes", "--data", f.cfg.Data).out; !strings.Contains(said, "1 message passed over, 10 records lost") {
			t.Errorf("the repair says %s", said)
		}
		f.endsWith(t, 11)
	})
	t.Run("under the server", func(t *testing.T) {
		f := newOutboxFolder(t, "earliest")
		f.leave(t)
		cfg := f.cfg
		cfg.Logger = slog.New(atStart{slog.DiscardHandler, &sync.Once{}, func() { f.rot(t) }})
		_, err := node.Open(context.Background(), cfg)
		f.isTold(t, err)
		succeed(t, "topics", "repair", "--yes", "--data", f.cfg.Data)
		f.endsWith(t, 1)
	})
	t.Run("while rows are written", func(t *testing.T) {
		f := newOutboxFolder(t, "earliest")
		f.leave(t)
		err := f.run(context.Background(), t, func() error { // what the broker says: its TestUnreadableLastMessage
			f.rot(t)
			return &broker.DamageError{Topic: "out", Seq: 1, Reason: "its last message cannot be read"}
		})
		if text := read(t, filepath.Join(f.cfg.Data, "failed.txt")); !strings.Contains(text, outPlace) {
			t.Errorf("what is kept of it is %q", text)
		}
		f.isTold(t, err)
		succeed(t, "topics", "repair", "--yes", "--data", f.cfg.Data)
		f.endsWith(t, 1)
	})
}
