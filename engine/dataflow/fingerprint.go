package dataflow

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/nagare-stream/nagare/engine/plan"
)

// A trait is one thing that decides which rows a query gives: what kind of thing, and the thing.
type trait struct{ kind, text string }

// Fingerprint names the queries that state and row numbers belong to: all of what decides which rows
// they give, and in what order.
func Fingerprint(ops []*Operator, c *plan.Config) string {
	h := sha256.New()
	for i, op := range ops {
		for _, t := range traits(&op.StreamOp, c) {
			if t.kind == traitZone && i > 0 {
				continue // it is that of all
			}
			_, _ = io.WriteString(h, t.text) // it never fails
		}
	}
	if len(ops) == 0 {
		_, _ = io.WriteString(h, zoneText(c))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// Kinds of traits, as users are told of them.
const (
	traitZone    = "the session's time zone"
	traitFrom    = "what it reads"
	traitDedup   = "where duplicates are looked for"
	traitTime    = "its event time"
	traitDelay   = "its watermark's delay"
	traitFilter  = "its conditions"
	traitExplode = "what it explodes"
	traitJoin    = "what it is joined with"
	traitWindow  = "its window"
	traitKeys    = "its keys"
	traitAggs    = "its aggregates"
	traitHaving  = "its HAVING"
	traitAlert   = "its durations"
	traitOut     = "its columns"
)

func zoneText(c *plan.Config) string { return fmt.Sprintf("zone %s\n", c.TimeZone) }

// traits is what decides which rows an operator gives, in an order that stays.
func traits(op *plan.StreamOp, c *plan.Config) []trait {
	list := []trait{{traitZone, zoneText(c)}}
	add := func(kind, format string, args ...any) { list = append(list, trait{kind, fmt.Sprintf(format, args...)}) }
	add(traitFrom, "%s from %s %q", op.Name, op.From.Name, op.From.Topics)
	add(traitDelay, " delay %d\n", op.Delay)
	if op.Parts > 0 {
		add(traitFrom, "part %d of %d\n", op.Part, op.Parts)
	}
	for _, topic := range op.From.Topics {
		if t := c.Topics[topic]; t.Dedup != "" {
			add(traitDedup, "dedup %s %s %d\n", topic, t.Dedup, t.DedupHorizon)
		}
	}
	if op.HasTime {
		add(traitTime, "time %s\n", op.Time.Key())
	}
	for _, p := range op.Pre {
		add(traitFilter, "pre %s\n", p.Key())
	}
	for _, p := range op.Post {
		add(traitFilter, "post %s\n", p.Key())
	}
	for i, x := range op.Explosions {
		kind := traitExplode
		if x.Join != nil {
			kind = traitJoin
			add(kind, "join %t %s", i < op.Below, joinText(x.Join))
		} else {
			add(kind, "explode %t %v %v %v %s", i < op.Below, x.Outer, x.Pos, x.Fields, x.Rows.Key())
		}
		for _, p := range x.Where {
			add(traitFilter, " where %s", p.Key())
		}
		add(kind, "\n")
	}
	if op.Joined() {
		list = append(list, joinTraits(op)...)
	}
	if op.Agg != nil {
		list = append(list, aggregateTraits(op.Agg)...)
	}
	for _, p := range op.Having {
		add(traitHaving, "having %s\n", p.Key())
	}
	out := op.Out
	if a := op.Alert; a != nil { // its texts may change: they are no state
		add(traitAlert, "alert for %d keep %d interval %d\n", a.For, a.KeepFiring, a.Interval)
		out = out[:len(a.Key)]
	}
	for i, o := range out {
		add(traitOut, "out %s %s\n", op.Cols[i].Name, o.Key())
	}
	return list
}

// joinText is the table of a join, what it holds, and the condition.
func joinText(j *plan.Lookup) string {
	text := j.Kind + " " + plan.Identity(j.Table)
	for _, e := range j.Equal {
		text += fmt.Sprintf(" %s=%s %v", e.Left.Key(), e.Right.Key(), e.NullSafe)
	}
	if j.On != nil {
		text += " on " + j.On.Key()
	}
	return text
}

func joinTraits(op *plan.StreamOp) (list []trait) {
	j := op.Join
	add := func(format string, args ...any) { list = append(list, trait{traitJoin, fmt.Sprintf(format, args...)}) }
	add("join %s %d %d %v side %d\n", j.Kind, j.Least, j.Most, j.NullSafe, op.Side)
	if j.Window != nil {
		add("window %d %d\n", j.Window.Size, j.Window.Offset)
	}
	for _, k := range op.Keys {
		add("equal %s\n", k.Key())
	}
	if j.Rest != nil {
		add("and %s\n", j.Rest.Key())
	}
	return list
}

func aggregateTraits(a *plan.Aggregate) (list []trait) {
	add := func(kind, format string, args ...any) { list = append(list, trait{kind, fmt.Sprintf(format, args...)}) }
	add(traitWindow, "window %d %d %d at %d\n", a.Window.Size, a.Window.Slide, a.Window.Offset, a.WindowKey)
	if a.Window.Session {
		add(traitWindow, "session\n")
	}
	if a.Window.Gap != nil {
		add(traitWindow, "gap %s\n", a.Window.Gap.Key())
	}
	for _, k := range a.Keys {
		if k != nil {
			add(traitKeys, "key %s\n", k.Key())
		}
	}
	for _, c := range a.Aggs {
		text := fmt.Sprintf("agg %s %v", c.Spec.Name, c.Spec.Distinct)
		if c.Spec.Limit > 0 {
			text += fmt.Sprintf(" %d", c.Spec.Limit)
		}
		text += c.Spec.Key()
		if c.Arg != nil {
			text += " " + c.Arg.Key()
		}
		if c.Filter != nil {
			text += " where " + c.Filter.Key()
		}
		add(traitAggs, "%s\n", text)
	}
	return list
}
