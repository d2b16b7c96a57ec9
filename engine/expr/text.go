package expr

import (
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// Key is a text that is equal for two nodes exactly when they are the same expression: columns by
// number, constants by type and value, everything by type. Names and places do not count.
func (n *Node) Key() string { return string(n.appendKey(nil)) }

func (n *Node) appendKey(dst []byte) []byte {
	switch n.Op {
	case OpColumn:
		dst = strconv.AppendInt(append(dst, '#'), int64(n.Index), 10)
		return append(dst, n.keyType()...)
	case OpConst:
		return n.appendConstKey(dst)
	case OpField:
		dst = n.Args[0].appendKey(dst)
		return strconv.AppendInt(append(dst, '.'), int64(n.Index), 10)
	}
	dst = append(dst, n.keyName()...)
	if n.Op == OpCall && (n.Func == varFunc || n.Func == lambdaFunc) {
		dst = strconv.AppendInt(append(dst, ' '), int64(n.Index), 10)
	}
	dst = append(dst, '(')
	for i, a := range n.Args {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = a.appendKey(dst)
	}
	return append(append(dst, ')'), n.keyType()...)
}

func (n *Node) keyType() string { return ":" + n.Type.String() }

func (n *Node) keyName() string {
	switch n.Op {
	case OpCast:
		return "cast"
	case OpTryCast:
		return "try_cast"
	case OpCase:
		return "case"
	case OpAnd:
		return "and"
	case OpOr:
		return "or"
	case OpCoalesce:
		return "coalesce"
	}
	return n.Func
}

func (n *Node) appendConstKey(dst []byte) []byte {
	if n.Type.Kind == column.Void || n.Const.IsNull(0) {
		return append(append(dst, "NULL"...), n.keyType()...)
	}
	var value []byte
	switch {
	case n.Type.UsesBytes():
		value = n.Const.Bytes(0)
	case n.Type.UsesFloat():
		value = strconv.AppendFloat(nil, n.Const.Float[0], 'g', -1, 64)
	default:
		value = codec.AppendRow(nil, []column.Vector{*n.Const}, 0)
	}
	return append(strconv.AppendQuote(dst, string(value)), n.keyType()...)
}

// String is the node as SQL, for explain and messages.
func (n *Node) String() string {
	switch n.Op {
	case OpColumn:
		return n.Name
	case OpConst:
		return n.constText()
	case OpField:
		return n.Args[0].String() + "." + n.Name
	case OpCast:
		return "CAST(" + n.Args[0].String() + " AS " + strings.ToUpper(n.Type.String()) + ")"
	case OpTryCast:
		return "TRY_CAST(" + n.Args[0].String() + " AS " + strings.ToUpper(n.Type.String()) + ")"
	case OpCase:
		return n.caseText()
	case OpAnd:
		return "(" + n.Args[0].String() + " AND " + n.Args[1].String() + ")"
	case OpOr:
		return "(" + n.Args[0].String() + " OR " + n.Args[1].String() + ")"
	}
	return n.callText()
}

func (n *Node) constText() string {
	if n.Type.Kind == column.Void || n.Const.IsNull(0) {
		return "NULL"
	}
	text := string(codec.AppendValueText(nil, n.Const, 0, nil))
	switch n.Type.Kind {
	case column.String:
		return "'" + strings.ReplaceAll(text, "'", `\'`) + "'"
	case column.Binary:
		return "X'" + strings.ToUpper(hexText(n.Const.Bytes(0))) + "'"
	case column.Date, column.Timestamp, column.TimestampNTZ:
		return strings.ToUpper(n.Type.String()) + "'" + text + "'"
	}
	return text
}

func hexText(b []byte) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for _, c := range b {
		out.WriteByte(digits[c>>4])
		out.WriteByte(digits[c&15])
	}
	return out.String()
}

func (n *Node) caseText() string {
	var out strings.Builder
	out.WriteString("CASE")
	for i := 0; i+1 < len(n.Args); i += 2 {
		out.WriteString(" WHEN " + n.Args[i].String() + " THEN " + n.Args[i+1].String())
	}
	out.WriteString(" ELSE " + n.Args[len(n.Args)-1].String() + " END")
	return out.String()
}

func (n *Node) callText() string {
	args := make([]string, len(n.Args))
	for i, a := range n.Args {
		args[i] = a.String()
	}
	switch {
	case n.Op == OpCoalesce:
		return "coalesce(" + strings.Join(args, ", ") + ")"
	case n.Func == varFunc:
		return n.Name
	case n.Func == lambdaFunc:
		return n.Name + " -> " + args[0]
	case n.Func == "isnull":
		return "(" + args[0] + " IS NULL)"
	case n.Func == "isnotnull":
		return "(" + args[0] + " IS NOT NULL)"
	case n.Func == "in":
		return "(" + args[0] + " IN (" + strings.Join(args[1:], ", ") + "))"
	case n.Func == "time plus micros", n.Func == "time plus months":
		return "(" + args[0] + " + " + args[1] + ")"
	case len(args) == 2 && (n.Func == "div" || n.Func == "rlike" || n.Func[0] < 'a'):
		return "(" + args[0] + " " + n.Func + " " + args[1] + ")"
	}
	return n.Func + "(" + strings.Join(args, ", ") + ")"
}
