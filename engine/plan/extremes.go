package plan

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// extremesLimit takes the k off the arguments of max_by(x, y, k) and min_by(x, y, k): a constant that is cast
// to INT. Without one it is 0.
func (s *selecting) extremesLimit(name string, args []sql.Expr) ([]sql.Expr, int, *sql.Fault) {
	if name != "max_by" && name != "min_by" || len(args) != 3 {
		return args, 0, nil
	}
	e := args[2]
	fault := func(class, format string, args ...any) ([]sql.Expr, int, *sql.Fault) {
		return nil, 0, &sql.Fault{Pos: e.Position(), Class: class, Message: fmt.Sprintf(format, args...)}
	}
	bind := func(e sql.Expr) (*expr.Node, sql.Faults) {
		return s.b.session.binder(&s.from).Bind(e)
	}
	n, faults := bind(e)
	if len(faults) > 0 {
		return nil, 0, &faults[0]
	}
	if t := n.Type; !t.IsNumeric() && t.Kind != column.String && t.Kind != column.Void {
		return fault("DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "the k of %s is an INT, not %s", name, t)
	}
	if n, faults = bind(&sql.Cast{Pos: e.Position(), Expr: e, Type: sql.TypeName{Pos: e.Position(), Name: "INT"}}); len(faults) > 0 {
		return nil, 0, &faults[0]
	}
	switch {
	case n.Op == expr.OpConst && n.Const.IsNull(0), n.Op == expr.OpConst && (n.Const.Int[0] < 1 || n.Const.Int[0] > agg.MaxExtremes):
		return fault("DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the k of %s is from 1 to %d", name, agg.MaxExtremes)
	case n.Op == expr.OpConst:
		return args[:2], int(n.Const.Int[0]), nil
	case n.Op == expr.OpCast && n.Args[0].Op == expr.OpConst && n.Args[0].Type.Kind == column.String:
		return fault("CAST_INVALID_INPUT", "the k of %s is no INT", name)
	case n.Op == expr.OpCast && n.Args[0].Op == expr.OpConst:
		return fault("CAST_OVERFLOW", "the k of %s is no INT", name)
	}
	return fault("DATATYPE_MISMATCH.NON_FOLDABLE_INPUT", "the k of %s is a constant", name)
}
