package plan

import (
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// constants takes the arguments that are the same for all rows off those of percentiles, mode, listagg and
// approx_count_distinct, and brings WITHIN GROUP (ORDER BY …) among the arguments. What is left goes to agg.Resolve.
func (s *selecting) constants(c *sql.Call, name string, args []sql.Expr) (string, []sql.Expr, agg.Constants, *sql.Fault) {
	k := constantArgs{s: s, c: c, name: name}
	if k.ordered() {
		args = k.within(args)
	} else if len(c.WithinGroup) > 0 {
		k.fail(c, "INVALID_SQL_SYNTAX.FUNCTION_WITH_UNSUPPORTED_SYNTAX", "%s takes no WITHIN GROUP", name)
	}
	switch name {
	case "median":
		k.arity(args, 1, 1)
	case "percentile", "percentile_approx", "approx_percentile", "percentile_cont", "percentile_disc":
		args = k.percentile(args)
	case "approx_count_distinct":
		args = k.distinct(args)
	case "listagg", "string_agg":
		args = k.delimiter(args)
	case "mode":
		args = k.mode(args)
	}
	if i := slices.Index([]string{"regr_avgy", "regr_avgx"}, name); i >= 0 && len(args) == 2 {
		// The mean of one where the other is there, with the type that avg has.
		name, args = "avg", []sql.Expr{callOf("if", callOf("isnull", args[1-i]), &sql.Literal{Pos: c.Pos, Kind: sql.LitNull}, args[i])}
	}
	return name, args, k.made, k.fault
}

func callOf(name string, args ...sql.Expr) sql.Expr {
	pos := args[0].Position()
	return &sql.Call{Pos: pos, Name: sql.Ident{Name: name, Pos: pos}, Args: args}
}

// constantArgs is the arguments of a call while they are told apart.
type constantArgs struct {
	s     *selecting
	c     *sql.Call
	name  string
	made  agg.Constants
	fault *sql.Fault // the first
}

func (k *constantArgs) fail(at sql.Expr, class, format string, args ...any) {
	if k.fault == nil {
		k.fault = &sql.Fault{Pos: at.Position(), Class: class, Message: fmt.Sprintf(format, args...)}
	}
}

func (k *constantArgs) arity(args []sql.Expr, least, most int) bool {
	if len(args) >= least && len(args) <= most {
		return true
	}
	k.fail(k.c, "WRONG_NUM_ARGS.WITHOUT_SUGGESTION", "%s takes %d to %d arguments, not %d", k.name, least, most, len(args))
	return false
}

// ordered reports a function that takes WITHIN GROUP.
func (k *constantArgs) ordered() bool {
	switch k.name {
	case "percentile_cont", "percentile_disc", "listagg", "string_agg":
		return true
	}
	return k.name == "mode" && (len(k.c.WithinGroup) > 0 || len(k.c.Args) == 0)
}

// within puts what WITHIN GROUP orders by among the arguments: as the first, or of listagg behind the others.
func (k *constantArgs) within(args []sql.Expr) []sql.Expr {
	const class = "INVALID_WITHIN_GROUP_EXPRESSION."
	orders := k.c.WithinGroup
	if k.name == "listagg" || k.name == "string_agg" {
		return args
	}
	switch {
	case k.c.Distinct:
		k.fail(k.c, class+"DISTINCT_UNSUPPORTED", "%s takes no DISTINCT", k.name)
	case len(orders) == 0:
		k.fail(k.c, class+"WITHIN_GROUP_MISSING", "%s needs WITHIN GROUP (ORDER BY …)", k.name)
	case len(orders) > 1 || k.name == "mode" && len(args) > 0:
		k.fail(k.c, class+"WRONG_NUM_ORDERINGS", "%s orders by one expression", k.name)
	case k.name != "mode" && !k.arity(args, 1, 1):
	default:
		k.made.Desc, k.made.Least = orders[0].Desc, true
		return append([]sql.Expr{orders[0].Expr}, args...)
	}
	return args
}

// value binds a constant argument as a type of SQL. nil: there is a fault.
func (k *constantArgs) value(e sql.Expr, t string) *column.Vector {
	eb := k.s.b.session.binder(&k.s.from)
	n, faults := eb.Bind(e)
	if len(faults) > 0 {
		k.fault = first(k.fault, &faults[0])
		return nil
	}
	if t != "" {
		if n, faults = eb.Bind(&sql.Cast{Pos: e.Position(), Expr: e, Type: typeOf(e.Position(), t, n)}); len(faults) > 0 {
			k.fail(e, "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "an argument of %s is %s", k.name, n0(n))
			return nil
		}
	}
	if n.Op != expr.OpConst {
		class := "DATATYPE_MISMATCH.NON_FOLDABLE_INPUT"
		if n.Op == expr.OpCast && n.Args[0].Op == expr.OpConst {
			class = "CAST_INVALID_INPUT"
		}
		k.fail(e, class, "that argument of %s is a constant", k.name)
		return nil
	}
	return n.Const
}

func first(a, b *sql.Fault) *sql.Fault {
	if a != nil {
		return a
	}
	return b
}

func n0(n *expr.Node) string {
	if n == nil {
		return "of a type that it does not take"
	}
	return n.Type.String()
}

// typeOf is the type named t, or the array of it where n is an array.
func typeOf(pos sql.Pos, t string, n *expr.Node) sql.TypeName {
	typ := sql.TypeName{Pos: pos, Name: t}
	if n.Type.Kind == column.Array {
		return sql.TypeName{Pos: pos, Name: "ARRAY", Elem: &typ}
	}
	return typ
}

func (k *constantArgs) percentile(args []sql.Expr) []sql.Expr {
	if k.fault != nil || !k.arity(args, 2, 3) {
		return args
	}
	approximate := k.name == "percentile_approx" || k.name == "approx_percentile"
	points := k.value(args[1], "DOUBLE")
	switch {
	case points == nil:
		return args
	case points.IsNull(0):
		k.fail(args[1], "DATATYPE_MISMATCH.UNEXPECTED_NULL", "the point of %s is NULL", k.name)
		return args
	case points.Type.Kind == column.Array:
		k.made.Many = true
		for i := range points.Kids[0].Len() {
			if points.Kids[0].IsNull(i) {
				k.fail(args[1], "DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE", "a point of %s is NULL", k.name)
				return args
			}
			k.made.Points = append(k.made.Points, points.Kids[0].Float[i])
		}
	default:
		k.made.Points = []float64{points.Float[0]}
	}
	for _, p := range k.made.Points {
		if !(p >= 0 && p <= 1) {
			k.fail(args[1], "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "a point of %s is from 0 to 1, not %g", k.name, p)
		}
	}
	if !approximate {
		return append([]sql.Expr{args[0]}, args[2:]...)
	}
	accuracy := 10000.0
	if len(args) == 3 {
		v := k.value(args[2], "BIGINT")
		switch {
		case v == nil:
			return args
		case v.IsNull(0):
			k.fail(args[2], "DATATYPE_MISMATCH.UNEXPECTED_NULL", "the accuracy of %s is NULL", k.name)
		case v.Int[0] < 1 || v.Int[0] > 1<<31-1:
			k.fail(args[2], "DATATYPE_MISMATCH.VALUE_OUT_OF_RANGE", "the accuracy of %s is from 1 to 2147483647", k.name)
		}
		accuracy = float64(v.Int[0])
	}
	k.made.Error = 1 / accuracy
	return args[:1]
}

// distinct makes the value of approx_count_distinct its hash, which is NULL where it is.
func (k *constantArgs) distinct(args []sql.Expr) []sql.Expr {
	if !k.arity(args, 1, 2) {
		return args
	}
	if len(args) == 2 {
		const class = "_LEGACY_ERROR_TEMP_1104"
		lit, ok := args[1].(*sql.Literal)
		if !ok || lit.Kind != sql.LitDecimal && lit.Kind != sql.LitDouble {
			k.fail(args[1], class, "the deviation of %s is a number with a fraction, as 0.05", k.name)
			return args
		}
		v := k.value(args[1], "DOUBLE")
		if v == nil {
			return args
		}
		if k.made.Precision, ok = agg.Precision(v.Float[0]); !ok {
			k.fail(args[1], "FAILED_FUNCTION_CALL", "the deviation of %s is from 0.00109 to 0.39", k.name)
		}
	}
	pos := args[0].Position()
	return []sql.Expr{callOf("if", callOf("isnull", args[0]), &sql.Literal{Pos: pos, Kind: sql.LitNull}, callOf("xxhash64", args[0]))}
}

// delimiter reads listagg(x[, delimiter]), and puts the keys of its order behind x.
func (k *constantArgs) delimiter(args []sql.Expr) []sql.Expr {
	if !k.arity(args, 1, 2) {
		return args
	}
	if len(args) == 2 {
		v := k.value(args[1], "")
		switch {
		case v == nil:
			return args
		case v.Type.Kind == column.Void || v.IsNull(0):
		case !v.Type.UsesBytes():
			if v = k.value(args[1], "STRING"); v == nil {
				return args
			}
			fallthrough
		default:
			k.made.Delimiter = string(v.Bytes(0))
		}
		x, faults := k.s.b.session.binder(&k.s.from).Bind(args[0])
		if len(faults) == 0 && v.Type.Kind != column.Void && (x.Type.Kind == column.Binary) != (v.Type.Kind == column.Binary) {
			k.fail(args[1], "DATATYPE_MISMATCH.DATA_DIFF_TYPES", "the delimiter of %s is of the type of what it is between", k.name)
		}
		args = args[:1]
	}
	for _, o := range k.c.WithinGroup {
		if k.c.Distinct && sql.Format(o.Expr) != sql.Format(args[0]) {
			k.fail(o.Expr, "INVALID_WITHIN_GROUP_EXPRESSION.MISMATCH_WITH_DISTINCT_INPUT", "%s(DISTINCT x) orders by x alone", k.name)
		}
		order := agg.Order{Desc: o.Desc, NullsFirst: !o.Desc}
		if o.NullsFirst != nil {
			order.NullsFirst = *o.NullsFirst
		}
		k.made.Orders = append(k.made.Orders, order)
		args = append(args[:len(args):len(args)], o.Expr)
	}
	return args
}

// mode reads mode(x[, deterministic]).
func (k *constantArgs) mode(args []sql.Expr) []sql.Expr {
	if k.fault != nil || !k.arity(args, 1, 2) || len(args) == 1 {
		return args
	}
	v := k.value(args[1], "")
	switch {
	case v == nil:
		k.fault.Class = "NON_FOLDABLE_ARGUMENT"
	case v.Type.Kind == column.Void || v.IsNull(0):
		k.fail(args[1], "DATATYPE_MISMATCH.UNEXPECTED_NULL", "the second argument of mode is NULL")
	case v.Type.Kind != column.Bool:
		k.fail(args[1], "UNEXPECTED_INPUT_TYPE", "the second argument of mode is true or false")
	default:
		k.made.Least = v.Int[0] == 1
	}
	return args[:1]
}
