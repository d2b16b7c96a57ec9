package harness

import "context"

// SinkFault is how a sink fails.
type SinkFault int

// The ways in which a sink fails.
const (
	// Unreachable: nothing is written.
	Unreachable SinkFault = iota
	// AnswerLost: the rows are written, and the pipeline hears of an error, so that it writes them again.
	AnswerLost
)

// FailSink makes every write of a sink of the project fail until HealSink. Its rows wait, and what reads
// does not wait for them.
func (e *Env) FailSink(name string, how SinkFault) {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.FailSink(name, how == AnswerLost) })
}

// HealSink waits until a write of the sink has failed, so that no test passes without the fault it is
// about, and lets it work again.
func (e *Env) HealSink(name string) {
	e.t.Helper()
	e.within(func(ctx context.Context) error { return e.stack.HealSink(ctx, name) })
}

// FailDisk makes the next checkpoint fail, as a disk does that cannot write any more, after which the
// pipeline stops; Failure waits for that, and Restart brings it back on a disk that works.
func (e *Env) FailDisk() {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.FailDisk() })
}

// Failure waits until the pipeline has stopped by itself and returns why.
func (e *Env) Failure() (why error) {
	e.t.Helper()
	e.within(func(ctx context.Context) (err error) { why, err = e.stack.Failure(ctx); return err })
	return why
}

// FillDisk fills the disk: rows wait for their tables and topics until FreeDisk, and nothing can be
// published. It is for pipelines in memory.
func (e *Env) FillDisk() {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.FillDisk() })
}

// FreeDisk ends a FillDisk.
func (e *Env) FreeDisk() {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.FreeDisk() })
}
