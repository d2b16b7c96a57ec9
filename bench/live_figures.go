package bench

import (
	"fmt"
	"math"
	"slices"
	"strconv"
)

// A figure is one of LiveFigures, by name.
type figure struct {
	name, title string
	of          func(*LiveFigures) float64 // NaN: not measured
	text        func(float64) string
}

var figures = []figure{
	{"cpu", "CPU, % of a core", func(f *LiveFigures) float64 { return f.CPU }, decimals(2)},
	{"user", "  of it user", func(f *LiveFigures) float64 { return f.User }, decimals(2)},
	{"system", "  of it system", func(f *LiveFigures) float64 { return f.System }, decimals(2)},
	{"resident", "memory, MB, middle of the window", func(f *LiveFigures) float64 { return float64(f.Resident) }, megabytes},
	{"peak", "memory, MB, peak with the backlog", func(f *LiveFigures) float64 { return float64(f.Peak) }, megabytes},
	{"syncs", "syncs/s", func(f *LiveFigures) float64 { return known(f.Syncs) }, decimals(1)},
	{"written", "written (wchar), KB/s", func(f *LiveFigures) float64 { return f.Written }, func(v float64) string { return decimals(1)(v / 1e3) }},
	{"switches", "context switches/s", func(f *LiveFigures) float64 { return f.Switches }, decimals(0)},
	{"p50", "event → row, ms, p50", func(f *LiveFigures) float64 { return known(f.P50) }, milliseconds},
	{"p99", "event → row, ms, p99", func(f *LiveFigures) float64 { return known(f.P99) }, milliseconds},
}

func known(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func decimals(n int) func(float64) string {
	return func(v float64) string { return strconv.FormatFloat(v, 'f', n, 64) }
}

func megabytes(v float64) string    { return decimals(0)(v / 1e6) }
func milliseconds(v float64) string { return decimals(0)(v * 1e3) }

// compare makes ratios and differences of the pairs that both have a figure.
func (r *LiveRate) compare() {
	for _, g := range figures {
		var ratios, differences []float64
		for i := range r.Other {
			this, other := g.of(&r.This[i]), g.of(&r.Other[i])
			if math.IsNaN(this) || math.IsNaN(other) || other == 0 {
				continue
			}
			ratios, differences = append(ratios, this/other), append(differences, this-other)
		}
		if len(ratios) > 0 {
			r.Compared = append(r.Compared, Comparison{g.name, spreadOf(ratios), spreadOf(differences)})
		}
	}
}

// middle is the median of a figure, NaN if no run has it.
func (g *figure) middle(runs []LiveFigures) float64 {
	var all []float64
	for i := range runs {
		if v := g.of(&runs[i]); !math.IsNaN(v) {
			all = append(all, v)
		}
	}
	if len(all) == 0 {
		return math.NaN()
	}
	return spreadOf(all).Median
}

// quantile is the value below which a share q of sorted lies.
func quantile(sorted []float64, q float64) float64 {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

// noteLatency notes the latencies of rows, in seconds.
func (f *LiveFigures) noteLatency(seconds []float64, why string) {
	f.Rows = len(seconds)
	if len(seconds) == 0 {
		f.NoRows = why
		return
	}
	slices.Sort(seconds)
	p50, p99 := quantile(seconds, 0.5), quantile(seconds, 0.99)
	f.P50, f.P99 = &p50, &p99
}

// brief is the figures in a line.
func (f *LiveFigures) brief() string {
	text := fmt.Sprintf("CPU %.2f %%, %s MB, %s KB/s", f.CPU, megabytes(float64(f.Resident)), decimals(0)(f.Written/1e3))
	if f.Syncs != nil {
		text += fmt.Sprintf(", %.1f syncs/s", *f.Syncs)
	}
	if f.P50 != nil {
		text += fmt.Sprintf(", p50 %s ms, p99 %s ms of %d rows", milliseconds(*f.P50), milliseconds(*f.P99), f.Rows)
	}
	return text + fmt.Sprintf("; settled in %.0f s, load %.1f %s", f.Settled, f.Load, f.Trouble)
}
