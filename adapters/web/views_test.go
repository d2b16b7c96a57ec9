package web

import (
	"github.com/nagare-stream/nagare/engine/plan"
)

// fakeViews is what views ask of a pipeline that the test makes.
type fakeViews struct {
	pipeline *plan.Pipeline
	flow     Flow
}

func (b *fakeViews) Pipeline() *plan.Pipeline { return b.pipeline }
func (b *fakeViews) Flow() Flow               { return b.flow }
