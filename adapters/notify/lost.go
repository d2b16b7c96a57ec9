package notify

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/record"
)

// Incidents were told to fire, and then the project's rules were edited and the tables computed anew: an alert is gone,
// or all of them are, or a threshold is another one, and the rules will never say that these are over. So what fired when
// the process started is looked up among what the rules give now, and the topic gets the end of what they do not give.

// Waits of the look-up.
const (
	lostLook = 5 * time.Second // between looks
	lostWait = time.Minute     // that the rules have to give nothing of it, while all that there is has been read
)

// Known is the incidents that the rules give now, by id.
type Known struct {
	States  map[string]alert.State
	Settled bool // nothing is left to be read, so an incident that is not there is not on its way
}

// A lost looks for incidents that no rule gives any more.
type lost struct {
	cfg     *Config
	horizon int64                    // the topic's end when the process started
	unsure  map[string]*alert.Change // what receivers know to fire, and nobody has confirmed since
	given   map[string]bool          // what the rules have given since: the topic ends it
}

// open is the incidents that a receiver knows, or is about to be told, to fire, with nothing on its way that ends them.
func (s *laneState) open(into map[string]*alert.Change) {
	ended := map[string]bool{}
	for _, g := range s.groups {
		for _, q := range g.queue {
			ended[q.Change.ID] = ended[q.Change.ID] || q.Change.State == alert.Resolved
		}
	}
	note := func(c alert.Change) {
		if !ended[c.ID] {
			into[c.ID] = &c
		}
	}
	for _, in := range s.incidents {
		if in.Done.IsZero() {
			note(in.Told.Change)
		}
	}
	for _, g := range s.groups {
		for _, q := range g.queue {
			note(q.Change)
		}
	}
}

// run looks until everything is certain, or ctx ends.
func (l *lost) run(ctx context.Context) {
	var settled time.Time // since when there was nothing left to be read
	trouble := ""
	for ctx.Err() == nil {
		now, known := time.Now(), l.cfg.Known()
		for id, state := range known.States {
			l.given[id] = l.given[id] || state == alert.Firing
		}
		switch {
		case !known.Settled:
			settled = time.Time{}
		case settled.IsZero():
			settled = now
		case now.Sub(settled) >= lostWait:
			certain, err := l.end(ctx, known, now)
			if certain {
				return
			}
			if err != nil && err.Error() != trouble && ctx.Err() == nil {
				trouble = err.Error()
				l.cfg.Logger.Warn("the end of incidents that no rule gives any more cannot be told, and is tried again", "error", err)
			}
		}
		select {
		case <-time.After(lostLook):
		case <-ctx.Done():
		}
	}
}

// end appends the end of each incident that no rule gives. It is certain when none is left that is pending by now: such
// a one may fire, or be one that the rules never gave.
func (l *lost) end(ctx context.Context, known Known, now time.Time) (certain bool, err error) {
	open, err := l.read(ctx)
	if err != nil {
		return false, err
	}
	var over []*alert.Change
	certain = true
	for _, id := range slices.Sorted(maps.Keys(open)) {
		switch {
		case l.given[id]:
		case known.States[id] != "":
			certain = false
		default:
			c := *open[id]
			c.State, c.Time, c.ResolvedAt = alert.Resolved, alert.Time(now.UnixMicro()), alert.Time(now.UnixMicro())
			over = append(over, &c)
			l.cfg.Logger.Info("no rule gives an incident any more, and it is told as over", "alert", c.Alert, "incident", id)
		}
	}
	if len(over) > 0 {
		if err := l.cfg.Append(ctx, over); err != nil {
			return false, err
		}
	}
	return certain, nil
}

// read is what fires by receivers and by what the topic had at the start, less what it says is over.
func (l *lost) read(ctx context.Context) (map[string]*alert.Change, error) {
	open := maps.Clone(l.unsure)
	end, err := l.cfg.source.End(ctx, 0)
	if err != nil {
		return nil, record.At("read topic system-alerts", err)
	}
	reader, err := l.cfg.source.Open(ctx, 0, record.Position{})
	if err != nil {
		return nil, record.At("read topic system-alerts", err)
	}
	defer reader.Close()
	ctx, cancel := context.WithTimeout(ctx, foldWait) // retention may have removed the last records
	defer cancel()
	records := &record.Records{}
	for at := int64(0); at < end.Offset; at = records.Next.Offset {
		if err := reader.Read(ctx, records); errors.Is(err, context.DeadlineExceeded) {
			break
		} else if err != nil {
			return nil, record.At("read topic system-alerts", err)
		}
		for i := range records.Len() {
			c := &alert.Change{}
			if json.Unmarshal(records.Values.At(i), c) != nil || c.ID == "" { // anybody may append to a topic
				continue
			}
			switch {
			case c.State == alert.Resolved || c.State == alert.Inactive:
				delete(open, c.ID)
			case c.State == alert.Firing && records.Offsets[i] < l.horizon:
				open[c.ID] = c
			}
		}
	}
	return open, nil
}
