package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
)

// Write prints the figures, the middle of the runs each.
func (r *LiveResult) Write(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s alive; %d cores, %s/%s; windows of %g s, a backlog of %g s read first; load average %.1f – %.1f", r.Project, r.Machine.Cores, r.Machine.OS, r.Machine.Arch, r.Window, r.Backlog, r.Load[0], r.Load[1])
	p.line("this   %s", r.This)
	if r.Other != "" {
		p.line("other  %s", r.Other)
		how := "one after the other, in turns"
		if r.Together {
			how = "at the same time"
		}
		p.line("       pairs run %s; ratios and differences are of pairs: median (least – most)", how)
	}
	for i := range r.Rates {
		p.rate(&r.Rates[i], r.Output)
	}
	return p.err
}

// rate prints a table.
func (p *printer) rate(r *LiveRate, topic string) {
	p.line("")
	head, pairs := fmt.Sprintf("%s events/s, %d runs", number(int64(r.Rate)), len(r.This)), len(r.Other) > 0
	if pairs {
		p.line("%-34s %10s %10s   %-22s %s", head, "this", "other", "ratio", "difference")
	} else {
		p.line("%-34s %10s", head, "")
	}
	for _, g := range figures {
		this, other := g.middle(r.This), g.middle(r.Other)
		i := slices.IndexFunc(r.Compared, func(c Comparison) bool { return c.Figure == g.name })
		switch {
		case !pairs:
			p.line("%-34s %10s", g.title, g.show(this))
		case i < 0:
			p.line("%-34s %10s %10s", g.title, g.show(this), g.show(other))
		default:
			c := r.Compared[i]
			p.line("%-34s %10s %10s   %-22s %s (%s – %s)", g.title, g.show(this), g.show(other), c.Ratio, g.show(c.Difference.Median), g.show(c.Difference.Least), g.show(c.Difference.Most))
		}
	}
	for _, side := range []struct {
		name string
		runs []LiveFigures
	}{{"this", r.This}, {"other", r.Other}} {
		for i := range side.runs {
			p.remarks(fmt.Sprintf("%s, run %d", side.name, i+1), topic, &side.runs[i])
		}
	}
}

// remarks prints what has to be known of a run's figures.
func (p *printer) remarks(run, topic string, f *LiveFigures) {
	if f.Trouble != "" {
		p.line("  %s does not keep up: %s", run, f.Trouble)
	}
	if f.NoSyncs != "" {
		p.line("  %s: syncs not measured: %s", run, f.NoSyncs)
	}
	if f.NoRows != "" {
		p.line("  %s: event → row of %s not measured: %s", run, topic, f.NoRows)
	} else if f.Rows < 100 {
		p.line("  %s: p99 is of %d rows only", run, f.Rows)
	}
}

func (g *figure) show(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return g.text(v)
}
