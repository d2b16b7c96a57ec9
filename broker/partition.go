package broker

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/nagare-stream/nagare/engine/record"
)

// A partition is one partition of a topic: the only way to its stream inside this process.
type partition struct {
	b       *Broker
	topic   string
	number  int32
	stream  string // name
	subject string // of other clients, and the beginning of ours

	arrived  signal        // a message was stored
	lastSeen atomic.Uint64 // greatest stream sequence that was acknowledged, or told by the server
	acked    atomic.Pointer[PartitionState]
	end      endFile // has acked, unless its path is empty

	overdue atomic.Pointer[overdue] // nil: none
	removed atomic.Int64            // offset before which retention has removed everything
	nothing nothingOld              // to remove; of retention; guarded by Broker.admin
	told    atomic.Pointer[told]    // the newest answer of source.End

	turn      chan struct{} // holds a token while nobody appends; guards what follows
	link      *link         // for which what follows is true
	tail      tail
	tailKnown bool
	producers map[string]*producer
	inflight  []*pending // published and not settled, in order of the log
	spare     [][]byte   // memory of settled batches
	slack     record.Slack
	scratch   record.Records // for records that come without keys or times
}

// tail is the end of a partition's log.
type tail struct {
	seq   uint64 // of the last message; 0: none yet
	next  int64  // offset of the record to come
	chain uint32 // of the last batch
}

// producer is where a producer stands in a partition, batches in flight included.
type producer struct {
	next int64 // number of its first row that is not in the log
	mark uint64
}

func newPartition(b *Broker, topic string, number int32) *partition {
	p := &partition{
		b: b, topic: topic, number: number,
		stream: streamName(topic, number), subject: subjectOf(topic, number),
		turn: make(chan struct{}, 1), producers: make(map[string]*producer),
	}
	if !b.cfg.MemoryOnly {
		p.end.path = filepath.Join(b.knownPath(p.stream), knownEnd)
	}
	p.turn <- struct{}{}
	return p
}

// lock takes the partition for appending.
func (p *partition) lock(ctx context.Context) error {
	select {
	case <-p.turn:
		return nil
	default:
	}
	select {
	case <-p.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *partition) unlock() { p.turn <- struct{}{} }

// stored hears that the message seq is in the stream.
func (p *partition) stored(seq uint64) {
	for {
		old := p.lastSeen.Load()
		if seq <= old || p.lastSeen.CompareAndSwap(old, seq) {
			break
		}
	}
	p.arrived.broadcast()
}

// acknowledged notes what the log holds from now on, for certain if it is durable: only then a start may miss it. That
// it cannot be noted makes the next start see less, and nothing worse. The partition is locked.
func (p *partition) acknowledged(s PartitionState, durable bool) {
	p.acked.Store(&s)
	if p.end.path == "" || !durable {
		return
	}
	if err := p.end.write(s); err != nil {
		p.b.cfg.Logger.Warn("note the end of a log", "topic", p.topic, "partition", p.number, "error", err)
	}
}

// ready makes tail known, through the link in use. The partition is locked.
func (p *partition) ready(ctx context.Context) (*link, error) {
	l, err := p.b.current()
	if err != nil {
		return nil, err
	}
	if err := l.unwritable.err(); err != nil {
		return nil, p.down(err)
	}
	if p.link != l {
		p.fail(&DownError{Reason: "it was restarted"})
		p.link = l
	}
	if p.lastSeen.Load() > p.tail.seq { // another client wrote
		if err := p.settleAll(ctx); err != nil {
			return nil, err
		}
		p.tailKnown = false
	}
	if !p.tailKnown {
		if p.tail, err = p.readTail(ctx, l); err != nil {
			return nil, err
		}
		p.tailKnown = true
	}
	return l, nil
}

// down explains an error of the link: a full disk says more than that the server is down.
func (p *partition) down(err error) error {
	if full := p.b.disk.room(p.topic, MaxBatchBytes); full != nil {
		return full
	}
	return err
}

// fail gives up what is in flight; what the log holds has to be read again. The partition is locked.
func (p *partition) fail(err error) {
	for _, m := range p.inflight {
		m.fail(err)
	}
	p.inflight = p.inflight[:0]
	p.tailKnown = false
	clear(p.producers)
}

// abandon is fail for a partition that is not locked by the caller.
func (p *partition) abandon(err error) {
	<-p.turn
	p.fail(err)
	p.unlock()
	p.arrived.broadcast()
}

// drain waits for everything in flight.
func (p *partition) drain(ctx context.Context) error {
	if err := p.lock(ctx); err != nil {
		return err
	}
	defer p.unlock()
	return p.settleAll(ctx)
}

// A signal wakes all who wait. The zero value is ready for use.
type signal struct {
	mu sync.Mutex
	ch chan struct{}
}

// wait returns a channel that the next broadcast closes.
func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch == nil {
		s.ch = make(chan struct{})
	}
	return s.ch
}

func (s *signal) broadcast() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ch != nil {
		close(s.ch)
		s.ch = nil
	}
}
