package web

import "github.com/nagare-stream/nagare/engine/plan"

// ViewBackend is what single views of the page ask for, beside what everybody asks.
type ViewBackend interface {
	// Pipeline is the project that runs, or by which the folder is looked into.
	Pipeline() *plan.Pipeline
	// Flow is what went through it in the last seconds.
	Flow() Flow
}
