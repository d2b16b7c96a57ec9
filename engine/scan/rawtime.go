package scan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/record"
)

// A RawTime finds what an event time was made of, to say why it cannot be used. It is asked for refused rows
// only: that the field is read twice costs the others nothing.
type RawTime struct {
	values []*expr.Eval // texts and numbers in the event time's expression
	fields *codec.JSON  // nil: none. Fields that the scan decodes as times, read as texts
	cols   []column.Vector
	status [1]codec.Status
	failed expr.RowErrors
}

// NewRawTime is for an event time over the columns of a flow, or over such that explosions made.
func NewRawTime(time *expr.Node, f *dataflow.Scan, env expr.Env) (*RawTime, error) {
	raw := &RawTime{}
	var targets []codec.Target
	var fault error
	var find func(n *expr.Node)
	find = func(n *expr.Node) {
		switch n.Type.Kind {
		case column.Bool: // a condition
			return
		case column.String, column.Int8, column.Int16, column.Int32, column.Int64, column.Float32, column.Float64, column.Decimal:
			if !readsColumn(n) {
				return
			}
			ev, err := expr.Compile(n, env)
			if err != nil {
				fault = err
				return
			}
			raw.values = append(raw.values, ev)
			return
		}
		if n.Op == expr.OpColumn && n.Index < len(f.Columns) {
			switch c := &f.Columns[n.Index]; {
			case c.Target != nil:
				targets = append(targets, codec.Target{Path: c.Target.Path, Type: column.Of(column.String)})
			case c.Computed != nil:
				find(c.Computed)
			}
		}
		for _, a := range n.Args {
			find(a)
		}
	}
	find(time)
	if len(targets) > 0 {
		raw.fields = codec.NewJSON(targets, codec.Options{})
		raw.cols = make([]column.Vector, len(targets))
	}
	return raw, fault
}

func readsColumn(n *expr.Node) (is bool) {
	n.Walk(func(m *expr.Node) { is = is || m.Op == expr.OpColumn })
	return is
}

// Reason is reasonTime for a row of b that comes from a record, and what its time looks like, if that is known.
func (w *RawTime) Reason(r *record.Records, record int, b *column.Batch, row uint32) string {
	if w.fields != nil {
		for i := range w.cols {
			w.cols[i].Reset(column.Of(column.String))
		}
		w.status[0] = codec.Status{}
		w.fields.Decode(&r.Values, record, record+1, w.cols, w.status[:])
		for i := range w.cols {
			if looks := looksLikeEpoch(&w.cols[i], 0); looks != "" {
				return ReasonTime + ": " + looks
			}
		}
	}
	for _, ev := range w.values {
		w.failed.Reset()
		if looks := looksLikeEpoch(ev.Run(b, []uint32{row}, &w.failed), int(row)); looks != "" {
			return ReasonTime + ": " + looks
		}
	}
	return ReasonTime
}

// epochUnits is the units in which times since 1970 are counted, and the function that reads them.
var epochUnits = []struct {
	perSecond float64
	name, use string
}{
	{1, "seconds", "timestamp_seconds(...)"},
	{1e3, "milliseconds", "timestamp_millis(...)"},
	{1e6, "microseconds", "timestamp_micros(...)"},
	{1e9, "nanoseconds", "timestamp_micros(... DIV 1000)"},
}

// looksLikeEpoch tells of a number that it is a time in some unit since 1970, if it lies in the years 1990 to
// 2099 then; else it is "". No number does so in two units.
func looksLikeEpoch(v *column.Vector, i int) string {
	const from, to = 631_152_000, 4_102_444_800 // seconds
	if v.IsNull(i) {
		return ""
	}
	text := strings.TrimSpace(string(codec.AppendValueText(nil, v, i, nil)))
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return ""
	}
	if strings.ContainsAny(text, "eE") {
		text = strconv.FormatFloat(x, 'f', -1, 64)
	}
	for _, u := range epochUnits {
		if x >= from*u.perSecond && x < to*u.perSecond {
			return fmt.Sprintf("%s looks like %s since 1970; use %s", text, u.name, u.use)
		}
	}
	return ""
}
