package monitor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine"
)

// A State is how a part is.
type State string

// The states of a part, the best first but for Starting and Recovering, which pass.
const (
	Idle          State = "idle"
	KeepingUp     State = "keeping up"
	Starting      State = "starting"
	Recovering    State = "recovering"
	FallingBehind State = "falling behind"
	Degraded      State = "degraded"
	Stuck         State = "stuck"
	Failed        State = "failed"
)

// States is all of them, from the best to the worst.
var States = []State{Idle, KeepingUp, Starting, Recovering, FallingBehind, Degraded, Stuck, Failed}

// Health is how one part is.
type Health struct {
	Part   string    `json:"part"` // "broker", "kafka", "source/TOPIC", "checkpoint", "sink/NAME", "webhook/NAME", "generator", "cpu", "disk", "queries", "monitor"
	State  State     `json:"state"`
	Reason string    `json:"reason,omitempty"`
	Since  time.Time `json:"since"` // of the state; the reason may have changed meanwhile
}

// IsTrouble reports a part of which somebody should know.
func (h Health) IsTrouble() bool { return rank(h.State) >= rank(FallingBehind) }

// Sentence is a part's health in words.
func (h Health) Sentence() string {
	text := h.Part + ": " + string(h.State)
	if h.Reason != "" {
		text += ": " + h.Reason
	}
	return text
}

// Worst is the part that is worst; of several the first. Parts that are idle and parts that keep up are as good.
func Worst(all []Health) Health {
	if len(all) == 0 {
		return Health{Part: "process", State: Starting}
	}
	return slices.MaxFunc(all, func(a, b Health) int {
		return cmp.Compare(max(rank(a.State), rank(KeepingUp)), max(rank(b.State), rank(KeepingUp)))
	})
}

func rank(s State) int { return slices.Index(States, s) }

func healthByPart(all []Health) map[string]Health {
	by := map[string]Health{}
	for _, h := range all {
		by[h.Part] = h
	}
	return by
}

func sourcePart(topic string) string { return "source/" + topic }
func sinkPart(name string) string    { return "sink/" + name }

// The times after which something is called by its name.
const (
	stuckAfter   = 30 * time.Second // a checkpoint or a delivery under way
	slowAfter    = 5 * time.Second  // the same: degraded
	idleAfter    = 10 * time.Second // without work
	waitingAfter = 5 * time.Second  // rows for a sink, or queries for a place
	silentAfter  = 5 * time.Second  // an engine that does not let itself be measured
)

// A disk is nearly full from the first of these on, until it is below the second; in percent.
const (
	diskFull = 95
	diskRoom = 93
)

// A disk takes nothing in from the first of these above its floor on, until it has more than the second; bytes.
const (
	floorNear = 1 << 20 // a batch of records
	floorFar  = 8 << 20
)

// Processors are busy when they have been so from the first of these on for busyAfter, until they have been below the
// second for as long; in percent.
const (
	cpuBusy   = 90
	cpuCalm   = 80
	busyAfter = 30 * time.Second
)

// health knows the state of each part. It is a function of the samples and readings that it was given.
type health struct {
	parts   map[string]*Health
	sources map[string]*lagWatch // by topic
	sinks   map[string]*sinkWatch
	active  map[string]time.Time // by part: when it last had work
	last    *Sample
	waiting time.Time // since when queries have waited
	busy    time.Time // since when processors have been busy; zero: they are not
	calm    time.Time // the same: have had room
}

func newHealth() *health {
	return &health{parts: map[string]*Health{}, sources: map[string]*lagWatch{}, sinks: map[string]*sinkWatch{}, active: map[string]time.Time{}}
}

// set gives a part a state; since stays while the state does.
func (h *health) set(now time.Time, part string, state State, reason string) {
	p := h.parts[part]
	if p == nil || p.State != state {
		h.parts[part] = &Health{part, state, reason, now}
		return
	}
	p.Reason = reason
}

// workOrIdle is KeepingUp for a part that has had work lately.
func (h *health) workOrIdle(now time.Time, part string, works bool) State {
	if works {
		h.active[part] = now
	}
	if at, ok := h.active[part]; ok && now.Sub(at) < idleAfter {
		return KeepingUp
	}
	return Idle
}

// observe takes a sample, the newest reading (nil: none), and what the monitor is in trouble with.
func (h *health) observe(s *Sample, r *Reading, trouble string) []Health {
	seen := map[string]bool{}
	put := func(part string, state State, reason string) {
		seen[part] = true
		h.set(s.At, part, state, reason)
	}
	h.broker(s, put)
	for _, src := range s.Sources {
		state, reason := h.source(s, src.Topic)
		put(sourcePart(src.Topic), state, reason)
	}
	state, reason := h.checkpoint(s)
	put("checkpoint", state, reason)
	for i := range s.Measures.Sinks {
		state, reason := h.sink(s, i)
		put(sinkPart(s.Measures.Sinks[i].Name), state, reason)
	}
	for i := range s.Webhooks {
		state, reason := h.webhook(s, &s.Webhooks[i])
		put("webhook/"+s.Webhooks[i].Name, state, reason)
	}
	if g := s.Generate; g != nil {
		state, reason := h.generator(s, g)
		put("generator", state, reason)
	}
	h.cpu(r, put)
	h.disk(s, r, put)
	if q := s.Queries; q != nil {
		state, reason := h.queries(s, q)
		put("queries", state, reason)
	}
	state, reason = h.monitor(r, trouble)
	put("monitor", state, reason)
	h.last = s
	maps.DeleteFunc(h.parts, func(part string, _ *Health) bool { return !seen[part] })
	return h.all()
}

// all is the health of every part, by name.
func (h *health) all() []Health {
	list := make([]Health, 0, len(h.parts))
	for _, part := range slices.Sorted(maps.Keys(h.parts)) {
		list = append(list, *h.parts[part])
	}
	return list
}

func (h *health) broker(s *Sample, put func(part string, state State, reason string)) {
	for _, part := range []string{"broker", "kafka"} {
		trouble, known := s.Trouble[part]
		switch {
		case trouble != "":
			put(part, Degraded, trouble)
		case known:
			put(part, KeepingUp, "")
		}
	}
}

// checkpoint judges how long checkpoints take.
func (h *health) checkpoint(s *Sample) (State, string) {
	c := s.Measures.Checkpoints
	took := time.Duration(c.LastPause+c.LastCommit) * time.Microsecond
	under := time.Duration(0)
	if c.Underway > 0 {
		under = s.At.Sub(time.UnixMicro(c.Underway))
	}
	switch {
	case s.Failure != "":
		return Failed, s.Failure
	case under >= stuckAfter:
		return Stuck, fmt.Sprintf("the checkpoint after epoch %d has been under way for %s", s.Measures.Epoch, seconds(under))
	case under >= slowAfter:
		return Degraded, fmt.Sprintf("the checkpoint after epoch %d has been under way for %s", s.Measures.Epoch, seconds(under))
	case took >= slowAfter:
		return Degraded, fmt.Sprintf("the newest checkpoint, epoch %d, took %s", s.Measures.Epoch, seconds(took))
	case c.Count == 0:
		return Starting, "no checkpoint since the start"
	}
	works := under > 0 || h.last != nil && (h.last.Measures.Epoch != s.Measures.Epoch || wasRead(&h.last.Measures) != wasRead(&s.Measures))
	return h.workOrIdle(s.At, "checkpoint", works), ""
}

// wasRead is how many records the pipeline has come past.
func wasRead(m *engine.Measures) (n int64) {
	for i := range m.Partitions {
		n += m.Partitions[i].Position
	}
	return n
}

// A sinkWatch is what is known of a sink.
type sinkWatch struct {
	waiting []int64 // rows, of the last samples
	behind  bool
}

// sinkWindow is over how many samples the rows that wait are compared.
const sinkWindow = 5

// sink judges a sink by what waits for it.
func (h *health) sink(s *Sample, i int) (State, string) {
	m := &s.Measures.Sinks[i]
	w := h.sinks[m.Name]
	if w == nil {
		w = &sinkWatch{}
		h.sinks[m.Name] = w
	}
	w.waiting = append(w.waiting, m.Waiting)
	if n := len(w.waiting); n > sinkWindow+1 {
		w.waiting = w.waiting[n-sinkWindow-1:]
	}
	age := func(since int64) time.Duration {
		if since == 0 {
			return 0
		}
		return s.At.Sub(time.UnixMicro(since))
	}
	busy, oldest := age(m.Writing), age(m.Oldest)
	if oldest >= waitingAfter {
		w.behind = true
	} else if m.Waiting == 0 || oldest < waitingAfter/2 {
		w.behind = false
	}
	works := m.Waiting > 0
	if h.last != nil && i < len(h.last.Measures.Sinks) {
		works = works || h.last.Measures.Sinks[i].Delivered != m.Delivered
	}
	well := h.workOrIdle(s.At, sinkPart(m.Name), works)
	rows := plural(m.Waiting, "row")
	switch {
	case busy >= stuckAfter:
		return Stuck, fmt.Sprintf("it has not answered for %s; %s wait for it", seconds(busy), rows)
	case m.Trouble != "" && m.Waiting > 0:
		return Degraded, fmt.Sprintf("%s; %s wait for it, the first for %s", m.Trouble, rows, seconds(oldest))
	case m.Trouble != "":
		return Degraded, m.Trouble
	case busy >= slowAfter:
		return Degraded, fmt.Sprintf("it has not answered for %s; %s wait for it", seconds(busy), rows)
	}
	if c := m.Cache; c != nil {
		switch c.State {
		case "connecting":
			return Starting, "it connects to its server"
		case "filling":
			return Recovering, "it is filled from the tables"
		case "degraded":
			return Degraded, c.Reason
		}
	}
	if w.behind {
		if m.Waiting < w.waiting[0] {
			return Recovering, fmt.Sprintf("%s wait for it, and they become fewer", rows)
		}
		return FallingBehind, fmt.Sprintf("%s wait for it, the first for %s", rows, seconds(oldest))
	}
	return well, ""
}

// webhook judges who is told of alerts.
func (h *health) webhook(s *Sample, w *Webhook) (State, string) {
	if w.Waiting > 0 {
		return Degraded, fmt.Sprintf("%s; %s of alerts wait for it, the first try went wrong %s ago", w.Reason, plural(w.Waiting, "change"), seconds(s.At.Sub(w.Since)))
	}
	return h.workOrIdle(s.At, "webhook/"+w.Name, false), ""
}

// overdueSeconds is how many seconds of events a generator may owe.
const overdueSeconds = 5

func (h *health) generator(s *Sample, g *Generate) (State, string) {
	if trouble := s.Trouble["generator"]; trouble != "" {
		return Degraded, trouble
	}
	if g.Rate > 0 && float64(g.Overdue) > overdueSeconds*g.Rate {
		text := fmt.Sprintf("%s events are due and not written, %s of its rate", plural(g.Overdue, ""), seconds(time.Duration(float64(g.Overdue)/g.Rate*float64(time.Second))))
		if h.last != nil && h.last.Generate != nil && g.Overdue < h.last.Generate.Overdue {
			return Recovering, text
		}
		return FallingBehind, text
	}
	return KeepingUp, ""
}

// cpu judges how busy the processors are that the process may use.
func (h *health) cpu(r *Reading, put func(part string, state State, reason string)) {
	had := h.parts["cpu"]
	if r == nil || r.CPU == nil {
		if had != nil { // it is as it was when somebody last knew
			put("cpu", had.State, had.Reason)
		}
		return
	}
	during := func(since *time.Time, is bool) time.Duration {
		switch {
		case !is:
			*since = time.Time{}
			return 0
		case since.IsZero():
			*since = r.At
		}
		return r.At.Sub(*since)
	}
	busy, calm := during(&h.busy, r.CPU.Percent >= cpuBusy), during(&h.calm, r.CPU.Percent < cpuCalm)
	if isBusy := had != nil && had.State == Degraded; isBusy && calm < busyAfter || !isBusy && busy >= busyAfter {
		put("cpu", Degraded, fmt.Sprintf("%.0f %% of %.3g processors are in use", r.CPU.Percent, r.CPU.Cores))
		return
	}
	put("cpu", KeepingUp, "")
}

// disk judges the room on the disk of the data folder.
func (h *health) disk(s *Sample, r *Reading, put func(part string, state State, reason string)) {
	if r == nil || r.Disk == nil {
		if p := h.parts["disk"]; p != nil { // it is as it was when somebody last knew
			put("disk", p.State, p.Reason)
		}
		return
	}
	d := r.Disk
	text := fmt.Sprintf("%.1f %% of the disk of %s are in use, %d MiB are free", d.Percent, d.Path, d.Free>>20)
	had, above := h.parts["disk"], int64(d.Free)-int64(s.Floor)
	switch {
	case above <= floorNear, had != nil && had.State == Stuck && above <= floorFar:
		put("disk", Stuck, fmt.Sprintf("%s, and what is taken in leaves %d MiB for checkpoints: nothing is taken in", text, s.Floor>>20))
	case d.Percent >= diskFull, had != nil && had.State == Degraded && d.Percent >= diskRoom:
		put("disk", Degraded, text)
	default:
		put("disk", KeepingUp, "")
	}
}

func (h *health) queries(s *Sample, q *Queries) (State, string) {
	well := h.workOrIdle(s.At, "queries", q.Running > 0)
	if q.Waiting == 0 {
		h.waiting = time.Time{}
	} else if h.waiting.IsZero() {
		h.waiting = s.At
	}
	if q.Waiting > 0 && s.At.Sub(h.waiting) >= waitingAfter {
		return FallingBehind, fmt.Sprintf("%s run and %d wait for a place", plural(q.Running, "query"), q.Waiting)
	}
	return well, ""
}

// monitor judges the collectors and the topics of the process itself.
func (h *health) monitor(r *Reading, trouble string) (State, string) {
	var all []string
	if trouble != "" {
		all = append(all, trouble)
	}
	if r != nil {
		for _, f := range r.Failed {
			all = append(all, "collector "+f.Collector+": "+f.Reason)
		}
	}
	switch {
	case len(all) > 0:
		return Degraded, strings.Join(all, "; ")
	case r == nil:
		return Starting, "the machine was not read yet"
	}
	return KeepingUp, ""
}

// seconds writes a duration to a tenth of a second, a long one to the second.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// plural writes a number of things.
func plural(n int64, of string) string {
	text := grouped(n)
	if of == "" {
		return text
	}
	if n == 1 {
		return text + " " + of
	}
	if strings.HasSuffix(of, "y") {
		return text + " " + strings.TrimSuffix(of, "y") + "ies"
	}
	return text + " " + of + "s"
}

// grouped writes a number with commas.
func grouped(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
