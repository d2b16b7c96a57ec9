package node

import (
	"cmp"
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
	make := len(n.cfg.Pipeline.Alerts) > 0
	if !make && n.ownsAlertTopic() { // of alerts that the project had
		var err error
		if make, err = n.hasTopic(ctx, engine.AlertTopic); err != nil {
			return err
		}
	}
	_, err := n.OpenNotifier(ctx, make)
	return err
}

// ownsAlertTopic reports that topic system-alerts has records of this pipeline alone.
func (n *Node) ownsAlertTopic() bool {
	return n.cfg.Memory == nil && (n.cluster == nil || n.cfg.Kafka.Listen != "")
}

// telling is who tells webhooks and keeps silences and the alerts of others. A project without alerts has none until
// somebody silences something, or an Alertmanager tells of something.
type telling struct {
	mu       sync.Mutex
	notifier *notify.Notifier
	store    *store.Store
	closed   bool
	lost     string // what was gone of it when it was opened
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
	if !make && !n.cfg.Look { // what is gone is told once, and then kept anew
		_, err := os.Stat(filepath.Join(n.cfg.Data, notifyKept))
		make = err == nil
	}
	if !make || n.cfg.Look {
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	lost, err := findLost(n.cfg.Data)
	if err != nil {
		return nil, err
	}
	if lost != "" && t.lost == "" {
		t.lost = lost
		n.notices = append(n.notices, lost)
	}
	cfg := notify.Config{Version: n.cfg.Version, Logger: n.log, Note: n.noteKept}
	if n.listener != nil {
		cfg.ExternalURL = cmp.Or(n.othersURL(), "http://"+n.listener.Addr().String())
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
	n.notices = append(n.notices, opened.Notices()...)
	return opened, nil
}

// addReceivers adds the webhooks that are told of alerts, by a process that runs until it is stopped, and those that
// alerts told which the project had.
func (n *Node) addReceivers(cfg *notify.Config) error {
	if n.cfg.Look || n.cfg.Once {
		return nil
	}
	for _, def := range n.cfg.Pipeline.Sinks {
		if def.Format != "webhook" {
			continue
		}
		r, err := n.webhook(def)
		if err != nil {
			return err
		}
		r.Leaving = !isReceiver(n.cfg.Pipeline, def)
		cfg.Receivers = append(cfg.Receivers, r)
	}
	cfg.Source, cfg.Known, cfg.Append = n.alertSource, n.knownIncidents, n.appendChanges
	return nil
}

// alertSource opens topic system-alerts. A project that has alerts has it; where it has none any more, a cluster that
// refuses the topic does not keep the pipeline from running.
func (n *Node) alertSource(ctx context.Context, make bool) (record.Source, error) {
	src, err := n.ownSource(engine.AlertTopic, false)
	if len(n.cfg.Pipeline.Alerts) > 0 {
		if err != nil {
			return nil, fmt.Errorf("open topic %s: %w", engine.AlertTopic, err)
		}
		return src, nil
	}
	has, hasErr := n.hasTopic(ctx, engine.AlertTopic)
	if err = errors.Join(err, hasErr); err == nil && !has {
		if !make {
			return nil, nil
		}
		err = n.host.CreateTopic(ctx, n.topicConfig(engine.AlertTopic))
	}
	if err != nil {
		n.notices = append(n.notices, fmt.Sprintf("topic %s cannot be had, so no webhook is told of the end of what fired by rules that are gone: %v", engine.AlertTopic, err))
		return nil, nil
	}
	return src, nil
}

// appendChanges appends the ends of incidents that no rule gives any more to topic system-alerts.
func (n *Node) appendChanges(ctx context.Context, changes []*alert.Change) error {
	w, err := n.host.Writer(engine.AlertTopic, "rules that are gone")
	if err != nil {
		return err
	}
	var r record.Records
	for _, c := range changes {
		r.Times = append(r.Times, int64(c.Time))
		r.Keys.Append([]byte(c.ID))
		r.Values.Append(c.Append(nil))
	}
	_, err = w.Append(ctx, 0, &r, -1)
	return errors.Join(err, closeWriter(w))
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
	return def.From == "" && len(p.Alerts) > 0 || slices.ContainsFunc(p.Alerts, func(a *plan.AlertDef) bool { return slices.Contains(a.Notify, def.Name) })
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
	sink := notify.NewRowSink(r, n.cfg.Version, nil)
	if err := n.countRows(def.Name, sink); err != nil {
		return nil, err
	}
	return sink, nil
}
