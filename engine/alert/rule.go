package alert

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/json"
	"math"
	"slices"
)

// A Rule says how breaches become incidents. Times are in microseconds of event time.
type Rule struct {
	Name       string   `json:"name"`
	Pipeline   string   `json:"-"`          // the name of the project, for its changes
	From       string   `json:"from"`       // the table or view that it reads
	Labels     []string `json:"key"`        // the key's columns
	For        int64    `json:"for"`        // how long the condition has to hold before the incident fires; 0: at its first breach
	KeepFiring int64    `json:"keepFiring"` // how long it fires on after the condition has ended
	Interval   int64    `json:"interval"`   // how long a breach holds; above 0
	Windowed   bool     `json:"windowed"`   // breaches come at ends of windows, Interval apart, and so do the ends of incidents
	Notify     []string `json:"notify"`     // the webhooks that are told
}

// MostIncidents is how many keys of a rule may be pending or firing at once. Breaches of further keys are counted
// (Incidents.Overflow) and make no incident until others have ended.
const MostIncidents = 10_000

// A Breach is one row of a rule's table.
type Breach struct {
	Time        int64  // when it breaches: the end of its window, or its event time, or, of a late row, just behind the mark of its partition
	Key         string // a JSON array of the key's values, each a string or null
	Severity    string
	Summary     string
	Description string
	Evidence    Evidence

	seq  uint64 // its entry in the store; 0: none
	gone bool   // it is needed no more
}

// Incidents is the incidents of one rule. It belongs to one goroutine at a time.
type Incidents struct {
	rule     Rule
	keys     map[string]*incident
	waiting  waiting  // breaches that the watermark has not passed
	ends     []*end   // a heap: when incidents end unless a breach comes
	dirty    []string // keys that changed since the last cut
	marked   map[string]bool
	fresh    []*Breach // breaches since the last cut
	gone     []uint64  // entries of breaches that are needed no more
	seq      uint64    // the newest entry of a breach
	text     []byte
	passed   int64 // to which Advance has looked
	Overflow int64 // breaches beyond MostIncidents

	quietKept map[string]bool // keys of which a checkpoint has quiet breaches

	// While a checkpoint is read: breaches that no incident has named yet.
	restored      map[uint64]*Breach
	restoredQuiet map[string][]int64
}

// An incident is what is known of a key.
type incident struct {
	activeAt, firedAt Time // None: not yet
	last              int64
	breaches          int64
	shown             []*Breach // the first and the newest, at most MostEvidence; the last one's texts are the incident's
	quiet             []int64   // times of breaches that nothing else is kept of and that the watermark has not passed; see quiet.go
	due               *end
	touched           bool // since the last cut
}

// New begins without any incident.
func New(rule Rule) *Incidents {
	return &Incidents{
		rule: rule, keys: map[string]*incident{}, marked: map[string]bool{}, passed: math.MinInt64,
		quietKept: map[string]bool{}, restoredQuiet: map[string][]int64{},
	}
}

// Add takes a breach. The watermark may not have passed its time.
func (x *Incidents) Add(b Breach) {
	x.waiting.push(&b)
	x.fresh = append(x.fresh, &b)
}

// letGo forgets a breach.
func (x *Incidents) letGo(b *Breach) {
	b.gone = true
	if b.seq != 0 {
		x.gone = append(x.gone, b.seq)
	}
}

// Advance looks at all breaches up to a time, which the watermark of everything that the rule reads has passed, and
// hands each change of state to emit, in order. A Change is valid during the call.
func (x *Incidents) Advance(to int64, emit func(*Change) error) error {
	x.passed = max(x.passed, to)
	for {
		hasBreach := len(x.waiting) > 0 && x.waiting[0].time <= to
		hasEnd := len(x.ends) > 0 && x.ends[0].time <= to
		var err error
		switch {
		case hasBreach && (!hasEnd || x.waiting[0].time <= x.ends[0].time): // at one time a breach goes first: the condition goes on
			err = x.breach(x.waiting.pop(), emit)
		case hasEnd:
			err = x.end(heap.Pop((*endHeap)(&x.ends)).(*end), emit)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// breach is a step to pending or firing, or keeps what is.
func (x *Incidents) breach(b *Breach, emit func(*Change) error) error {
	in := x.keys[b.Key]
	if in == nil {
		if len(x.keys) >= MostIncidents {
			x.Overflow++
			x.letGo(b)
			return nil
		}
		in = &incident{activeAt: Time(b.Time), firedAt: None}
		x.keys[b.Key] = in
	}
	if !in.touched {
		in.touched = true
		x.touch(b.Key)
	}
	x.passQuiet(b.Key, in, b.Time)
	x.note(in, b)
	fires := in.firedAt == None && b.Time-int64(in.activeAt) >= x.rule.For
	if fires {
		in.firedAt = Time(b.Time)
	}
	x.schedule(b.Key, in)
	switch {
	case fires:
		return emit(x.change(b.Key, in, Firing, b.Time))
	case in.breaches == 1:
		return emit(x.change(b.Key, in, Pending, b.Time))
	}
	return nil
}

// note keeps what a breach shows.
func (x *Incidents) note(in *incident, b *Breach) {
	in.last = b.Time
	in.breaches++
	if len(in.shown) == MostEvidence {
		x.letGo(in.shown[MostEvidence/2])
		in.shown = slices.Delete(in.shown, MostEvidence/2, MostEvidence/2+1)
	}
	in.shown = append(in.shown, b)
}

// schedule sets when the incident ends if no breach comes: a pending one when the newest breach no longer holds, a
// firing one KeepFiring later, at the end of a window where there are such.
func (x *Incidents) schedule(key string, in *incident) {
	at := in.last + x.rule.Interval
	if in.firedAt != None {
		keep := x.rule.KeepFiring
		if over := keep % x.rule.Interval; x.rule.Windowed && over > 0 {
			keep += x.rule.Interval - over
		}
		at += keep
	}
	if in.due == nil {
		in.due = &end{time: at, key: key}
		heap.Push((*endHeap)(&x.ends), in.due)
		return
	}
	in.due.time = at
	heap.Fix((*endHeap)(&x.ends), in.due.place)
}

// end ends the incident of a key, unless a quiet breach has it go on.
func (x *Incidents) end(e *end, emit func(*Change) error) error {
	in := x.keys[e.key]
	in.due = nil
	if x.passQuiet(e.key, in, e.time) {
		return nil
	}
	delete(x.keys, e.key)
	x.touch(e.key)
	for _, b := range in.shown {
		x.letGo(b)
	}
	state := Inactive
	if in.firedAt != None {
		state = Resolved
	}
	return emit(x.change(e.key, in, state, e.time))
}

// change describes a change of state.
func (x *Incidents) change(key string, in *incident, state State, at int64) *Change {
	newest := in.shown[len(in.shown)-1]
	evidence := make([]Evidence, len(in.shown))
	for i, b := range in.shown {
		evidence[i] = b.Evidence
	}
	c := &Change{
		ID: incidentID(x.rule.Name, []byte(key), int64(in.activeAt)), Alert: x.rule.Name, Pipeline: x.rule.Pipeline, State: state, Time: Time(at),
		ActiveAt: in.activeAt, FiredAt: in.firedAt, ResolvedAt: None,
		Severity: newest.Severity, Labels: x.labels(key), Summary: newest.Summary, Description: newest.Description, Notify: x.rule.Notify,
		Breaches: in.breaches, Evidence: evidence,
	}
	if state == Resolved {
		c.ResolvedAt = Time(at)
	}
	return c
}

// labels reads a key.
func (x *Incidents) labels(key string) map[string]string {
	var values []*string
	if json.Unmarshal([]byte(key), &values) != nil || len(values) != len(x.rule.Labels) {
		panic("BUG: the key of a breach is no array of " + key)
	}
	m := make(map[string]string, len(values))
	for i, v := range values {
		if v != nil {
			m[x.rule.Labels[i]] = *v
		}
	}
	return m
}

// Current is the incidents that are pending or firing, as their newest change would tell them, by key.
func (x *Incidents) Current() []*Change {
	keys := make([]string, 0, len(x.keys))
	for key := range x.keys {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	all := make([]*Change, 0, len(keys))
	for _, key := range keys {
		in := x.keys[key]
		x.passQuiet(key, in, x.passed)
		state, at := Pending, in.activeAt
		if in.firedAt != None {
			state, at = Firing, in.firedAt
		}
		all = append(all, x.change(key, in, state, int64(at)))
	}
	return all
}

// Rule is what the incidents are of.
func (x *Incidents) Rule() Rule { return x.rule }

// Held is how many rows the incidents keep.
func (x *Incidents) Held() int64 { return int64(len(x.keys) + len(x.waiting)) }

// touch notes that a key has to be written.
func (x *Incidents) touch(key string) {
	if !x.marked[key] {
		x.marked[key] = true
		x.dirty = append(x.dirty, key)
	}
}

// waiting is a heap of breaches in the order in which they are looked at, which depends on them alone. Their times
// stand beside them: thousands wait, and few of them have the same time.
type waiting []waitingBreach

type waitingBreach struct {
	time int64
	*Breach
}

func (w waiting) Len() int { return len(w) }
func (w waiting) Less(i, j int) bool {
	if w[i].time != w[j].time {
		return w[i].time < w[j].time
	}
	return compareBreaches(w[i].Breach, w[j].Breach) < 0
}
func (w waiting) Swap(i, j int) { w[i], w[j] = w[j], w[i] }
func (w waiting) Push(any)      { panic("BUG: push puts breaches in") } // container/heap's would allocate
func (w waiting) Pop() any      { panic("BUG: pop takes breaches out") }

func (w *waiting) push(b *Breach) {
	*w = append(*w, waitingBreach{b.Time, b})
	heap.Fix(w, len(*w)-1)
}

// order makes a heap of breaches in any order.
func (w *waiting) order() { heap.Init(w) }

func (w *waiting) pop() *Breach {
	first, last := (*w)[0].Breach, len(*w)-1
	(*w)[0], (*w)[last] = (*w)[last], waitingBreach{}
	*w = (*w)[:last]
	if last > 0 {
		heap.Fix(w, 0)
	}
	return first
}

func compareBreaches(a, b *Breach) int {
	return cmp.Or(
		cmp.Compare(a.Time, b.Time), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Evidence.Time, b.Evidence.Time),
		cmp.Compare(a.Evidence.Topic, b.Evidence.Topic), cmp.Compare(a.Evidence.Partition, b.Evidence.Partition),
		cmp.Compare(a.Evidence.Offset, b.Evidence.Offset), bytes.Compare(a.Evidence.Row, b.Evidence.Row))
}

// An end is when an incident ends.
type end struct {
	time  int64
	key   string
	place int // in the heap
}

type endHeap []*end

func (h endHeap) Len() int { return len(h) }
func (h endHeap) Less(i, j int) bool {
	if h[i].time != h[j].time {
		return h[i].time < h[j].time
	}
	return h[i].key < h[j].key
}
func (h endHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *endHeap) Push(e any) {
	one := e.(*end)
	one.place = len(*h)
	*h = append(*h, one)
}
func (h *endHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
