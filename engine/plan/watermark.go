package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// watermark puts a WATERMARK clause on a relation. A name marks that column; another expression
// adds one, which has no qualifier. On a relation that is no stream it has no effect.
func (b *binder) watermark(in bound, w *sql.Watermark) (bound, bool) {
	delay, fault := watermarkDelay(w)
	if fault != nil {
		b.fault(*fault)
	}
	n, ok := b.bind(b.session.binder(&scope{cols: in.cols}), w.Expr)
	if !ok || fault != nil {
		return bound{}, false
	}
	if fault := timeFault(n, w); fault != nil {
		b.fault(*fault)
		return bound{}, false
	}
	at := n.Index
	if n.Op != expr.OpColumn || w.Alias != nil {
		name, ok := b.addedName(w, n)
		if !ok {
			return bound{}, false
		}
		at = len(in.node.Columns())
		p := &Project{In: in.node, Exprs: append(nodeColumns(in.node), n), Cols: append([]Column{}, in.node.Columns()...)}
		p.Cols = append(p.Cols, Column{Name: name, Type: n.Type})
		in.node = p
		in.cols = append(in.cols[:len(in.cols):len(in.cols)], scopeColumn{name: name, node: expr.Col(at, name, n.Type)})
	}
	if !streams(in.node) {
		return in, true
	}
	mark := &Watermark{In: in.node, Time: at, Delay: delay, Cols: append([]Column{}, in.node.Columns()...)}
	for i := range mark.Cols {
		mark.Cols[i].EventTime = i == at
	}
	in.node = mark
	return in, true
}

// addedName is the name of the column that a WATERMARK expression adds.
func (b *binder) addedName(w *sql.Watermark, n *expr.Node) (string, bool) {
	if w.Alias != nil {
		return w.Alias.Name, true
	}
	if name, ok := w.Expr.(*sql.Name); ok {
		return name.Parts[len(name.Parts)-1].Name, true
	}
	b.fault(sql.Fault{Pos: w.Expr.Position(), Class: "REQUIRES_EXPLICIT_NAME_IN_WATERMARK_CLAUSE",
		Message: "the expression of WATERMARK has no name", Hint: fmt.Sprintf("write WATERMARK %s AS ts DELAY OF …", sql.Format(w.Expr))})
	return "", false
}

// timeFault checks that the event time is a TIMESTAMP.
func timeFault(n *expr.Node, w *sql.Watermark) *sql.Fault {
	switch n.Type.Kind {
	case column.Timestamp:
		return nil
	case column.TimestampNTZ:
		return notYet(w.Expr.Position(), "a TIMESTAMP_NTZ as event time")
	}
	if isWindowType(n.Type) {
		return notYet(w.Expr.Position(), "a window as event time")
	}
	f := &sql.Fault{Pos: w.Expr.Position(), Class: "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE",
		Message: fmt.Sprintf("the event time is a TIMESTAMP, and %s is %s", sql.Format(w.Expr), strings.ToUpper(n.Type.String()))}
	if n.Type.Kind == column.String {
		f.Hint = fmt.Sprintf("write WATERMARK try_to_timestamp(%s) AS ts DELAY OF …", sql.Format(w.Expr))
	} else if n.Type.Kind == column.Date {
		f.Hint = fmt.Sprintf("write WATERMARK CAST(%s AS TIMESTAMP) AS ts DELAY OF …", sql.Format(w.Expr))
	}
	return f
}

// watermarkDelay is the delay in microseconds. A month counts 31 days, as in Spark.
func watermarkDelay(w *sql.Watermark) (int64, *sql.Fault) {
	if w.Delay == nil || len(w.Delay.Parts) == 0 {
		pos := w.Pos
		if w.Delay != nil {
			pos = w.Delay.Pos
		}
		return 0, &sql.Fault{Pos: pos, Class: "PARSE_SYNTAX_ERROR", Message: "DELAY OF takes an interval with a unit", Hint: "write DELAY OF INTERVAL 10 SECONDS"}
	}
	total := 0.0
	for _, p := range w.Delay.Parts {
		unit, ok := delayUnit(p.Unit)
		value, err := strconv.ParseFloat(strings.TrimSpace(p.Value), 64)
		if !ok || err != nil || p.To != "" {
			return 0, &sql.Fault{Pos: p.Pos, Class: "PARSE_SYNTAX_ERROR", Message: fmt.Sprintf("%s %s is no delay", p.Value, p.Unit), Hint: "write DELAY OF INTERVAL 10 SECONDS"}
		}
		total += value * unit
	}
	if total < 0 {
		return 0, &sql.Fault{Pos: w.Delay.Pos, Message: "the delay of a watermark is not negative", Hint: "0 SECONDS is the least"}
	}
	if total > math.MaxInt64/4 {
		return 0, &sql.Fault{Pos: w.Delay.Pos, Message: "the delay of a watermark is too long"}
	}
	return int64(math.Round(total)), nil
}

func delayUnit(unit string) (float64, bool) {
	switch unit {
	case "NANOSECOND":
		return 0.001, true
	case "MICROSECOND":
		return 1, true
	case "MILLISECOND":
		return float64(millisecond), true
	case "SECOND":
		return float64(second), true
	case "MINUTE":
		return float64(minute), true
	case "HOUR":
		return float64(60 * minute), true
	case "DAY":
		return float64(day), true
	case "WEEK":
		return float64(7 * day), true
	case "MONTH":
		return float64(31 * day), true
	case "YEAR":
		return float64(12 * 31 * day), true
	}
	return 0, false
}
