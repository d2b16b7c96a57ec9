package engine

import (
	"context"

	"github.com/nagare-stream/nagare/engine/column"
)

// An Engine runs one pipeline. Open it, Run it, Close it.
type Engine struct {
	opt Options
}

// Open builds the dataflow and loads the newest checkpoint. Nothing is read or written yet.
func Open(ctx context.Context, opt Options) (*Engine, error) { return &Engine{opt: opt}, nil }

// Run reads, computes and delivers until ctx ends (it then drains and takes a last checkpoint and
// returns nil), all sources have ended (Options.Once), or something cannot be mended.
func (e *Engine) Run(ctx context.Context) error { return nil }

// Close lets go of readers, sinks and the store.
func (e *Engine) Close() error { return nil }

// Status is the engine at this moment.
func (e *Engine) Status() Status { return Status{} }

// Table returns a table's or view's rows, those of open windows too if asked, sorted by the
// grouping columns (else by partition and offset); limit < 0: all; else the newest.
func (e *Engine) Table(ctx context.Context, name string, open bool, limit int) (*RowSet, error) {
	return nil, nil
}

// Query runs a SELECT over tables, views and topics and hands the rows to emit, batch by batch.
func (e *Engine) Query(ctx context.Context, text string, emit func(*column.Batch) error) error {
	return nil
}

// Explain is the plan of a table and why its oldest window is still open.
func (e *Engine) Explain(table string) (string, error) { return "", nil }

// Watch returns a channel that gets a value after each checkpoint that changed something, and a
// function that ends it.
func (e *Engine) Watch() (<-chan struct{}, func()) { return nil, func() {} }
