package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/node"
)

// Rows is rows as texts, those of CSV without its quotes.
type Rows struct {
	Columns []Column
	Rows    [][]*string // nil: NULL
}

// A Column is the name and the type of a column, as Spark writes it: "bigint", "decimal(10,2)".
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Table settles and returns the final rows of a table, view, topic or kept rows, in their order.
func (s *Stack) Table(ctx context.Context, name string) (*Rows, error) {
	return s.rows(ctx, func(ctx context.Context, n *node.Node, w io.Writer) error {
		return n.Table(ctx, w, web.TableRequest{Name: s.Project.topic(name), Limit: -1, Format: "cells"})
	})
}

// Query settles and returns the rows of a SELECT.
func (s *Stack) Query(ctx context.Context, text string) (*Rows, error) {
	return s.rows(ctx, func(ctx context.Context, n *node.Node, w io.Writer) error {
		return n.Query(ctx, w, text, "cells")
	})
}

// CSV settles and returns a table as Table does, as a file of CSV has it.
func (s *Stack) CSV(ctx context.Context, name string) (text []byte, err error) {
	err = s.read(ctx, func(ctx context.Context, n *node.Node) error {
		text, err = n.TableFile(ctx, s.Project.topic(name))
		return err
	})
	return text, err
}

// Records settles and returns what a topic holds, partition by partition.
func (s *Stack) Records(ctx context.Context, topic string) (all []node.Record, err error) {
	err = s.read(ctx, func(ctx context.Context, n *node.Node) error {
		all, err = n.Records(ctx, s.Project.topic(topic))
		return err
	})
	return all, err
}

// Ledger settles and returns what became of every row.
func (s *Stack) Ledger(ctx context.Context) (l ledger.Ledger, err error) {
	err = s.read(ctx, func(_ context.Context, n *node.Node) error { l = n.Status().Ledger; return nil })
	for name, real := range s.Project.topics { // the ledger is a copy
		for _, counts := range append(slices.Collect(maps.Values(l.Tables)), l.Topics) {
			if c, ok := counts[real]; ok {
				counts[name] = c
				delete(counts, real)
			}
		}
	}
	return l, err
}

func (s *Stack) read(ctx context.Context, do func(ctx context.Context, n *node.Node) error) error {
	if err := s.Settle(ctx); err != nil {
		return err
	}
	return s.within(ctx, func(ctx context.Context, l *life) error { return do(ctx, l.node) })
}

func (s *Stack) rows(ctx context.Context, write func(ctx context.Context, n *node.Node, w io.Writer) error) (*Rows, error) {
	var text bytes.Buffer
	if err := s.read(ctx, func(ctx context.Context, n *node.Node) error { return write(ctx, n, &text) }); err != nil {
		return nil, err
	}
	return parseCells(&text)
}

// parseCells reads the form of rows that keeps NULL, empty strings and types apart: a line with the
// columns, then an array of texts a row.
func parseCells(text io.Reader) (*Rows, error) {
	dec := json.NewDecoder(text)
	var head struct{ Columns []Column }
	if err := dec.Decode(&head); err != nil {
		return nil, fmt.Errorf("read the columns of rows: %w", err)
	}
	r := &Rows{Columns: head.Columns}
	for dec.More() {
		var row []*string
		if err := dec.Decode(&row); err != nil {
			return nil, fmt.Errorf("read row %d: %w", len(r.Rows), err)
		}
		r.Rows = append(r.Rows, row)
	}
	return r, nil
}
