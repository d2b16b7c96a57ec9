package harness

import (
	"context"
	"flag"
	"time"
)

// keepTime is how long the keeping of a failed test's state may take.
const keepTime = 10 * time.Second

// keep leaves the state of the pipeline of a test that failed.
func (e *Env) keep() {
	ctx, cancel := context.WithTimeout(context.Background(), keepTime)
	defer cancel()
	dir := e.t.ArtifactDir()
	if err := e.stack.Keep(ctx, dir); err != nil {
		e.t.Logf("keep the state of the pipeline: %v", err)
		return
	}
	if f := flag.Lookup("test.artifacts"); f == nil || f.Value.String() != "true" {
		e.t.Log("to keep the tables, the ledger and the last events of this pipeline, run go test with -artifacts")
		return
	}
	e.t.Logf("the tables, the ledger and the last events of this pipeline are in %s", dir)
}
