package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// frame reads ROWS or RANGE BETWEEN …; its offsets are constants.
func (s *selecting) frame(w *WindowCall, c *sql.Call) *sql.Fault {
	f := w.Frame
	if f == nil {
		return nil
	}
	if name := strings.ToLower(c.Name.Name); isRanking(name) && name != "nth_value" {
		if name == "lag" || name == "lead" {
			return &sql.Fault{Pos: f.Pos, Class: "_LEGACY_ERROR_TEMP_1035", Message: c.Name.Name + " takes no frame"}
		}
		if !f.Rows || f.Start.Kind != "UNBOUNDED PRECEDING" || f.End.Kind != "CURRENT ROW" {
			return &sql.Fault{Pos: f.Pos, Class: "_LEGACY_ERROR_TEMP_1036", Message: c.Name.Name + " takes no frame"}
		}
		w.Frame = nil
		return nil
	}
	for _, bound := range []struct {
		b   sql.Bound
		dst *int64
		at  **expr.Node
	}{{f.Start, &w.Start, &w.StartAt}, {f.End, &w.End, &w.EndAt}} {
		if bound.b.Offset == nil {
			continue
		}
		if !f.Rows {
			var fault *sql.Fault
			if *bound.at, fault = s.rangeBound(w, f, bound.b); fault != nil {
				return fault
			}
			continue
		}
		n, fault := s.rowOffset(bound.b.Offset)
		if fault != nil {
			return fault
		}
		*bound.dst = n
		if bound.b.Kind == "PRECEDING" {
			*bound.dst = -n
		}
	}
	if s.frameBackwards(w, f) {
		return &sql.Fault{Pos: f.Pos, Class: "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON", Message: "the frame ends before it starts"}
	}
	return nil
}

// rowOffset is the distance of a bound of ROWS, a constant INT.
func (s *selecting) rowOffset(e sql.Expr) (int64, *sql.Fault) {
	n, faults := s.b.session.binder(&scope{}).Bind(e)
	if len(faults) > 0 {
		return 0, &faults[0]
	}
	x, ok := constantInt(n)
	if !ok || n.Type.Kind != column.Int32 {
		return 0, &sql.Fault{Pos: e.Position(), Class: "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE",
			Message: "an offset of ROWS is a constant INT, not " + strings.ToUpper(n.Type.String())}
	}
	return x, nil
}

// rangeBound is the value at which a RANGE frame begins or ends: that of the row's key and an offset.
func (s *selecting) rangeBound(w *WindowCall, f *sql.Frame, b sql.Bound) (*expr.Node, *sql.Fault) {
	switch {
	case len(w.OrderBy) == 0:
		return nil, &sql.Fault{Pos: f.Pos, Class: "DATATYPE_MISMATCH.RANGE_FRAME_WITHOUT_ORDER", Message: "RANGE with an offset needs ORDER BY"}
	case len(w.OrderBy) > 1:
		return nil, &sql.Fault{Pos: f.Pos, Class: "DATATYPE_MISMATCH.RANGE_FRAME_MULTI_ORDER", Message: fmt.Sprintf("RANGE with an offset takes one ORDER BY expression, not %d", len(w.OrderBy))}
	}
	key := w.OrderBy[0]
	offset, faults := s.b.session.binder(&scope{}).Bind(b.Offset)
	if len(faults) > 0 || offset.Op != expr.OpConst {
		return nil, &sql.Fault{Pos: b.Offset.Position(), Class: "INVALID_SQL_SYNTAX.INVALID_WINDOW_FRAME_BOUND", Message: "the bound of a frame is a constant"}
	}
	invalid := &sql.Fault{Pos: f.Pos, Class: "DATATYPE_MISMATCH.RANGE_FRAME_INVALID_TYPE",
		Message: fmt.Sprintf("RANGE cannot move %s by %s", strings.ToUpper(key.Expr.Type.String()), strings.ToUpper(offset.Type.String()))}
	if key.Expr.Type.Kind == column.String {
		invalid.Class = "DATATYPE_MISMATCH.SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE"
		return nil, invalid
	}
	if key.Expr.Type.IsNumeric() != offset.Type.IsNumeric() && key.Expr.Type.Kind != column.Date {
		return nil, invalid
	}
	op := "+"
	if (b.Kind == "PRECEDING") != key.Desc {
		op = "-"
	}
	if key.Expr.Type.IsNumeric() {
		if t, ok := commonType(key.Expr.Type, offset.Type); !ok || !t.Equal(key.Expr.Type) {
			return nil, invalid
		}
		offset = castTo(offset, key.Expr.Type)
	}
	pair := &scope{cols: []scopeColumn{{name: "a", node: key.Expr}, {name: "b", node: offset}}}
	eb := s.b.session.binder(pair)
	n, faults := eb.Bind(&sql.Binary{Pos: f.Pos, Op: op, Left: hiddenName(0, "a", f.Pos), Right: hiddenName(1, "b", f.Pos)})
	if len(faults) > 0 {
		return nil, invalid
	}
	if !n.Type.Equal(key.Expr.Type) {
		if !n.Type.IsNumeric() {
			return nil, invalid
		}
		n = castTo(n, key.Expr.Type)
	}
	return n, nil
}

// frameBackwards reports a frame that ends before it starts, as far as its bounds tell.
func (s *selecting) frameBackwards(w *WindowCall, f *sql.Frame) bool {
	switch {
	case f.Rows && f.Start.Kind == "UNBOUNDED FOLLOWING", f.End.Kind == "UNBOUNDED PRECEDING":
		return true
	case f.Start.Kind == "FOLLOWING" && f.End.Kind == "PRECEDING" && !f.Rows:
		return true
	case f.Start.Offset == nil || f.End.Offset == nil:
		return false
	case f.Rows:
		return w.Start > w.End
	}
	if f.Start.Kind != f.End.Kind {
		return false
	}
	op, eb := ">", s.b.session.binder(&scope{})
	if f.Start.Kind == "PRECEDING" {
		op = "<"
	}
	n, faults := eb.Bind(&sql.Binary{Pos: f.Pos, Op: op, Left: f.Start.Offset, Right: f.End.Offset})
	return len(faults) == 0 && n.Op == expr.OpConst && !n.Const.IsNull(0) && n.Const.Int[0] != 0
}
