package engine

import (
	"context"
	"errors"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
)

// Query runs a SELECT over tables, views and topics and hands the rows to emit, batch by batch.
func (e *Engine) Query(ctx context.Context, text string, emit func(*column.Batch) error) error {
	return errors.New("queries are not in yet")
}

func (e *Engine) runBatch(ctx context.Context, root plan.Node, visit func(*column.Batch) error) error {
	return errors.New("views are not in yet")
}
