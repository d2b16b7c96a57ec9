package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/retry"
)

// The pace of looking after the parts.
const (
	tendPause  = time.Second
	closeWait  = time.Second // for API requests in flight
	feedPause  = time.Second // before a generator that failed goes on
	retryPause = 500 * time.Millisecond
)

// Run processes until ctx ends, which it takes as the wish to stop: the generator stops, what was
// read is finished and made durable, and Run returns nil. With Config.Once it returns when the
// topics are read to their end.
func (n *Node) Run(ctx context.Context) (err error) {
	n.forgetFailure()
	defer func() { n.keepFailure(err) }()
	if n.listener != nil {
		if err := n.announce(); err != nil {
			return err
		}
	}
	parts, stopParts := context.WithCancel(ctx)
	defer stopParts()
	var g errgroup.Group
	if n.listener != nil {
		g.Go(func() error { return n.guarded("the API", func() error { return n.server.Serve(n.listener) }) })
	}
	if n.others != nil {
		g.Go(func() error { return n.guarded("the API for other machines", n.serveOthers) })
	}
	if n.cfg.Memory == nil || n.monitor != nil { // in memory nobody asks for rates otherwise, and there is no server to look after
		g.Go(func() error { return n.guarded("the meter", func() error { n.meter.run(parts); return nil }) })
		g.Go(func() error {
			return n.guarded("the look at intake", func() error { n.watchIntake(parts); return nil })
		})
		g.Go(func() error {
			return n.guarded("the caretaker", func() error { defer stopParts(); return n.tend(parts) })
		})
	}
	if n.monitor != nil {
		g.Go(func() error { return n.guarded("the monitor", func() error { return n.runMonitor(parts) }) })
	}
	if n.Notifier() != nil {
		g.Go(func() error { return n.guarded("the notifier", func() error { return n.runNotifier(parts) }) })
	}
	if n.cluster != nil {
		g.Go(func() error {
			return n.guarded("the look at Kafka", func() error { n.watchCluster(parts); return nil })
		})
	}
	if n.feed != nil {
		g.Go(func() error { return n.guarded("the generator", func() error { return n.runFeed(parts) }) })
	}
	n.settleOwed(parts, &g)
	n.server.Ready(true)
	err = n.runEngineFilling(parts)
	n.server.Ready(false)
	if err != nil {
		n.setFailure(err)
	}
	stopParts()
	defer n.publishLast()
	closing, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	return errors.Join(err, n.server.Close(closing), g.Wait())
}

// guarded turns a panic of a part into its error.
func (n *Node) guarded(part string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			n.log.Error("a part panicked", "part", part, "panic", p, slog.String("stack", stack()))
			err = fmt.Errorf("run %s: it panicked: %v", part, p)
		}
	}()
	return do()
}

// runFeed writes events until ctx ends. What hinders it (a full disk, a broker that restarts) is
// shown and tried again: no event is left out or written twice.
func (n *Node) runFeed(ctx context.Context) error {
	for {
		err := n.feed.run(ctx)
		if ctx.Err() != nil || err == nil {
			return nil
		}
		n.note("generator", err.Error())
		if retry.Pause(ctx, feedPause) != nil {
			return nil
		}
	}
}

// tend looks after the broker until ctx ends: after a write error only a restart of the embedded server
// helps, once the disk has room again. A disk that failed is its error: nothing is tried again there.
func (n *Node) tend(ctx context.Context) error {
	for retry.Pause(ctx, tendPause) == nil {
		err := n.broker.Healthy()
		if isDiskFailure(err) {
			n.log.Error("the disk failed under the embedded broker", "error", err)
			n.setFailure(err)
			return err
		}
		var down *broker.DownError
		if errors.As(err, &down) {
			n.log.Warn("the embedded broker is restarted", "reason", err)
			err = n.broker.Restart(ctx)
		}
		n.note("broker", text(err))
		n.tendCluster(ctx)
	}
	return nil
}

// text is what an error says, "" for none.
func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// setFailure keeps why nothing is, or can be, processed any more.
func (n *Node) setFailure(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.failure = err.Error()
}

// Status is the engine's, with the ends of the topics and with what troubles the other parts.
func (n *Node) Status() engine.Status {
	st := n.current().Status()
	n.meter.fillEnds(&st)
	n.fillLetGo(&st)
	failure := n.Failure()
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, part := range []string{"broker", "kafka", "generator"} {
		if t := n.trouble[part]; t != nil {
			st.State, st.Reason = "degraded", part+": "+t.text
			break
		}
	}
	switch {
	case failure != "":
		st.State, st.Reason = "failed", failure
	case n.cfg.Look && st.State == "running":
		st.State, st.Reason = "idle", "nothing runs on this data folder"
	case st.State == "running":
		st.State = n.meter.pace(&st)
	}
	return st
}

// TopicsOnly reports a folder that is looked into and whose tables cannot be read: nobody knows the queries that made them,
// or the format of its checkpoint.
func (n *Node) TopicsOnly() bool { return n.unknown != nil }

// Failure tells why nothing is, or can be, processed any more; "" while all is well. A disk that failed under
// the broker is told at once, before the caretaker has come by.
func (n *Node) Failure() string {
	n.mu.RLock()
	failure := n.failure
	n.mu.RUnlock()
	if failure != "" || n.cfg.Memory != nil {
		return failure
	}
	if err := n.broker.Healthy(); isDiskFailure(err) {
		return err.Error()
	}
	return ""
}

// Watch returns a channel that gets a value after each checkpoint that changed something, and a
// function that ends it; it goes on over an engine that is opened anew.
func (n *Node) Watch() (<-chan struct{}, func()) {
	ch := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.watches[ch] = true
	return ch, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.watches, ch)
	}
}

// forward passes the signals of an engine on until ctx ends.
func (n *Node) forward(ctx context.Context, e *engine.Engine) {
	changed, end := e.Watch()
	defer end()
	for {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		n.mu.RLock()
		for ch := range n.watches {
			select {
			case ch <- struct{}{}:
			default: // it has a signal that nobody has taken yet
			}
		}
		n.mu.RUnlock()
	}
}

// Charts is what the page shows of the project.
func (n *Node) Charts() []plan.Chart { return n.pipeline().Charts() }

// Explain is the plan of a table and why its window is open.
func (n *Node) Explain(table string) (text string, err error) {
	err = n.answered("explain "+table, func() (err error) {
		text, err = n.current().Explain(table)
		return err
	})
	return text, err
}
