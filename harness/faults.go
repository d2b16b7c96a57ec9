package harness

import (
	"context"
	"time"
)

// Fault is how a sink or a server fails.
type Fault int

// The ways in which one fails.
const (
	Unreachable     Fault = iota // nothing gets there
	AnswerLost                   // what was asked is done, and no answer comes; for a sink an error
	ErrorAfterApply              // of Kafka: what was asked is done, and answered with an error
	ReadOnly                     // of Redis: it is a replica and takes no writes
	OutOfMemory                  // of Redis: it has reached its limit and takes no new values
	Loading                      // of Redis: it reads its data and answers nothing else
)

// FailSink makes every write of a sink of the project fail until HealSink, Unreachable or AnswerLost. Its
// rows wait, and what reads does not wait for them.
func (e *Env) FailSink(name string, how Fault) {
	e.t.Helper()
	if how != Unreachable && how != AnswerLost {
		e.t.Fatalf("fail sink %s: %v is no fault of every sink; there are Unreachable and AnswerLost", name, how)
	}
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

// FillDisk fills the disk: rows wait for their tables, and for topics that are not on Kafka, until FreeDisk,
// and nothing can be published to such. It is for pipelines in memory.
func (e *Env) FillDisk() {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.FillDisk() })
}

// FreeDisk ends a FillDisk.
func (e *Env) FreeDisk() {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.FreeDisk() })
}

// SlowDisk has each checkpoint take so long from now on, 0 for no time.
func (e *Env) SlowDisk(each time.Duration) { e.stack.SlowDisk(each) }

// SlowSource has each batch of records that is read from a topic take so long from now on, 0 for no time. On topics in
// memory a batch is what one Publish has brought.
func (e *Env) SlowSource(topic string, each time.Duration) { e.stack.SlowSource(topic, each) }

// SilenceCollector keeps a collector of a Monitored pipeline ("cpu", "memory", "disk", "load", "process") from
// answering until WakeCollector.
func (e *Env) SilenceCollector(name string) {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.SilenceCollector(name, true) })
}

// WakeCollector ends a SilenceCollector.
func (e *Env) WakeCollector(name string) {
	e.t.Helper()
	e.within(func(context.Context) error { return e.stack.SilenceCollector(name, false) })
}
