package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// A memoryTable is a dataset of a test: rows of integers and strings, nil for NULL.
type memoryTable struct {
	dataset *plan.Dataset
	rows    [][]any
}

func table(name, columns string, rows ...[]any) memoryTable {
	t := memoryTable{dataset: &plan.Dataset{Kind: plan.System, Name: name, EventTime: -1}, rows: rows}
	for _, c := range strings.Fields(columns) {
		field, typ, _ := strings.Cut(c, ":")
		kind := map[string]column.Kind{"int": column.Int32, "bigint": column.Int64, "string": column.String, "timestamp": column.Timestamp, "double": column.Float64}[typ]
		t.dataset.Schema.Fields = append(t.dataset.Schema.Fields, column.Field{Name: field, Type: column.Of(kind)})
	}
	return t
}

// memoryInput reads a table in batches of size rows, each with a row in front that is not alive.
type memoryInput struct {
	table memoryTable
	size  int
	at    int
	batch column.Batch
	done  *int // counts what was read and closed
}

func (m *memoryInput) Next(context.Context) (*column.Batch, error) {
	if m.at == len(m.table.rows) {
		return nil, io.EOF
	}
	m.batch.Reset(&m.table.dataset.Schema)
	m.appendRow(nil)
	for n := 0; n < m.size && m.at < len(m.table.rows); n++ {
		m.appendRow(m.table.rows[m.at])
		m.at++
	}
	m.batch.SelectAll()
	m.batch.Sel = m.batch.Sel[1:]
	return &m.batch, nil
}

func (m *memoryInput) appendRow(row []any) {
	for c := range m.batch.Cols {
		v := &m.batch.Cols[c]
		if row == nil {
			v.AppendNull()
			continue
		}
		switch x := row[c].(type) {
		case nil:
			v.AppendNull()
		case int:
			v.AppendInt(int64(x))
		case float64:
			v.AppendFloat(x)
		case string:
			v.AppendString(x)
		}
	}
	m.batch.Len++
}

func (m *memoryInput) Close() error {
	if m.done != nil {
		*m.done++
	}
	return nil
}

// query runs a query over tables whose batches have size rows; each row of the answer is its values with
// commas between.
func query(text string, size int, tables ...memoryTable) ([]string, error) {
	var datasets []*plan.Dataset
	for _, t := range tables {
		datasets = append(datasets, t.dataset)
	}
	root, faults := plan.BindQuery(nil, text, datasets)
	if len(faults) > 0 {
		return nil, faults
	}
	open := func(d *plan.Dataset) (Input, error) {
		for _, t := range tables {
			if t.dataset == d {
				return &memoryInput{table: t, size: size}, nil
			}
		}
		return nil, fmt.Errorf("there is no %s", d.Name)
	}
	rows := []string{}
	err := Run(context.Background(), root, open, expr.Env{Zone: time.UTC}, func(b *column.Batch) error {
		if len(b.Sel) != b.Len {
			return errors.New("a row is not alive")
		}
		for i := 0; i < b.Len; i++ {
			var cells []string
			for c := range b.Cols {
				cells = append(cells, show(&b.Cols[c], i))
			}
			rows = append(rows, strings.Join(cells, ","))
		}
		return nil
	})
	return rows, err
}

// sizes are the batch sizes that every query is run with: the answer must not depend on it.
var sizes = []int{1, 3, 1000}

func answer(t *testing.T, text string, tables ...memoryTable) []string {
	t.Helper()
	var first []string
	for i, size := range sizes {
		rows, err := query(text, size, tables...)
		if err != nil {
			t.Fatalf("%s\n%v", text, err)
		}
		if i == 0 {
			first = rows
		} else if strings.Join(rows, "\n") != strings.Join(first, "\n") {
			t.Fatalf("%s: batches of %d rows give\n%v\nbatches of %d\n%v", text, size, rows, sizes[0], first)
		}
	}
	return first
}
