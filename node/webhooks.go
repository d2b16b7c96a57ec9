package node

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/store"
)

// notifyFile keeps what webhooks were told, and the silences. A reset leaves it: an incident that is computed anew is
// the same, and is not told twice.
const notifyFile = "notify.db"

// openWatch opens those who watch the pipeline and tell of it.
func (n *Node) openWatch(ctx context.Context) error {
	n.openMonitor(ctx)
	return n.openNotifier(ctx)
}

// openNotifier reads what webhooks were told. There are none in memory, and none are told by a process that looks or
// runs once.
func (n *Node) openNotifier(ctx context.Context) error {
	if len(n.cfg.Pipeline.Alerts) == 0 || n.cfg.Look || n.cfg.Once || n.cfg.Memory != nil {
		return nil
	}
	var receivers []notify.Receiver
	for _, def := range n.cfg.Pipeline.Sinks {
		if !isReceiver(n.cfg.Pipeline, def) {
			continue
		}
		r, err := n.webhook(def)
		if err != nil {
			return err
		}
		receivers = append(receivers, r)
	}
	source, err := n.host.Source(engine.AlertTopic, false)
	if err != nil {
		return fmt.Errorf("open topic %s: %w", engine.AlertTopic, err)
	}
	kept, err := store.Open(store.Config{Path: filepath.Join(n.cfg.Data, notifyFile), Started: n.cfg.Started, Reserve: -1})
	if err != nil {
		if store.IsDamage(err) {
			err = fmt.Errorf("%w; move %s away to go on: silences are forgotten, and webhooks are told again of what fires", err, filepath.Join(n.cfg.Data, notifyFile))
		}
		return err
	}
	n.onClose(kept.Close)
	cfg := notify.Config{Source: source, Store: kept, Receivers: receivers, Version: n.cfg.Version, Logger: n.log}
	if n.listener != nil {
		cfg.ExternalURL = "http://" + n.listener.Addr().String()
	}
	n.notifier, err = notify.Open(ctx, cfg)
	return err
}

// isReceiver reports a webhook that is told of alerts.
func isReceiver(p *plan.Pipeline, def *plan.SinkDef) bool {
	if def.Format != "webhook" {
		return false
	}
	return def.From == "" || slices.ContainsFunc(p.Alerts, func(a *plan.AlertDef) bool { return slices.Contains(a.Notify, def.Name) })
}

// webhook reads the options of a sink of format webhook, and what they name.
func (n *Node) webhook(def *plan.SinkDef) (notify.Receiver, error) {
	r, err := notify.NewReceiver(def.Name, def.Options, notify.System())
	if err != nil {
		return r, fmt.Errorf("%s:%d:%d: %w", def.Pos.File, def.Pos.Line, def.Pos.Col, err)
	}
	return r, nil
}

// runNotifier tells webhooks until ctx ends. When nothing can be noted any more it stops, the pipeline goes on, and
// the next start tells the rest.
func (n *Node) runNotifier(ctx context.Context) error {
	err := n.notifier.Run(ctx)
	n.note("webhooks", text(err))
	return nil
}

// Notifier tells webhooks of alerts and keeps silences; nil: the project has no alerts, or this process tells nobody.
func (n *Node) Notifier() *notify.Notifier { return n.notifier }

// openRowSink opens a sink that sends rows to a webhook. In memory there are no webhooks: a test tells nobody.
func (n *Node) openRowSink(def *plan.SinkDef) (engine.Sink, error) {
	if n.cfg.Memory != nil {
		return nil, nil
	}
	r, err := n.webhook(def)
	if err != nil {
		return nil, err
	}
	return notify.NewRowSink(r, n.cfg.Version, nil), nil
}
