package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// rangeOf binds range(end), range(start, end), range(start, end, step) and range(start, end, step, partitions),
// of which the last number says nothing here.
func (b *binder) rangeOf(rel *sql.FunctionRelation) (bound, bool) {
	args := rel.Call.Args
	refuse := func(class, format string, list ...any) (bound, bool) {
		b.fault(sql.Fault{Pos: rel.Call.Pos, Class: class, Message: fmt.Sprintf(format, list...)})
		return bound{}, false
	}
	if len(args) < 1 || len(args) > 4 {
		return refuse("WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "range takes 1 to 4 arguments, not %d", len(args))
	}
	values := make([]int64, len(args))
	for i, e := range args {
		n, ok := b.bind(b.session.binder(&scope{}), e)
		if !ok {
			return bound{}, false
		}
		if n.Op != expr.OpConst || n.Type.Kind == column.Void || n.Const.IsNull(0) || !n.Type.IsNumeric() && n.Type.Kind != column.String {
			return refuse("UNEXPECTED_INPUT_TYPE", "range takes constant whole numbers, not %s", strings.ToUpper(n.Type.String()))
		}
		one := &scope{cols: []scopeColumn{{name: "x", node: n}}}
		n, ok = b.bind(b.session.binder(one), &sql.Cast{Pos: e.Position(), Expr: hiddenName(0, "x", e.Position()), Type: sql.TypeName{Name: "BIGINT"}})
		if !ok {
			return bound{}, false
		}
		if n.Op != expr.OpConst {
			return refuse("CAST_INVALID_INPUT", "range takes whole numbers, and %s is none", sql.Format(e))
		}
		values[i] = n.Const.Int[0]
	}
	r := &Range{Step: 1, Cols: []Column{{Name: "id", Type: column.Of(column.Int64)}}}
	switch len(values) {
	case 1:
		r.End = values[0]
	case 2:
		r.Start, r.End = values[0], values[1]
	default:
		r.Start, r.End, r.Step = values[0], values[1], values[2]
	}
	if r.Step == 0 {
		return refuse("FAILED_FUNCTION_CALL", "the step of range is 0")
	}
	return b.finish(r, "", rel.Watermark, rel.Alias, rel.Columns)
}
