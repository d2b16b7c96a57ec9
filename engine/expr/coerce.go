package expr

import "github.com/nagare-stream/nagare/engine/column"

// The rules of Spark's AnsiTypeCoercion: which type two operands meet in, and what a parameter takes.

// asDecimal is the DECIMAL that holds every value of a number's type.
func asDecimal(t column.Type) column.Type {
	switch t.Kind {
	case column.Int8:
		return column.DecimalOf(3, 0)
	case column.Int16:
		return column.DecimalOf(5, 0)
	case column.Int32:
		return column.DecimalOf(10, 0)
	case column.Int64:
		return column.DecimalOf(20, 0)
	case column.Float32:
		return column.DecimalOf(14, 7)
	case column.Float64:
		return column.DecimalOf(30, 15)
	}
	return t
}

// tightest is the type that holds both types without loss, if there is one.
func tightest(a, b column.Type) (column.Type, bool) {
	switch {
	case a.Equal(b):
		return a, true
	case a.Kind == column.Void:
		return b, true
	case b.Kind == column.Void:
		return a, true
	case a.IsInteger() && b.Kind == column.Decimal && wider(b, asDecimal(a)):
		return b, true
	case b.IsInteger() && a.Kind == column.Decimal && wider(a, asDecimal(b)):
		return a, true
	case a.IsNumeric() && b.IsNumeric() && a.Kind != column.Decimal && b.Kind != column.Decimal:
		k := max(a.Kind, b.Kind)
		if k == column.Float32 { // an integer and a FLOAT: DOUBLE loses less
			k = column.Float64
		}
		return column.Of(k), true
	case isDatetime(a) && isDatetime(b):
		if a.Kind == column.Timestamp || b.Kind == column.Timestamp {
			return column.Of(column.Timestamp), true
		}
		return column.Of(column.TimestampNTZ), true
	case isInterval(a) && a.Kind == b.Kind:
		a.From, a.To = min(a.From, b.From), max(a.To, b.To)
		return a, true
	}
	return both(a, b, tightest)
}

func isDatetime(t column.Type) bool {
	return t.Kind == column.Date || t.Kind == column.Timestamp || t.Kind == column.TimestampNTZ
}

func isInterval(t column.Type) bool { return t.Kind == column.DayTime || t.Kind == column.YearMonth }

func isNested(t column.Type) bool { return t.Kind >= column.Struct }

// wider reports that DECIMAL a holds every value of DECIMAL b.
func wider(a, b column.Type) bool {
	return a.Precision-a.Scale >= b.Precision-b.Scale && a.Scale >= b.Scale
}

// both joins the parts of two nested types of one kind by rule.
func both(a, b column.Type, rule func(a, b column.Type) (column.Type, bool)) (column.Type, bool) {
	if a.Kind != b.Kind || !isNested(a) || len(a.Fields) != len(b.Fields) {
		return column.Type{}, false
	}
	out := column.Type{Kind: a.Kind}
	for i := range a.Fields {
		t, ok := rule(a.Fields[i].Type, b.Fields[i].Type)
		if !ok || !sameName(a.Fields[i].Name, b.Fields[i].Name) {
			return out, false
		}
		out.Fields = append(out.Fields, column.Field{Name: a.Fields[i].Name, Type: t})
	}
	if a.Elem != nil {
		t, ok := rule(*a.Elem, *b.Elem)
		if !ok {
			return out, false
		}
		out.Elem = &t
	}
	if a.Key != nil {
		t, ok := rule(*a.Key, *b.Key)
		if !ok {
			return out, false
		}
		out.Key = &t
	}
	return out, true
}

// Widest is the type that values of both types fit into as they are, texts only with texts.
func Widest(a, b column.Type) (column.Type, bool) { return widest(a, b) }

// widest is common without texts, which keep apart from what is no text.
func widest(a, b column.Type) (column.Type, bool) {
	if (a.Kind == column.String) != (b.Kind == column.String) && a.Kind != column.Void && b.Kind != column.Void {
		return column.Type{}, false
	}
	if t, ok := both(a, b, widest); ok {
		return t, true
	}
	if isNested(a) || isNested(b) {
		return tightest(a, b)
	}
	return common(a, b)
}

// common is the type in which values of both types are kept together: CASE, coalesce, IN, greatest.
func common(a, b column.Type) (column.Type, bool) {
	if t, ok := tightest(a, b); ok {
		return t, true
	}
	if a.IsNumeric() && b.IsNumeric() { // one of them is a DECIMAL
		if a.UsesFloat() || b.UsesFloat() {
			return column.Of(column.Float64), true
		}
		x, y := asDecimal(a), asDecimal(b)
		scale := max(x.Scale, y.Scale)
		whole := max(x.Precision-x.Scale, y.Precision-y.Scale)
		return bounded(int(whole)+int(scale), int(scale)), true
	}
	if t, ok := withText(a, b); ok {
		return t, true
	}
	if t, ok := withText(b, a); ok {
		return t, true
	}
	return both(a, b, common)
}

// bounded is DECIMAL(p,s) within 38 digits, keeping the digits before the point.
func bounded(p, s int) column.Type {
	if p <= maxPrecision {
		return column.DecimalOf(p, s)
	}
	whole := p - s
	return column.DecimalOf(maxPrecision, max(0, min(s, maxPrecision-whole)))
}

// withText is the type in which a STRING meets another type.
func withText(text, other column.Type) (column.Type, bool) {
	switch {
	case text.Kind != column.String || isNested(other) || isInterval(other):
		return column.Type{}, false
	case other.IsInteger():
		return column.Of(column.Int64), true
	case other.IsNumeric():
		return column.Of(column.Float64), true
	}
	return other, true
}

// commonOf is common of several types; false names none.
func commonOf(nodes []*Node) (column.Type, bool) { return joined(nodes, common) }

func joined(nodes []*Node, rule func(a, b column.Type) (column.Type, bool)) (column.Type, bool) {
	var t column.Type
	for i, n := range nodes {
		if i == 0 {
			t = n.Type
			continue
		}
		var ok bool
		if t, ok = rule(t, n.Type); !ok {
			return t, false
		}
	}
	return t, true
}

// implicit reports whether an argument of one type is cast to a parameter's type by itself.
func implicit(from, to column.Type) bool {
	switch {
	case from.Equal(to), from.Kind == column.Void:
		return true
	case isNested(from) || isNested(to):
		if from.Kind == column.Array && to.Kind == column.Array {
			return implicit(*from.Elem, *to.Elem)
		}
		return false
	case from.Kind == column.String, to.Kind == column.String:
		return true
	case from.IsNumeric() && to.IsNumeric():
		return true
	case isInterval(from) && from.Kind == to.Kind:
		return true
	}
	return isDatetime(from) && isDatetime(to)
}

// castTo is n as type t.
func castTo(n *Node, t column.Type) *Node {
	if n.Type.Equal(t) {
		return n
	}
	if n.Op == OpConst && n.Type.Kind == column.Void {
		return nullOf(t, n)
	}
	return &Node{Op: OpCast, Type: t, Args: []*Node{n}, Pos: n.Pos}
}

// nullOf is a NULL of type t at the place of n.
func nullOf(t column.Type, n *Node) *Node {
	v := &column.Vector{}
	v.Reset(t)
	if t.Kind == column.Void {
		v.SetNull(0)
	} else {
		v.AppendNull()
	}
	return &Node{Op: OpConst, Type: t, Const: v, Pos: n.Pos}
}

// legalCast reports whether CAST allows it, else Spark's class of the fault.
func legalCast(from, to column.Type) (class string) {
	const without = "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"
	const byFunction = "DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION"
	const byConf = "DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION"
	switch {
	case from.Equal(to), from.Kind == column.Void:
		return ""
	case isNested(to) && isNested(from):
		return nestedCast(from, to)
	case isNested(to):
		return without
	case to.Kind == column.String:
		return ""
	case isNested(from), to.Kind == column.Void:
		return without
	case from.Kind == column.String:
		return ""
	case from.IsNumeric() && to.IsNumeric(),
		from.IsNumeric() && to.Kind == column.Bool, from.Kind == column.Bool && to.IsNumeric(),
		from.IsNumeric() && to.Kind == column.Timestamp, from.Kind == column.Timestamp && to.IsNumeric(),
		isDatetime(from) && isDatetime(to),
		isInterval(from) && from.Kind == to.Kind,
		isInterval(from) && (to.IsInteger() || to.Kind == column.Decimal),
		isInterval(to) && (from.IsInteger() || from.Kind == column.Decimal):
		return ""
	case from.IsNumeric() && to.Kind == column.Date, from.Kind == column.Date && to.IsNumeric():
		return byFunction
	case from.IsInteger() && to.Kind == column.Binary,
		from.Kind == column.Bool && to.Kind == column.Timestamp, isDatetime(from) && to.Kind == column.Bool:
		return byConf
	}
	return without
}

func nestedCast(from, to column.Type) string {
	const without = "DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"
	if from.Kind != to.Kind || len(from.Fields) != len(to.Fields) {
		return without
	}
	for i := range from.Fields {
		if class := legalCast(from.Fields[i].Type, to.Fields[i].Type); class != "" {
			return class
		}
	}
	if from.Elem != nil {
		if class := legalCast(*from.Elem, *to.Elem); class != "" {
			return class
		}
	}
	if from.Key != nil {
		return legalCast(*from.Key, *to.Key)
	}
	return ""
}
