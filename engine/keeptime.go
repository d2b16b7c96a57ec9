package engine

import (
	"context"
	"time"
)

// idlePause is the longest time between two looks for idle partitions, in microseconds: each asks the
// logs of silent partitions for their ends.
const idlePause = 1_000_000

// shortestInterval keeps an engine with nothing to do from spinning.
const shortestInterval = time.Millisecond

// longestPutOff is for how long a slow checkpoint puts the next one off at most, whatever it took: one that hung for a
// minute shall not keep replay unbounded for nine more.
const longestPutOff = 10 * time.Second

// mostInput is how many bytes of records are read before a checkpoint is taken before its time: they are what is read
// and computed again after a crash.
const mostInput = 64 << 20

// noteInput counts bytes of records that were read.
func (e *Engine) noteInput(n int64) {
	if e.input.Add(n) >= mostInput {
		e.askCheckpoint()
	}
}

// keepTime takes checkpoints, watches for idle partitions, and tells those who look what is new, until ctx ends. A
// checkpoint costs at most a tenth of the time: a slow one puts the next one off, for longestPutOff at most. Where
// nothing happens there are no ticks.
func (e *Engine) keepTime(ctx context.Context) error {
	k := e.newKeeper()
	defer k.stop()
	e.replays(ctx) // it asks where the replay ends, if there is one
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-e.stirred:
			if !k.ticking && k.pace > 0 {
				k.tick.Reset(k.pace)
				k.ticking = true
			}
		case <-k.tick.C:
			k.ticking = false
			err = e.tick(ctx)
		case <-k.look.C:
			err = k.lookForIdle(ctx)
		case <-e.due:
			err = k.checkpoint(ctx)
		case <-k.due.C:
			err = k.checkpoint(ctx)
		}
		if err != nil {
			if isCancel(err) && ctx.Err() != nil {
				return nil // it was not begun
			}
			return err
		}
	}
}

// A timekeeper is what keepTime waits for.
type timekeeper struct {
	e         *Engine
	interval  time.Duration // between checkpoints
	pace      time.Duration // between ticks; 0: there are none
	lookEvery time.Duration // between looks for idle partitions; 0: there are none

	due, tick, look *time.Timer
	ticking         bool
}

func (e *Engine) newKeeper() *timekeeper {
	k := &timekeeper{e: e, interval: max(time.Duration(e.opt.CheckpointInterval)*time.Microsecond, shortestInterval)}
	if e.opt.Ephemeral || e.opt.CheckpointInterval < 0 {
		k.interval = time.Hour
	} else {
		k.pace = max(time.Duration(e.opt.Pipeline.Config.UpdateInterval)*time.Microsecond, shortestInterval)
		every := min(idlePause, e.opt.Pipeline.Config.IdleTimeout/2)
		if e.opt.CloseWindows {
			every = idlePause
		}
		k.lookEvery = time.Duration(every) * time.Microsecond
	}
	k.due, k.tick, k.look = time.NewTimer(k.interval), time.NewTimer(time.Hour), time.NewTimer(time.Hour)
	k.tick.Stop()
	k.look.Stop()
	if k.lookEvery > 0 {
		k.look.Reset(k.lookEvery)
	}
	return k
}

func (k *timekeeper) stop() {
	k.due.Stop()
	k.tick.Stop()
	k.look.Stop()
}

// checkpoint takes one, and says when the next is due.
func (k *timekeeper) checkpoint(ctx context.Context) error {
	begin := k.e.opt.Now()
	if err := k.e.checkpoint(ctx); err != nil {
		return err
	}
	took := time.Duration(k.e.opt.Now()-begin) * time.Microsecond
	k.due.Reset(max(k.interval, min(9*took, longestPutOff)))
	return nil
}

// lookForIdle looks, unless whoever moves the clock just did.
func (k *timekeeper) lookForIdle(ctx context.Context) error {
	defer k.look.Reset(k.lookEvery)
	if k.e.opt.Now()-k.e.lookedAt.Load() < k.lookEvery.Microseconds() {
		return nil
	}
	return k.e.CheckIdle(ctx)
}

// tick hands rows of open windows on that changed, and tells those who watch that something is new.
func (e *Engine) tick(ctx context.Context) error {
	e.replays(ctx)
	if e.fresh.Swap(false) {
		e.notify()
	}
	if len(e.previews) == 0 {
		return ctx.Err()
	}
	e.committing.Lock()
	defer e.committing.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return e.preview()
}
