package plan

import (
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// meaning tells sql.ColumnName what the names and literals of a SELECT list are. It looks at columns and at
// constants only: binding more would enter aggregates and subqueries.
type meaning struct{ s *selecting }

// outputName is what a column of the SELECT list is called.
func (s *selecting) outputName(it sql.SelectItem) string {
	if it.Alias != nil {
		return it.Alias.Name
	}
	return sql.ColumnName(it.Expr, meaning{s})
}

func (m meaning) Column(e *sql.Name) (string, bool) {
	parts := e.Parts
	node, taken, _ := m.resolve(parts)
	switch {
	case node == nil && m.isAlias(parts[0].Name):
		return "lateralAliasReference(" + parts[len(parts)-1].Name + ")", len(parts) > 1 || !m.top(e)
	case node == nil:
		return "", false
	}
	return joinParts(parts[taken-1:]), true
}

// top reports a name that is a whole item of the list.
func (m meaning) top(e *sql.Name) bool {
	for _, it := range m.s.body.Items {
		if it.Expr == sql.Expr(e) {
			return true
		}
	}
	return false
}

func (m meaning) resolve(parts []sql.Ident) (*expr.Node, int, *sql.Fault) {
	from := m.s.from
	if from.outer != nil { // to name something is no use of it
		from.outer = &correlation{scope: from.outer.scope}
	}
	return from.Resolve(parts)
}

func (m meaning) isAlias(name string) bool {
	for _, it := range m.s.body.Items {
		if it.Alias != nil && strings.EqualFold(it.Alias.Name, name) {
			return true
		}
	}
	return false
}

func joinParts(parts []sql.Ident) string {
	names := make([]string, len(parts))
	for i, part := range parts {
		names[i] = part.Name
	}
	return strings.Join(names, ".")
}

func (m meaning) Constant(e sql.Expr) string {
	eb := m.s.b.session.binder(&scope{})
	n, faults := eb.Bind(e)
	if len(faults) > 0 || n.Op != expr.OpConst || n.Const.IsNull(0) {
		return sql.Format(e)
	}
	zone := eb.Zone
	if zone == nil {
		zone = time.UTC
	}
	text := string(codec.AppendValueText(nil, n.Const, 0, zone))
	switch n.Type.Kind {
	case column.Date:
		return "DATE '" + text + "'"
	case column.Timestamp:
		return "TIMESTAMP '" + text + "'"
	case column.TimestampNTZ:
		return "TIMESTAMP_NTZ '" + text + "'"
	}
	return text
}

func (m meaning) Type(e sql.Expr) string {
	switch e := e.(type) {
	case *sql.Name:
		if n, taken, _ := m.resolve(e.Parts); n != nil && taken == len(e.Parts) {
			return n.Type.String()
		}
	case *sql.Literal, *sql.Interval:
		eb := m.s.b.session.binder(&scope{})
		if n, faults := eb.Bind(e); len(faults) == 0 {
			return n.Type.String()
		}
	case *sql.Cast:
		return strings.ToLower(e.Type.Name)
	}
	return ""
}
