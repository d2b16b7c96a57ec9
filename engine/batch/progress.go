package batch

import (
	"context"
	"sync/atomic"
)

// Progress is how far a query has come with reading. It may be looked at while the query runs.
type Progress struct{ read, all atomic.Int64 }

type progressKey struct{}

// Observe gives a context in which a query tells its progress.
func Observe(ctx context.Context, p *Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, p)
}

// Expect tells that a query is going to read n rows more.
func Expect(ctx context.Context, n int64) {
	if p, ok := ctx.Value(progressKey{}).(*Progress); ok {
		p.all.Add(n)
	}
}

// Observed reports whether anybody looks at the progress of a query.
func Observed(ctx context.Context) bool { return ctx.Value(progressKey{}) != nil }

// Read tells that a query has read n rows.
func Read(ctx context.Context, n int64) {
	if p, ok := ctx.Value(progressKey{}).(*Progress); ok {
		p.read.Add(n)
	}
}

// Rows is how many rows were read, and how many there are in what has been begun: fewer than were read where that is
// not known before.
func (p *Progress) Rows() (read, all int64) { return p.read.Load(), p.all.Load() }
