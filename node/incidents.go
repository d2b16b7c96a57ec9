package node

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Alerts is each alert with its incidents of now.
func (n *Node) Alerts() []engine.AlertStatus { return n.current().Alerts() }

// EndedIncidents is the incidents that are over and still in topic system-alerts, the newest first.
func (n *Node) EndedIncidents(ctx context.Context) (ended web.EndedIncidents, err error) {
	err = n.answered("list alerts", func() error {
		newest := map[string]*alert.Change{}
		err := n.readChanges(ctx, func(c *alert.Change) {
			if c.State == alert.Resolved || c.State == alert.Inactive {
				newest[c.ID] = c
			}
			if len(newest) >= 2*web.MostEnded { // the topic is in order: the older half is left out
				ended.Total += keepNewest(newest, web.MostEnded)
			}
		})
		if err != nil {
			return err
		}
		ended.Total += int64(len(newest))
		keepNewest(newest, web.MostEnded)
		ended.Incidents = sortedChanges(newest)
		return nil
	})
	return ended, err
}

// keepNewest removes all changes but the newest ones, and tells how many.
func keepNewest(changes map[string]*alert.Change, most int) (removed int64) {
	all := sortedChanges(changes)
	for _, c := range all[min(len(all), most):] {
		delete(changes, c.ID)
		removed++
	}
	return removed
}

// sortedChanges is changes, the newest first.
func sortedChanges(changes map[string]*alert.Change) []*alert.Change {
	all := make([]*alert.Change, 0, len(changes))
	for _, c := range changes {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *alert.Change) int { return cmp.Or(cmp.Compare(b.Time, a.Time), cmp.Compare(a.ID, b.ID)) })
	return all
}

// Incident is an incident, whose id may be cut short where it is the only one that begins so, and its history.
func (n *Node) Incident(ctx context.Context, id string) (a web.IncidentAnswer, err error) {
	err = n.answered("show alert "+id, func() (err error) {
		a, err = n.incident(ctx, id)
		return err
	})
	return a, err
}

func (n *Node) incident(ctx context.Context, id string) (web.IncidentAnswer, error) {
	a := web.IncidentAnswer{History: []*alert.Change{}}
	found := map[string]bool{}
	var known []string
	take := func(c *alert.Change) bool {
		if len(known) == 0 || known[len(known)-1] != c.ID {
			known = append(known, c.ID)
		}
		if id == "" || !strings.HasPrefix(c.ID, strings.ToLower(id)) {
			return false
		}
		found[c.ID] = true
		return true
	}
	if err := n.readChanges(ctx, func(c *alert.Change) {
		if take(c) && len(found) == 1 {
			a.Incident, a.History = c, append(a.History, c)
		}
	}); err != nil {
		return a, err
	}
	for _, status := range n.Alerts() {
		for _, c := range status.Incidents {
			if take(c) { // it knows of breaches since its last change
				a.Incident = c
			}
		}
	}
	if err := n.tellExternal(ctx, &a, take); err != nil {
		return a, err
	}
	switch {
	case len(found) > 1:
		return a, &web.RequestError{Reason: fmt.Sprintf("show alert %s: %d incidents begin so; write more of the id", id, len(found))}
	case a.Incident == nil:
		return a, noIncident(id, known, n.pipeline().AlertNames())
	}
	if of := a.Incident.Evidence; len(of) > 0 && of[len(of)-1].Topic == "" {
		newest := of[len(of)-1]
		a.Query, a.QueryNote = n.pipeline().EventsBehind(a.Incident.Alert, int64(newest.Time), newest.Row)
	}
	return a, nil
}

// noIncident says of an id that no incident has it. Known may have ids twice.
func noIncident(id string, known, rules []string) error {
	text := fmt.Sprintf("there is no incident %s", sql.Quoted(id))
	slices.Sort(known)
	known = slices.Compact(known)
	switch {
	case slices.Contains(rules, id):
		text += fmt.Sprintf(", which is an alert; nagare alerts list --all --alert %s lists its incidents", id)
	case len(known) == 0:
		text += fmt.Sprintf(": there has been none, or topic %s no longer has it", engine.AlertTopic)
	default:
		text += fmt.Sprintf(", or topic %s no longer has it%s; nagare alerts list --all lists them", engine.AlertTopic, sql.Instead(id, known))
	}
	return &web.RequestError{Reason: text}
}

// tellExternal finds an alert that an Alertmanager told of.
func (n *Node) tellExternal(ctx context.Context, a *web.IncidentAnswer, take func(*alert.Change) bool) error {
	kept, err := n.OpenNotifier(ctx, false)
	if err != nil || kept == nil {
		return err
	}
	for _, e := range kept.External() {
		c := e.Change()
		if !take(c) {
			continue
		}
		began := *c
		began.State, began.Time, began.ResolvedAt = alert.Firing, c.FiredAt, alert.None
		a.Incident, a.History = c, []*alert.Change{&began}
		if c.State == alert.Resolved {
			a.History = append(a.History, c)
		}
		a.QueryNote = "an Alertmanager told of it"
		if e.GeneratorURL != "" {
			a.QueryNote += "; see " + e.GeneratorURL
		}
	}
	return nil
}

// pipeline is the one that runs, or by which the folder is looked into.
func (n *Node) pipeline() *plan.Pipeline {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.cfg.Pipeline
}

// readChanges hands all changes of state that topic system-alerts has to visit, in order.
func (n *Node) readChanges(ctx context.Context, visit func(*alert.Change)) error {
	has, err := n.hasTopic(ctx, engine.AlertTopic)
	if err != nil || !has {
		return err
	}
	src, err := n.ownSource(engine.AlertTopic, true)
	if err != nil {
		return err
	}
	if n.cluster == nil {
		src = tolerantSource{src}
	}
	parts, err := src.Partitions(ctx)
	if err != nil {
		return err
	}
	for p := range int32(parts) {
		if err := readFrom(ctx, src, p, record.Position{}, func(r *record.Records) error {
			for i := range r.Len() {
				c := &alert.Change{}
				if json.Unmarshal(r.Values.At(i), c) == nil && c.ID != "" { // anybody may append to a topic
					visit(c)
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}
