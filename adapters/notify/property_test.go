package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
)

var errKilled = errors.New("the process was killed")

// A mortal is the store of one process, which is killed at one of its commits: just before it is durable, or after.
type mortal struct {
	*store.Memory
	mu    sync.Mutex
	left  int // commits until then; below 0: it lives
	after bool
	dead  bool
}

func (m *mortal) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errKilled
	}
	if m.left--; m.left == 0 {
		m.dead = true
		if m.after {
			if err := m.Memory.Commit(ctx, cp, d); err != nil {
				return err
			}
		}
		return errKilled
	}
	return m.Memory.Commit(ctx, cp, d)
}

func (m *mortal) isDead() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// heard is what a receiver took, by receiver and change.
type heard map[string]int

// takeIn notes the changes of a request, which a lane makes in a goroutine of its own; a repetition is none.
func (h heard) takeIn(t *testing.T, q sent) {
	name := strings.SplitN(strings.TrimPrefix(q.url, "http://"), ".", 2)[0]
	if strings.HasSuffix(q.url, "/api/v2/alerts") {
		var posted []postedAlert
		if err := json.Unmarshal([]byte(q.body), &posted); err != nil {
			t.Error(err)
		}
		for _, p := range posted {
			state := "resolved"
			if p.EndsAt > q.at.UTC().Format(postedTime) {
				state = "firing"
			}
			h[name+" "+p.Annotations["incident"]+" "+state]++
		}
		return
	}
	for _, c := range toldBy(t, q) {
		h[name+" "+c]++
	}
}

// TestNoChangeIsMissing: whatever receivers answer, and wherever the process is killed, each change arrives, in order,
// and twice only where an answer was lost, which is counted.
func TestNoChangeIsMissing(t *testing.T) {
	var twice, kills int
	for seed := range uint64(50) {
		ok := t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n, k := tryFaults(t, rand.New(rand.NewPCG(seed, 9)))
				twice += n
				kills += k
			})
		})
		if !ok {
			break
		}
	}
	if twice < 20 || kills < 200 {
		t.Errorf("only %d changes came twice, over %d kills: the test tried nothing", twice, kills)
	}
}

// faulty is receivers that fail, hang, and lose answers, each lane at its own time. What they share is under mu.
type faulty struct {
	t *testing.T

	mu      sync.Mutex
	random  *rand.Rand // of theirs: the test draws from another one
	process *mortal    // that is told by
	calm    bool       // nothing goes wrong any more
	got     heard
	order   []string // what they took, in order
}

// serve has requests be those of a process.
func (x *faulty) serve(process *mortal, calm bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.process, x.calm = process, calm
}

// heard is what the receivers took.
func (x *faulty) heard() (heard, []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.got), slices.Clone(x.order)
}

// take takes a request of a process that lives.
func (x *faulty) take(process *mortal, q sent) {
	if process.isDead() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	before := maps.Clone(x.got)
	x.got.takeIn(x.t, q)
	for _, key := range slices.Sorted(maps.Keys(x.got)) {
		if x.got[key] != before[key] {
			x.order = append(x.order, key)
		}
	}
}

func (x *faulty) answer(q sent) (*http.Response, error) {
	x.mu.Lock()
	process, dice, coin := x.process, x.random.IntN(12), x.random.IntN(2)
	if x.calm {
		dice = 0
	}
	x.mu.Unlock()
	if process.isDead() {
		return nil, errDial
	}
	switch dice {
	case 6:
		return nil, errDial
	case 7:
		return respond(500+coin*3, "no"), nil
	case 8:
		return respond(429, "", "Retry-After", "2"), nil
	case 9: // it hangs, and has it or not
		if coin == 0 {
			x.take(process, q)
		}
		<-q.ctx.Done()
		return nil, q.ctx.Err()
	case 10: // the answer is lost
		x.take(process, q)
		return nil, errReset
	case 11:
		x.take(process, q)
		return respond(504, ""), nil
	}
	x.take(process, q)
	return respond(200, ""), nil
}

func tryFaults(t *testing.T, random *rand.Rand) (twice, kills int) {
	names := []string{"json", "lines", "am"}
	r := newRig(t, receiver(t, "json", "timeout", "3 seconds", "groupInterval", "2 seconds"),
		receiver(t, "lines", "groupBy", "...", "groupWait", "0 seconds"),
		receiver(t, "am", "form", "alertmanager", "repeatInterval", "100 days"))
	r.topic.ReadRows = 1 + random.IntN(7)
	memory := &store.Memory{}
	x := &faulty{t: t, random: rand.New(rand.NewPCG(random.Uint64(), 1)), got: heard{}}
	r.answers(x.answer)
	want := map[string]bool{}
	at := 0
	publish := func() {
		rule, thing := []string{"cpu", "disk"}[random.IntN(2)], fmt.Sprint("t", random.IntN(3))
		to := names[random.IntN(3):]
		at++
		states := []alert.State{alert.Pending, alert.Firing, alert.Resolved}[:2+random.IntN(2)]
		for _, st := range states {
			c := change(rule, thing, at, st, to...)
			r.publish(c)
			for _, name := range to {
				if st != alert.Pending {
					want[name+" "+c.ID+" "+string(st)] = true
				}
			}
		}
	}
	run := func(left int, calm bool) error {
		process := &mortal{Memory: memory, left: left, after: random.IntN(2) == 0}
		x.serve(process, calm)
		r.cfg.Store = process
		n, err := Open(t.Context(), r.cfg)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- n.Run(ctx) }()
		r.n = n
		for range 3 + random.IntN(5) {
			publish()
			after(time.Duration(random.IntN(4000)) * time.Millisecond)
		}
		if calm {
			after(2 * time.Hour)
		} else {
			after(time.Duration(random.IntN(30)) * time.Second)
		}
		cancel()
		return <-done
	}
	for range 8 {
		if err := run(1+random.IntN(25), false); errors.Is(err, errKilled) {
			kills++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := run(-1, true); err != nil {
		t.Fatal(err)
	}
	got, order := x.heard()
	for _, name := range names {
		p := r.report(name)
		more := 0
		for key := range want {
			if strings.HasPrefix(key, name+" ") {
				if got[key] == 0 {
					t.Errorf("%s is missing; %+v", key, p)
				}
				more += max(0, got[key]-1)
			}
		}
		if int64(more) > p.Uncertain {
			t.Errorf("%s: %d changes came once more, and %d are uncertain", name, more, p.Uncertain)
		}
		if p.Waiting+p.Unread+p.Silenced != 0 {
			t.Errorf("%s: something waits: %+v", name, p)
		}
		twice += more
	}
	for key := range got {
		if !want[key] {
			t.Errorf("%s is nobody's", key)
		}
	}
	checkOrder(t, order)
	return twice, kills
}

// checkOrder: of one thing, a receiver hears everything in the order of the topic; what it hears again is newest.
func checkOrder(t *testing.T, order []string) {
	newest := map[string]int{}
	for _, key := range order {
		name, rest, _ := strings.Cut(key, " ")
		id, state, _ := strings.Cut(rest, " ")
		var at int
		cut := strings.LastIndexByte(id, '-')
		if _, err := fmt.Sscan(id[cut+1:], &at); err != nil {
			t.Fatal(err)
		}
		at *= 2
		if state == "resolved" {
			at++
		}
		thing := name + " " + id[:cut]
		if at < newest[thing] {
			t.Errorf("%s comes after %d of %s", key, newest[thing], thing)
		}
		newest[thing] = at
	}
}
