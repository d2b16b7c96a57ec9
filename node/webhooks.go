package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/store"
)

// notifyFile keeps what webhooks were told, and the silences. A reset leaves it: an incident that is computed anew is
// the same, and is not told twice.
const notifyFile = "notify.db"

// openWatch opens those who watch the pipeline and tell of it.
func (n *Node) openWatch(ctx context.Context) error {
	n.openMonitor(ctx)
	n.onClose(n.telling.close)
	if n.cfg.Look || n.cfg.Once {
		return nil
	}
	_, err := n.OpenNotifier(ctx, len(n.cfg.Pipeline.Alerts) > 0)
	return err
}

// telling is who tells webhooks and keeps silences and the alerts of others. A project without alerts has none until
// somebody silences something, or an Alertmanager tells of something.
type telling struct {
	mu       sync.Mutex
	notifier *notify.Notifier
	store    *store.Store
	closed   bool
}

func (t *telling) close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.store == nil {
		return nil
	}
	return t.store.Close()
}

// Notifier keeps silences and alerts of others, and tells webhooks; nil: none is open.
func (n *Node) Notifier() *notify.Notifier {
	n.telling.mu.Lock()
	defer n.telling.mu.Unlock()
	return n.telling.notifier
}

// OpenNotifier is Notifier, which it opens if the folder has what it keeps, or if it is to be made. A pipeline in memory
// has none, and a folder that is only looked into none that is new; nobody is told by such a one.
func (n *Node) OpenNotifier(ctx context.Context, make bool) (*notify.Notifier, error) {
	t := &n.telling
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.notifier != nil || t.closed || n.cfg.Memory != nil {
		return t.notifier, nil
	}
	path := filepath.Join(n.cfg.Data, notifyFile)
	if !make || n.cfg.Look {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	cfg := notify.Config{Version: n.cfg.Version, Logger: n.log}
	if n.listener != nil {
		cfg.ExternalURL = "http://" + n.listener.Addr().String()
	}
	if err := n.addReceivers(&cfg); err != nil {
		return nil, err
	}
	kept, err := store.Open(store.Config{Path: path, Started: n.cfg.Started, Reserve: -1})
	if err != nil {
		if store.IsDamage(err) {
			err = &NotesError{path, err}
		}
		return nil, err
	}
	cfg.Store = kept
	opened, err := notify.Open(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	t.notifier, t.store = opened, kept
	return opened, nil
}

// NotesError says that the notes of what webhooks were told are damaged. A reset, which is the advice of other stores,
// leaves them as they are.
type NotesError struct {
	Path string
	Err  error
}

func (e *NotesError) Error() string {
	reason := e.Err.Error()
	var corrupt *store.CorruptError
	var format *store.FormatError
	switch {
	case errors.As(e.Err, &corrupt):
		reason = "it is damaged: " + corrupt.Reason
	case errors.As(e.Err, &format):
		reason, _, _ = strings.Cut(format.Reason, ";")
	}
	return fmt.Sprintf("read what webhooks were told from %s: %s; %s", e.Path, reason, e.Fix())
}

// Fix is what lets the pipeline run again, and its price.
func (e *NotesError) Fix() string {
	return fmt.Sprintf("run `mv %s %s.damaged` and start again: silences are forgotten, and webhooks are told once more of what fires", e.Path, e.Path)
}

func (e *NotesError) Unwrap() error { return e.Err }

// addReceivers adds the webhooks that are told of alerts, by a process that runs until it is stopped.
func (n *Node) addReceivers(cfg *notify.Config) (err error) {
	if len(n.cfg.Pipeline.Alerts) == 0 || n.cfg.Look || n.cfg.Once {
		return nil
	}
	for _, def := range n.cfg.Pipeline.Sinks {
		if !isReceiver(n.cfg.Pipeline, def) {
			continue
		}
		r, err := n.webhook(def)
		if err != nil {
			return err
		}
		cfg.Receivers = append(cfg.Receivers, r)
	}
	if cfg.Source, err = n.host.Source(engine.AlertTopic, false); err != nil {
		return fmt.Errorf("open topic %s: %w", engine.AlertTopic, err)
	}
	cfg.Known = n.knownIncidents
	return nil
}

// knownIncidents is what fires or is pending, and whether all that there is has been read.
func (n *Node) knownIncidents() notify.Known {
	known := notify.Known{States: map[string]alert.State{}, Settled: true}
	for _, status := range n.Alerts() {
		for _, c := range status.Incidents {
			known.States[c.ID] = c.State
		}
	}
	sources := 0
	for _, h := range n.Health() {
		if source := strings.HasPrefix(h.Part, "source/"); source || h.Part == "sink/"+engine.AlertSink {
			known.Settled = known.Settled && (h.State == monitor.Idle || h.State == monitor.KeepingUp)
			if source {
				sources++
			}
		}
	}
	known.Settled = known.Settled && sources > 0
	return known
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
	err := n.Notifier().Run(ctx)
	n.note("webhooks", text(err))
	return nil
}

// openRowSink opens a sink that sends rows to a webhook. In memory there are no webhooks: a test tells nobody.
func (n *Node) openRowSink(def *plan.SinkDef) (record.Sink, error) {
	if n.cfg.Memory != nil {
		return nil, nil
	}
	r, err := n.webhook(def)
	if err != nil {
		return nil, err
	}
	return notify.NewRowSink(r, n.cfg.Version, nil), nil
}
