package engine

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/agg"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
)

// CheckQuery binds a SELECT as Query does and runs nothing: it gives the columns, or all faults with their places.
func (e *Engine) CheckQuery(ctx context.Context, text string) (column.Schema, sql.Faults, error) {
	a, _, err := e.bind(ctx, plan.Ask(text))
	var faults sql.Faults
	if errors.As(err, &faults) {
		return column.Schema{}, faults, nil
	}
	if err != nil || a.Root == nil {
		return column.Schema{}, nil, err
	}
	return schemaOf(a.Root.Columns()), nil, nil
}

// A NamedDataset is something that a query can name.
type NamedDataset struct {
	Name   string
	Kind   string // "streaming table", "materialized view", "topic", "kept": TABLE$late and TOPIC$invalid, "open": TABLE$open
	Schema column.Schema
	Key    []string // of a table of windows: the columns that name a row
}

// QueryNames is what a query can name: tables and views in order of definition, then topics that are read, what is
// kept of late and invalid rows, and open rows. Topics that nobody reads can be named as well and are not listed.
func (e *Engine) QueryNames() []NamedDataset {
	var all []NamedDataset
	for _, d := range e.opt.Pipeline.Datasets {
		switch d.Kind {
		case plan.StreamingTable:
			all = append(all, NamedDataset{d.Name, "streaming table", d.Schema, e.keyOf(d.Name)})
		case plan.MaterializedView:
			all = append(all, NamedDataset{Name: d.Name, Kind: "materialized view", Schema: d.Schema})
		}
	}
	for _, d := range e.systemDatasets() {
		kind := "topic"
		switch {
		case strings.HasSuffix(d.Name, openSuffix):
			kind = "open"
		case e.keptRows(d.Name) != nil:
			kind = "kept"
		}
		all = append(all, NamedDataset{Name: d.Name, Kind: kind, Schema: d.Schema})
	}
	slices.SortStableFunc(all, func(a, b NamedDataset) int { return order(a.Kind) - order(b.Kind) })
	return all
}

// keyOf is the columns of a table of windows that are made of its grouping columns alone.
func (e *Engine) keyOf(table string) (key []string) {
	for _, op := range e.windowed(table) {
		for i, out := range op.Out {
			grouped, any := true, false
			out.Rewrite(func(n *expr.Node) *expr.Node {
				if n.Op == expr.OpColumn {
					grouped, any = grouped && n.Index < len(op.Agg.Keys), true
				}
				return n
			})
			if grouped && any && !slices.Contains(key, op.Cols[i].Name) {
				key = append(key, op.Cols[i].Name)
			}
		}
	}
	return key
}

func order(kind string) int {
	return slices.Index([]string{"streaming table", "materialized view", "topic", "kept", "open"}, kind)
}

// FunctionNames is the functions that a query can call, sorted.
func FunctionNames() []string {
	names := append(expr.FunctionNames(), agg.Names()...)
	names = append(names, plan.RankingNames()...)
	slices.Sort(names)
	return slices.Compact(names)
}
