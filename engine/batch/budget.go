package batch

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Limits are what all queries of a process together may take from it.
type Limits struct {
	Memory  int64         // bytes that they may hold, about
	Running int           // how many run at a time
	Working int           // how many of those use a processor at a time
	Waiting int           // how many may wait for one that runs; more are refused
	Timeout time.Duration // of a query with its waiting; 0: none
	// Clock, in nanoseconds, and Share say how much of the time queries may work: a part of it from 0 to 1 for
	// so many queries, which is asked for again and again. Without them it is all.
	Clock func() int64
	Share func(queries int) float64
}

// DefaultLimits are for a process whose queries disturb nobody.
func DefaultLimits() Limits {
	return Limits{Memory: 2 << 30, Running: 64, Working: 64, Waiting: 1 << 20}
}

// mostHeld is how many bytes one query may hold, however many there are for all: places in columns are
// numbers of 32 bits.
const mostHeld = 3 << 30

// A Budget is shared by the queries of a process: one after the other they get a place to run in, those that
// run take turns at the processor, and what they hold is counted in one sum.
type Budget struct {
	limits  Limits
	held    atomic.Int64
	waiting atomic.Int64
	queries atomic.Int64 // that run or wait
	places  *semaphore.Weighted
	turns   *semaphore.Weighted

	mu     sync.Mutex
	credit float64 // nanoseconds of work that may be done without a rest
	paid   int64   // when credit was counted last

	garbage garbage
}

// mostCredit is the work in nanoseconds that is done without a rest after a time with little of it, so that a
// small query waits for nothing.
const mostCredit = 50e6

// mostTurn is what counts as work of one turn, which takes a few milliseconds: in more of them the machine did
// something else.
const mostTurn = 20e6

// NewBudget makes a Budget; Memory, Running and Working are above 0.
func NewBudget(l Limits) *Budget {
	return &Budget{limits: l, places: semaphore.NewWeighted(int64(l.Running)), turns: semaphore.NewWeighted(int64(l.Working))}
}

// Load is how many queries run now, and how many wait for a place.
func (b *Budget) Load() (running, waiting int64) {
	waiting = b.waiting.Load()
	return max(0, b.queries.Load()-waiting), waiting
}

// Memory is how many bytes the queries may hold, about.
func (b *Budget) Memory() int64 { return b.limits.Memory }

// Held is how many bytes the queries hold now.
func (b *Budget) Held() int64 { return b.held.Load() }

// A BusyError is a query for which there is no room to wait.
type BusyError struct{ Running, Waiting int }

func (e *BusyError) Error() string {
	return fmt.Sprintf("run query: %d queries run and %d wait, which is the limit; ask again later", e.Running, e.Waiting)
}

// A TimeoutError is a query that ran, or waited for others, for too long.
type TimeoutError struct {
	After  time.Duration
	Waited bool   // it never ran
	By     string // what has set the limit; "": nagare.query.timeout
}

func (e *TimeoutError) Error() string {
	by := cmp.Or(e.By, limitTimeout)
	if e.Waited {
		return fmt.Sprintf("run query: other queries kept it waiting for %v, which is the time that a query has (%s); ask again later", e.After, by)
	}
	return fmt.Sprintf("run query: it was ended after %v, the time that a query has (%s); filter more, or raise that limit", e.After, by)
}

// A Job is a query that runs in a Budget. It is used by one goroutine, and travels in the query's context:
// a view that the query reads counts for it.
type Job struct {
	budget *Budget
	ctx    context.Context
	stop   atomic.Bool // ctx is over
	bounds Bounds
	held   int64
	turn   bool
	since  int64 // when the turn began
	ends   []func()
}

type jobKey struct{}

// Begin waits for a place and gives the context in which the query runs, and what frees the place, which is
// called once. A context that has a Job is returned as it is: the query is part of another.
func (b *Budget) Begin(ctx context.Context) (context.Context, func(), error) {
	if job(ctx) != nil {
		return ctx, func() {}, nil
	}
	j := &Job{budget: b, ctx: ctx}
	b.queries.Add(1)
	j.ends = append(j.ends, func() { b.queries.Add(-1) })
	j.bounds, _ = ctx.Value(boundsKey{}).(Bounds)
	if d, by := j.bounds.timeout(b.limits.Timeout); d > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, d, &TimeoutError{After: d, By: by})
		j.ctx, j.ends = limited, append(j.ends, cancel)
	}
	if err := j.enter(); err != nil {
		j.end()
		return ctx, nil, err
	}
	return j.begun(), j.end, nil
}

// Count gives the context in which rows are read that are ready, and what ends that: what they take is counted, but
// nothing is computed for which there would have to be a place.
func (b *Budget) Count(ctx context.Context) (context.Context, func()) {
	if job(ctx) != nil {
		return ctx, func() {}
	}
	j := &Job{budget: b, ctx: ctx}
	return j.begun(), j.end
}

func (j *Job) begun() context.Context {
	watch := context.AfterFunc(j.ctx, func() { j.stop.Store(true) })
	j.ends = append(j.ends, func() { watch() })
	return context.WithValue(j.ctx, jobKey{}, j)
}

// enter gets a place and the first turn.
func (j *Job) enter() error {
	b := j.budget
	if !b.places.TryAcquire(1) {
		if n := b.waiting.Add(1); n > int64(b.limits.Waiting) {
			b.waiting.Add(-1)
			return &BusyError{Running: b.limits.Running, Waiting: b.limits.Waiting}
		}
		err := b.places.Acquire(j.ctx, 1)
		b.waiting.Add(-1)
		if err != nil {
			return j.waited()
		}
	}
	j.ends = append(j.ends, func() { b.places.Release(1) })
	if b.turns.Acquire(j.ctx, 1) != nil {
		return j.waited()
	}
	j.turnBegins()
	return nil
}

func (j *Job) turnBegins() {
	j.turn = true
	if clock := j.budget.limits.Clock; clock != nil {
		j.since = clock()
	}
}

// rest is how long nobody works after the turn that ends now, for the sake of what the process is there for.
func (j *Job) rest() time.Duration {
	b := j.budget
	if b.limits.Clock == nil || b.limits.Share == nil {
		return 0
	}
	now, share := b.limits.Clock(), b.limits.Share(int(b.queries.Load()))
	worked := min(float64(now-j.since), mostTurn)
	j.since = now
	b.mu.Lock()
	defer b.mu.Unlock()
	b.credit = min(b.credit+float64(now-b.paid)*share, mostCredit) - worked
	b.paid = now
	if share >= 1 || b.credit >= 0 {
		b.credit = max(b.credit, 0)
		return 0
	}
	return time.Duration(-b.credit / share)
}

// waited is why a query that never ran is over.
func (j *Job) waited() error {
	cause := context.Cause(j.ctx)
	if t, ok := cause.(*TimeoutError); ok {
		return &TimeoutError{After: t.After, Waited: true, By: t.By}
	}
	return cause
}

// end gives everything back.
func (j *Job) end() {
	_ = j.take(-j.held)
	j.leaveTurn()
	for i := len(j.ends) - 1; i >= 0; i-- {
		j.ends[i]()
	}
	j.ends = nil
}

func (j *Job) leaveTurn() {
	if j.turn {
		j.rest() // what was worked is counted, and whoever comes next rests
		j.turn = false
		j.budget.turns.Release(1)
	}
}

// yield lets the next query have its turn, and says why this one has to end.
func (j *Job) yield() error {
	if j.stop.Load() {
		return context.Cause(j.ctx)
	}
	if !j.turn {
		return nil
	}
	if d := j.rest(); d > 0 { // with the turn: no other query works meanwhile
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
		case <-j.ctx.Done():
			return context.Cause(j.ctx)
		}
		j.since = j.budget.limits.Clock() // a rest is no work
	}
	j.leaveTurn()
	return j.takeTurn()
}

func (j *Job) takeTurn() error {
	if j.budget.turns.Acquire(j.ctx, 1) != nil {
		return context.Cause(j.ctx)
	}
	j.turnBegins()
	return nil
}

// take counts n bytes more, or fewer, and fails where they are too many. Those stay counted: the query ends.
func (j *Job) take(n int64) error {
	b := j.budget
	all := b.held.Add(n)
	j.held += n
	switch {
	case n < 0:
		b.garbage.add(-n)
	case all > b.limits.Memory || j.held > mostHeld || j.held > j.bounds.Memory && j.bounds.Memory > 0:
		return j.full()
	default:
		b.garbage.keep(b.limits.Memory-all, b.limits.Memory/garbageShare)
	}
	return nil
}

// full is the error of a query for whose rows there is no memory.
func (j *Job) full() error {
	limit, others := j.budget.limits.Memory, j.budget.held.Load()-j.held
	text := fmt.Sprintf("the query needs more than the %s of memory that all queries together may hold (nagare.query.memory)", Size(limit))
	switch own := j.bounds; {
	case own.Memory > 0 && own.Memory <= min(limit-others, mostHeld):
		text = fmt.Sprintf("the query needs more than the %s of memory that it may hold (%s)", Size(own.Memory), own.By)
	case others > limit/16:
		text += fmt.Sprintf(", of which others hold %s now; ask again later", Size(others))
	case limit > mostHeld:
		text = fmt.Sprintf("the query needs more than the %s of memory that one query may hold, however much nagare.query.memory (%s) allows all together", Size(mostHeld), Size(limit))
	}
	return &Error{Class: "OUT_OF_MEMORY", Detail: text + "; filter more, name fewer columns, make smaller values, or aggregate in a table"}
}

// free is how many bytes there are left.
func (j *Job) free() int64 {
	most := int64(mostHeld)
	if j.bounds.Memory > 0 {
		most = min(most, j.bounds.Memory)
	}
	return min(j.budget.limits.Memory-j.budget.held.Load(), most-j.held)
}

// Size writes bytes as people read them.
func Size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

// job is the Job of a context, or nil.
func job(ctx context.Context) *Job {
	j, _ := ctx.Value(jobKey{}).(*Job)
	return j
}

// Hold counts n bytes more, or fewer, that belong to the query of a context beside its operators: rows on
// their way out. Without a query there is no limit.
func Hold(ctx context.Context, n int64) error {
	if j := job(ctx); j != nil {
		return j.take(n)
	}
	return nil
}

// Aside does what takes no processor and may take long, such as writing to a client, while another query has
// the turn.
func Aside(ctx context.Context, do func() error) error {
	j := job(ctx)
	if j == nil || !j.turn {
		return do()
	}
	j.leaveTurn()
	if err := do(); err != nil {
		return err
	}
	return j.takeTurn()
}
