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
	root, _, err := e.bind(ctx, text)
	var faults sql.Faults
	if errors.As(err, &faults) {
		return column.Schema{}, faults, nil
	}
	if err != nil {
		return column.Schema{}, nil, err
	}
	return schemaOf(root.Columns()), nil, nil
}

// A NamedDataset is something that a query can name.
type NamedDataset struct {
	Name   string
	Kind   string // "streaming table", "materialized view", "topic", "kept": TABLE$late and TOPIC$invalid, "open": TABLE$open
	Schema column.Schema
}

// QueryNames is what a query can name: tables and views in order of definition, then topics that are read, what is
// kept of late and invalid rows, and open rows. Topics that nobody reads can be named as well and are not listed.
func (e *Engine) QueryNames() []NamedDataset {
	var all []NamedDataset
	for _, d := range e.opt.Pipeline.Datasets {
		switch d.Kind {
		case plan.StreamingTable:
			all = append(all, NamedDataset{d.Name, "streaming table", d.Schema})
		case plan.MaterializedView:
			all = append(all, NamedDataset{d.Name, "materialized view", d.Schema})
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
		all = append(all, NamedDataset{d.Name, kind, d.Schema})
	}
	slices.SortStableFunc(all, func(a, b NamedDataset) int { return order(a.Kind) - order(b.Kind) })
	return all
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
