package node

import (
	"context"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/column"
)

// Cells is rows as texts, as a terminal shows them.
type Cells struct {
	Names []string
	Types []string
	Rows  [][]*string // nil: NULL
	Open  []bool      // by row: its window is open; nil: all are final
}

// Cells reads a table, view or kept rows. Limit and Open are as in Table, Format is not looked at.
func (n *Node) Cells(ctx context.Context, r web.TableRequest) (*Cells, error) {
	var set *engine.RowSet
	err := n.answered("read "+r.Name, func() (err error) {
		set, err = n.rows(ctx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	c := &Cells{Open: set.Open}
	for _, f := range set.Schema.Fields {
		c.Names = append(c.Names, f.Name)
		c.Types = append(c.Types, f.Type.String())
	}
	for i := range set.Batch.Len {
		c.Rows = append(c.Rows, rowCells(set.Batch.Cols, i))
	}
	return c, nil
}

// rowCells is the texts of a row.
func rowCells(cols []column.Vector, i int) []*string {
	row := make([]*string, len(cols))
	var text []byte
	for k := range cols {
		v := &cols[k]
		if v.Type.Kind == column.Void || v.IsNull(i) {
			continue
		}
		if v.Type.UsesBytes() {
			text = append(text[:0], v.Bytes(i)...)
		} else {
			text = appendCell(text[:0], v, i)
		}
		cell := string(text)
		row[k] = &cell
	}
	return row
}
