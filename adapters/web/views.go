package web

import (
	"context"

	"github.com/nagare-stream/nagare/engine/plan"
)

// ViewBackend is what single views of the page ask for, beside what everybody asks.
type ViewBackend interface {
	queryChecker
	// Pipeline is the project that runs, or by which the folder is looked into.
	Pipeline() *plan.Pipeline
	// ExplainRow finds the one row of a table that has the values of key, and where it comes from.
	ExplainRow(ctx context.Context, table string, key []ColumnValue) (*RowExplanation, error)
	// Resend appends kept records to their topic again, or tells how many it would.
	Resend(ctx context.Context, r ResendRequest) (Resent, error)
	// Flow is what went through it in the last seconds.
	Flow() Flow
}
