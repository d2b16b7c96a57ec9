package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/file"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/sql"
)

// openPipeline opens the engine, and what fills beside it for a changed project.
func (n *Node) openPipeline(ctx context.Context) error {
	if err := n.openEngine(ctx); err != nil || n.cfg.Look {
		return err
	}
	if err := n.keepProject(); err != nil {
		return err
	}
	return n.openFilling(ctx)
}

// openEngine opens the pipeline from its newest checkpoint.
func (n *Node) openEngine(ctx context.Context) error {
	if err := n.loadPoison(); err != nil {
		return err
	}
	opt := engine.Options{
		Pipeline: n.cfg.Pipeline,
		Source:   n.openSource,
		Topics:   n.topicNames,
		Sink:     n.openSink,
		Log: func(topic string, partitions int) (record.Log, error) {
			cfg := n.topicConfig(topic)
			cfg.Partitions, cfg.Key = partitions, ""
			cfg.Retention = time.Duration(n.cfg.Pipeline.Config.TableRetention[topic]) * time.Microsecond
			if strings.HasSuffix(topic, "$late") || strings.HasSuffix(topic, "$invalid") {
				n.broker.LimitBytes(topic, n.cfg.Pipeline.Config.RefusedBytes)
			}
			log, err := n.broker.Log(ctx, cfg)
			if err == nil && !n.cfg.Look {
				err = n.broker.SetRetention(ctx, topic, cfg.Retention)
			}
			if err != nil {
				return nil, err
			}
			return log, nil
		},
		Store:        &keptStore{n.checkpoints(), n.logEnds, n.broker.Sync, map[string]broker.LogState{}, n.generations},
		Now:          func() int64 { return time.Now().UnixMicro() },
		BatchRows:    n.defects.step,
		Poison:       n.defects.poison,
		Once:         n.cfg.Once,
		CloseWindows: n.cfg.Close,
		Look:         n.cfg.Look,
		Queries:      n.queries,
		Files:        n.files(),
		Own:          ownTopics,
		Logger:       n.log,
		Version:      n.cfg.Version,
	}
	if n.cfg.Tune != nil {
		n.cfg.Tune(&opt)
	}
	e, err := n.openOwn(ctx, opt)
	if n.cfg.Look && (is[*engine.ChangedError](err) || is[*engine.UnreadableError](err)) {
		e, err = n.lookApart(ctx, opt, err)
	}
	if err != nil {
		return err
	}
	if why := e.Unread(); why != nil {
		n.setFailure(why)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.engine == nil {
		n.onClose(func() error { return n.current().Close() })
	}
	if n.swapped != nil {
		close(n.swapped)
	}
	n.engine, n.swapped = e, make(chan struct{})
	return nil
}

// current is the engine of now: after a panic or a new partition there is another one.
func (n *Node) current() *engine.Engine {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.engine
}

func (n *Node) openSource(topic string) (record.Source, error) {
	n.wants(topic)
	src, err := n.ownSource(topic, n.cfg.Once)
	if err != nil {
		return nil, err
	}
	if n.cluster == nil && toleratesLoss(n.cfg.Pipeline, topic) {
		src = tolerantSource{src}
	}
	return startingAs(n.cfg.Pipeline, topic, src, n.log), nil
}

func (n *Node) openSink(def *plan.SinkDef) (record.Sink, error) {
	sink, err := n.openPlainSink(def)
	if err != nil {
		return nil, err
	}
	return n.renew(def, sink), nil
}

// openPlainSink opens a sink whatever the generation of its rows.
func (n *Node) openPlainSink(def *plan.SinkDef) (record.Sink, error) {
	switch def.Format {
	case "kafka":
		h := n.host
		if c, is := h.(cluster); is {
			c.generation = n.generations.of("sink", def.Name)
			h = c
		}
		return h.Sink(def, n.topicConfig)
	case "redis":
		return n.openCacheSink(def), nil
	case "webhook":
		return n.openRowSink(def)
	}
	out := n.cfg.Stdout
	if out == nil {
		out = os.Stdout
	}
	return n.openGeneration(def, out)
}

// CheckSinks finds the sinks of files whose options cannot be.
func CheckSinks(p *plan.Pipeline) sql.Faults {
	var faults sql.Faults
	for _, def := range p.Sinks {
		switch def.Format {
		case "json", "csv", "console", "noop":
			if err := file.CheckSink(def.Name, def.Format, def.Options); err != nil {
				faults = append(faults, sql.Fault{Pos: def.Pos, Message: err.Error()})
			}
		}
	}
	return faults
}

// runEngine runs the pipeline until ctx ends or it cannot go on. After a panic it is opened anew from
// its newest checkpoint, and a record that makes it panic three times is kept as invalid.
func (n *Node) runEngine(ctx context.Context) error {
	for {
		run, cancel := context.WithCancel(ctx)
		n.mu.Lock()
		n.reload, n.again = cancel, false
		n.mu.Unlock()
		e := n.current()
		go n.forward(run, e)
		if e.Finishes() {
			go n.finishRun(run, e)
		}
		err := e.Run(run)
		cancel()
		n.mu.Lock()
		again := n.again || e.Finishes()
		n.reload = nil
		n.mu.Unlock()
		var defect *engine.PanicError
		switch {
		case errors.As(err, &defect):
			n.log.Error("the pipeline panicked and starts again from its checkpoint", "error", err, "stack", defect.Stack)
			if !n.defects.met(defect) {
				return fmt.Errorf("run the pipeline: %d times the same: %w; this is a bug in nagare, please report it with the stack in the log", defectTries, err)
			}
			if err := n.keepPoison(); err != nil {
				return err
			}
		case err != nil || !again || ctx.Err() != nil:
			return err
		}
		if err := n.reopenEngine(ctx); err != nil {
			return err
		}
	}
}

// defectTries is how often the same place may panic.
const defectTries = 3

// defects remembers what panicked. A panic somewhere in a step of many records is looked for one
// record at a time.
type defects struct {
	count  map[engine.Place]int
	poison map[engine.Place]string
	step   int // engine.Options.BatchRows
}

// met notes a panic; false when there is nothing left to try.
func (d *defects) met(p *engine.PanicError) bool {
	if d.count == nil {
		d.count, d.poison = map[engine.Place]int{}, map[engine.Place]string{}
	}
	at := engine.Place{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset}
	if p.Rows > 1 && d.step != 1 {
		d.step = 1
		return true
	}
	if d.poison[at] != "" {
		return false
	}
	if d.count[at]++; d.count[at] < defectTries {
		return true
	}
	if p.Offset < 0 {
		return false
	}
	d.poison[at] = fmt.Sprintf("nagare panicked %d times at this record: %v", defectTries, p.Value)
	d.step = 0
	return true
}

// reopenEngine closes the engine and opens it from its newest checkpoint.
func (n *Node) reopenEngine(ctx context.Context) error {
	if err := n.current().Close(); err != nil {
		n.log.Warn("close the pipeline before it starts again", "error", err)
	}
	return n.openEngine(ctx)
}

// finishRun has the pipeline start again with what is new (partitions, settings), once it has come to where a run was that
// was cut short.
func (n *Node) finishRun(ctx context.Context, e *engine.Engine) {
	if e.CaughtUp(ctx) == nil {
		n.restartEngine()
	}
}

// restartEngine has the pipeline stop at a checkpoint and start again, to see new partitions.
func (n *Node) restartEngine() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.reload != nil {
		n.again = true
		n.reload()
	}
}

// openFileSink opens a sink that writes to files or to the terminal; relative paths are in base.
func openFileSink(def *plan.SinkDef, base string, out *os.File) (record.Sink, error) {
	var columns []string
	for _, c := range def.Root.Columns() {
		columns = append(columns, c.Name)
	}
	return file.OpenSink(def.Name, def.Format, def.Options, base, out, columns...)
}
