package plan

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/model"
	"github.com/nagare-stream/nagare/engine/sql"
)

// modelByName binds a call of a model's function whose model is named: the name stands for a subquery that reads the
// newest model of that name from topic system-models. nil without a fault: no model is named there.
func (s *selecting) modelByName(eb *expr.Binder, c *sql.Call, function string) (*expr.Node, *sql.Fault) {
	if !expr.IsModelFunction(function) || len(c.Args) == 0 {
		return nil, nil
	}
	name, ok := c.Args[0].(*sql.Literal)
	if !ok || name.Kind != sql.LitString || strings.HasPrefix(strings.TrimSpace(name.Text), "{") {
		return nil, nil
	}
	if streams(s.in) {
		f := notYet(name.Pos, "a model by its name on a stream")
		f.Hint = "call " + function + " in a query or a materialized view"
		return nil, f
	}
	if s.b.r.byName[model.Topic] == nil {
		f := &sql.Fault{Pos: name.Pos, Class: "TABLE_OR_VIEW_NOT_FOUND",
			Message: fmt.Sprintf("there is no model %q, since there is no topic %s", name.Text, model.Topic),
			Hint:    fmt.Sprintf("`nagare model fit %s` makes it", name.Text)}
		if !s.b.r.adhoc {
			f.Hint = fmt.Sprintf("declare source.%[1]s.format: kafka and source.%[1]s.option.subscribe: %[1]s", model.Topic)
		}
		return nil, f
	}
	text := func(s string) string { return sql.Format(&sql.Literal{Kind: sql.LitString, Text: s}) }
	newest, faults := sql.ParseExpr("model", fmt.Sprintf("(SELECT coalesce(max_by(CAST(value AS STRING), struct(timestamp, partition, `offset`)), raise_error(%s)) "+
		"FROM `%s` WHERE get_json_object(CAST(value AS STRING), '$.name') = %s)",
		text(fmt.Sprintf("there is no model %s; nagare model fit makes it", name.Text)), model.Topic, text(name.Text)))
	if len(faults) > 0 {
		return nil, &sql.Fault{Pos: name.Pos, Message: fmt.Sprintf("%q cannot be the name of a model", name.Text)}
	}
	named := *c
	named.Args = append([]sql.Expr{newest}, c.Args[1:]...)
	n, faults := eb.Bind(&named)
	if len(faults) > 0 {
		return nil, &faults[0]
	}
	return n, nil
}
