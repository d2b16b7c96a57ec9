package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

// A Shape is what the keys of a sink hold.
type Shape uint8

// The shapes.
const (
	Text      Shape = iota // key, value
	Hash                   // key, field, value
	SortedSet              // key, member, score
)

// ShapeOf tells the shape from the columns that a sink's rows have.
func ShapeOf(has func(column string) bool) Shape {
	switch {
	case has("member"):
		return SortedSet
	case has("field"):
		return Hash
	}
	return Text
}

// SinkConfig is what a Sink is made of.
type SinkConfig struct {
	Name  string
	Shape Shape
	TTL   time.Duration // how long rows live; 0: for good
	// StateField is a field that values which are JSON objects get first, "open" or "final" as their
	// window is; "": none.
	StateField string
}

// A Sink writes rows to a server. It is an record.Cache: nothing waits for it but its own goroutine.
type Sink struct {
	cfg     SinkConfig
	server  *Server
	log     *slog.Logger
	lost    chan struct{}
	wake    chan struct{} // rows wait
	now     chan struct{} // somebody waits for a look at the server
	stop    context.CancelFunc
	process string // part of the marks' keys: no two processes share one
	writer  writer

	mu      sync.Mutex
	changed sync.Cond // rows were written, the link changed, or the sink was closed
	waiting *waiting
	memory  *memory
	place   []byte // scratch
	value   []byte // scratch
	round   uint32 // of refills
	filling bool
	owed    bool   // everything was asked for, and nobody has begun to read it
	hurry   bool   // somebody waits for the end
	asked   uint64 // how often Settle was called
	seen    uint64 // up to which of these the server was looked at since
	linked  bool
	links   uint64 // how often the link was made
	flying  int    // rows that are being written
	letGo   bool   // rows were let go since the last refill began
	reveal  bool   // a row was taken out that may have covered an older one, since the last refill began
	reason  string // why there is no link
	status  record.SinkStatus
}

// NewSink begins to write to a server.
func NewSink(server *Server, cfg SinkConfig) *Sink {
	s := &Sink{cfg: cfg, server: server, log: server.log, lost: make(chan struct{}, 1), wake: make(chan struct{}, 1), now: make(chan struct{}, 1),
		process: token(), waiting: newWaiting(), memory: newMemory()}
	s.changed.L = &s.mu
	s.status.Name = cfg.Name
	s.writer.ends = map[string]int64{}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	server.begin(func() { s.run(ctx) })
	return s
}

// Write takes final rows and returns at once.
func (s *Sink) Write(_ context.Context, _ uint64, out *record.Rows) error {
	s.accept(out, stateFinal)
	return nil
}

// Update takes rows of open windows and returns at once.
func (s *Sink) Update(_ context.Context, out *record.Rows) error {
	s.accept(out, stateOpen)
	return nil
}

// Flush returns at once: what a cache loses is read again.
func (s *Sink) Flush(context.Context) error { return nil }

// Lost implements record.Cache.
func (s *Sink) Lost() <-chan struct{} { return s.lost }

// accept takes rows that came by themselves.
func (s *Sink) accept(out *record.Rows, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UnixMicro()
	for i := range out.Len() {
		if why := s.refusal(out, i); why != "" {
			s.refuse(why)
			continue
		}
		s.put(out, i, state, false, now)
	}
	s.wakeWriter()
}

// refusal says why a row can never be written, "" if it can.
func (s *Sink) refusal(out *record.Rows, i int) string {
	switch {
	case out.Keys.IsNull(i):
		return "its key is NULL"
	case s.cfg.Shape == Hash && out.Fields.IsNull(i):
		return "its field is NULL"
	case s.cfg.Shape == SortedSet && out.Fields.IsNull(i):
		return "its member is NULL"
	case out.Values.IsNull(i):
		return "" // it deletes
	}
	if s.cfg.Shape == SortedSet {
		if score, err := strconv.ParseFloat(string(out.Values.At(i)), 64); err != nil && !errors.Is(err, strconv.ErrRange) || math.IsNaN(score) {
			return "its score is no number"
		}
	}
	return ""
}

func (s *Sink) refuse(why string) {
	s.status.Refused++
	if s.status.Refusal != why {
		s.log.Warn("a row is refused", "sink", s.cfg.Name, "reason", why)
	}
	s.status.Refusal = why
}

// put has a row wait, if it lives and is the newest of its place.
func (s *Sink) put(out *record.Rows, i int, state string, again bool, now int64) {
	order, ends := out.Times[i], int64(0)
	if s.cfg.TTL > 0 {
		ends = min(out.Times[i], now) + s.cfg.TTL.Microseconds() // a window that is open ends in the future
		if ends <= now {
			if !again { // it was counted when it came
				s.status.TooOld++
			}
			return
		}
	}
	if len(out.Orders) > 0 {
		order = out.Orders[i]
	}
	var field []byte
	if s.cfg.Shape != Text {
		field = out.Fields.At(i)
	}
	s.place = appendPlace(s.place[:0], out.Keys.At(i), field)
	if out.IsGone(i) {
		is, covers := s.memory.forgo(s.place, order)
		if !is {
			return
		}
		s.reveal = s.reveal || covers
	} else if !s.memory.admit(s.place, order, ends, again, s.round, now) {
		return
	}
	deletes := out.Values.IsNull(i)
	value := s.stated(out.Values.At(i), state)
	if r := s.waiting.get(s.place); r != nil {
		s.waiting.replace(r, value, ends, deletes)
		return
	}
	if s.waiting.full() {
		s.letGo = true
		return
	}
	s.waiting.add(&row{place: string(s.place), key: string(out.Keys.At(i)), field: string(field),
		value: append([]byte(nil), value...), ends: ends, deletes: deletes})
}

// The states of a row's window.
const (
	stateOpen  = "open"
	stateFinal = "final"
)

// stated is a value with the field that tells the state, valid until the next call.
func (s *Sink) stated(value []byte, state string) []byte {
	if s.cfg.StateField == "" || len(value) < 2 || value[0] != '{' {
		return value
	}
	b := append(s.value[:0], '{')
	b = append(strconv.AppendQuote(b, s.cfg.StateField), ':')
	b = strconv.AppendQuote(b, state)
	if value[1] != '}' {
		b = append(b, ',')
	}
	s.value = append(b, value[1:]...)
	return s.value
}

func (s *Sink) wakeWriter() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// errAgain ends a refill whose server has gone: there will be another.
var errAgain = errors.New("the server has gone meanwhile")

// fillRows and fillBytes are how much may wait before a refill waits for the writer.
const (
	fillRows  = waitingRows / 4
	fillBytes = waitingBytes / 4
)

// Refill implements record.Cache.
func (s *Sink) Refill(ctx context.Context, read func(take func(*record.Rows) error) error) error {
	s.mu.Lock()
	s.round++
	s.filling, s.owed, s.letGo, s.reveal = true, false, false, false
	link := s.links
	s.mu.Unlock()
	defer context.AfterFunc(ctx, s.wakeAll)()
	err := read(func(out *record.Rows) error { return s.fill(ctx, link, out) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filling = false
	s.changed.Broadcast()
	switch {
	case err == nil:
		s.status.Refills++
	case errors.Is(err, errAgain):
		return nil // a new link asks anew
	default:
		s.owed = true // whoever reads tries again
		return fmt.Errorf("fill sink %s: %w", s.cfg.Name, err)
	}
	return nil
}

// fill takes rows that were read again, and waits while many wait already.
func (s *Sink) fill(ctx context.Context, link uint64, out *record.Rows) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range out.Len() {
		if err := s.awaitRoom(ctx, link); err != nil {
			return err
		}
		if s.refusal(out, i) == "" { // it was counted when it came
			s.put(out, i, stateFinal, true, time.Now().UnixMicro())
		}
	}
	s.wakeWriter()
	return nil
}

// awaitRoom waits while many rows wait. The caller holds the lock.
func (s *Sink) awaitRoom(ctx context.Context, link uint64) error {
	for s.linked && s.links == link && (s.waiting.len() >= fillRows || s.waiting.bytes >= fillBytes) && ctx.Err() == nil {
		s.wakeWriter()
		s.changed.Wait()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if !s.linked || s.links != link {
		return errAgain
	}
	return nil
}

// Settle implements record.Cache. Whether the server has what it was given is not taken from before the
// call: it is looked at, or tried to be reached, once more.
func (s *Sink) Settle(ctx context.Context) error {
	s.mu.Lock()
	s.hurry = true
	s.asked++
	mine := s.asked
	s.mu.Unlock()
	select {
	case s.now <- struct{}{}:
	default:
	}
	defer context.AfterFunc(ctx, s.wakeAll)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.isSettled(mine) && ctx.Err() == nil {
		s.changed.Wait()
	}
	return ctx.Err()
}

// isSettled reports whether, since a call of Settle, the server was seen to have everything, or could
// not be reached. The caller holds the lock.
func (s *Sink) isSettled(call uint64) bool {
	st := s.report()
	return s.seen >= call && (st.State == "connected" && st.Waiting == 0 || st.State == "degraded" && !s.linked)
}

// Report implements record.SinkReporter.
func (s *Sink) Report() record.SinkStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.report()
}

// report is Report for who holds the lock.
func (s *Sink) report() record.SinkStatus {
	st := s.status
	st.Waiting = int64(s.waiting.len() + s.flying)
	switch {
	case !s.linked && s.reason != "":
		st.State, st.Reason = "degraded", s.reason
	case !s.linked:
		st.State = "connecting"
	case s.letGo:
		st.State, st.Reason = "degraded", "more rows come than the server takes; those that were let go are read again"
	case s.filling || s.owed || s.reveal:
		st.State = "filling"
	default:
		st.State = "connected"
	}
	return st
}

// Close writes what waits, if the server takes it in time, and ends the writer.
func (s *Sink) Close() error {
	deadline := s.server.closeBy()
	late := time.AfterFunc(time.Until(deadline), s.wakeAll)
	defer late.Stop()
	s.mu.Lock()
	s.hurry = true
	for s.linked && s.waiting.len()+s.flying > 0 && time.Now().Before(deadline) {
		s.changed.Wait()
	}
	s.mu.Unlock()
	s.stop()
	return nil
}

func (s *Sink) wakeAll() {
	s.mu.Lock()
	s.changed.Broadcast()
	s.mu.Unlock()
}
