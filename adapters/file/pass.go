package file

import (
	"errors"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/nagare-stream/nagare/engine/record"
)

// The limits of what a pass holds. A lane has at most one buffer being filled, queueBuffers
// waiting and one with its reader.
const (
	laneBuffers   = queueBuffers + 2
	queueBuffers  = 2
	passBytes     = 32 << 20
	maxBuffer     = 512 << 10
	minBuffer     = 16 << 10
	bufferRecords = 4096
)

var errHalted = errors.New("all readers are closed")

// pass reads the file once, from its start to its end, for the lanes that are open.
type pass struct {
	src    *Source
	lanes  []*lane
	quiet  bool  // tells nobody how far it is
	bytes  int   // size of a buffer
	number int64 // records found
	keys   keyFinder
	err    error // why the pass ended before the end of the file; set before the lanes are closed

	mu      sync.Mutex // guards opened and missed of the lanes, open and halted
	open    int        // readers
	halted  bool
	stop    chan struct{} // closed when halted
	hungry  chan struct{} // a reader has begun to wait
	started sync.Once
}

// lane is one partition of a pass. The pass owns fill and next.
type lane struct {
	fill *record.Records
	next int64                // offset of the next record
	full chan *record.Records // to the reader; closed at the end
	free chan *record.Records // and back

	waiting atomic.Bool   // the reader waits for records
	opened  bool          // a reader has it, or had it
	missed  bool          // records were let go before a reader came
	closed  chan struct{} // by the reader

	busy bool // it has filled a buffer
	gone bool // the pass knows that nobody wants more records
}

func newPass(s *Source) *pass {
	p := &pass{src: s, stop: make(chan struct{}), hungry: make(chan struct{}, 1)}
	p.bytes = min(maxBuffer, max(minBuffer, passBytes/laneBuffers/s.partitions))
	p.keys.field = s.cfg.KeyField
	p.grow(s.partitions)
	return p
}

// grow makes lanes for so many partitions.
func (p *pass) grow(partitions int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.lanes) < partitions {
		p.lanes = append(p.lanes, &lane{
			full: make(chan *record.Records, queueBuffers), free: make(chan *record.Records, laneBuffers), closed: make(chan struct{}),
		})
	}
}

// attach makes a reader the owner of a lane; false when the lane cannot give it all records.
func (p *pass) attach(partition int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.lanes[partition]
	if p.halted || l.opened || l.missed {
		return false
	}
	l.opened = true
	p.open++
	return true
}

// detach lets a lane go. The pass ends with its last reader.
func (p *pass) detach(partition int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.lanes[partition].closed)
	if p.open--; p.open == 0 {
		p.haltLocked()
	}
}

func (p *pass) halt() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.haltLocked()
}

func (p *pass) haltLocked() {
	if !p.halted {
		p.halted = true
		close(p.stop)
	}
}

// start begins the reading, once.
func (p *pass) start() { p.started.Do(func() { go p.run() }) }

// run reads to the end of the file.
func (p *pass) run() {
	err := p.read()
	if err == nil || err == io.EOF {
		err = p.handAll()
	} else {
		_ = p.handAll() // what lies before the damage
	}
	p.err = err
	if err == nil {
		p.src.keepEnds(p.ends())
	}
	for i := range p.lanes {
		close(p.lanes[i].full)
	}
}

// read finds all records, file by file.
func (p *pass) read() error {
	for i := range p.src.pieces {
		f := &p.src.pieces[i]
		err := p.readPiece(f)
		if err != io.EOF {
			return err
		}
	}
	return io.EOF
}

// readPiece finds the records of a file. It returns io.EOF at its end.
func (p *pass) readPiece(f *piece) error {
	progress := p.src.cfg.Progress
	if p.quiet {
		progress = nil
	}
	in, err := p.src.open(f, progress)
	if err != nil {
		return err
	}
	defer in.Close()
	l := newLines(in, func() error { return p.idle(f) })
	switch f.form {
	case kcat:
		err = p.readKcat(l, f)
	case csv:
		err = p.readCSV(l)
	default:
		err = p.readLines(l)
	}
	if err == io.EOF || errors.Is(err, errHalted) {
		return err
	}
	return f.fault(err)
}

// readLines takes each line that is not blank as a record.
func (p *pass) readLines(l *lines) error {
	keyed := p.keys.field != ""
	for {
		line, err := l.next()
		if err != nil {
			return err
		}
		if blank(line) {
			continue
		}
		var key []byte
		if keyed {
			key = p.keys.find(line)
		}
		to := p.choose(key)
		if to.gone {
			to.next++
			continue
		}
		r := to.fill
		if r == nil {
			r = p.refill(to)
		}
		r.Values.Data = append(r.Values.Data, line...)
		r.Values.Close()
		if err := p.add(to, key, p.src.cfg.Now); err != nil {
			return err
		}
	}
}

// choose counts a record and returns the lane of its partition.
func (p *pass) choose(key []byte) *lane {
	n := p.number
	p.number++
	if key == nil {
		return p.lanes[int(n%int64(len(p.lanes)))]
	}
	return p.lanes[record.PartitionOf(key, len(p.lanes))]
}

// add completes a record whose value has been added to the lane's buffer, and hands the buffer over
// when it is full.
func (p *pass) add(l *lane, key []byte, time int64) error {
	r := l.fill
	r.Keys.Append(key)
	r.Offsets = append(r.Offsets, l.next)
	r.Times = append(r.Times, time)
	if n := len(r.Faults); n > 0 && n < len(r.Offsets) {
		r.Faults = append(r.Faults, "")
	}
	l.next++
	if len(r.Offsets) < bufferRecords && len(r.Values.Data) < p.bytes {
		return nil
	}
	l.busy = true
	return p.hand(l)
}

// refill gives the lane an empty buffer. It is small until one has been filled: a request may be a single line.
func (p *pass) refill(l *lane) *record.Records {
	var r *record.Records
	select {
	case r = <-l.free:
	default:
		r = new(record.Records)
	}
	size := minBuffer / 4
	if l.busy {
		size = p.bytes + p.bytes/8
	}
	if c := cap(r.Values.Data); c < min(size, p.bytes) || c > 4*p.bytes {
		r.Values.Data = make([]byte, 0, size)
	}
	if r.Keys.Data == nil {
		r.Keys.Data = make([]byte, 0, size/16) // an empty key in no memory would be NULL
	}
	r.Reset()
	l.fill = r
	return r
}

// hand gives the lane's buffer to its reader and waits if the queue is full.
func (p *pass) hand(l *lane) error {
	r := l.fill
	l.fill = nil
	select {
	case l.full <- r:
		return nil
	default:
	}
	for {
		if !p.src.live() && p.letGo(l) {
			return nil
		}
		select {
		case l.full <- r:
			return nil
		case <-l.closed:
			l.gone = true
			return nil
		case <-p.stop:
			return errHalted
		case <-p.hungry:
		}
	}
}

// letGo lets a lane without a reader go, if it holds up another one that has nothing left to read.
// Readers that are just about to be opened get a chance first.
func (p *pass) letGo(l *lane) bool {
	if !p.starving() {
		return false
	}
	runtime.Gosched()
	if !p.starving() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l.missed = !l.opened
	l.gone = l.missed
	return l.gone
}

// starving reports whether a reader waits and its queue is empty.
func (p *pass) starving() bool {
	for i := range p.lanes {
		if l := p.lanes[i]; l.waiting.Load() && len(l.full) == 0 {
			return true
		}
	}
	return false
}

// handAll hands over what is left at the end.
func (p *pass) handAll() error {
	for i := range p.lanes {
		if l := p.lanes[i]; l.fill != nil && l.fill.Len() > 0 {
			if err := p.hand(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// idle is called before each read of the file.
func (p *pass) idle(f *piece) error {
	select {
	case <-p.stop:
		return errHalted
	default:
	}
	if f.isLive() {
		p.handWaiting()
	}
	return nil
}

// handWaiting hands over what there is to readers that wait for it, before a read that may take long.
func (p *pass) handWaiting() {
	for i := range p.lanes {
		l := p.lanes[i]
		if l.fill == nil || l.fill.Len() == 0 || len(l.full) > 0 {
			continue
		}
		select {
		case l.full <- l.fill:
			l.fill = nil
		default:
		}
	}
}

// ends returns where the partitions end, once all is read.
func (p *pass) ends() []int64 {
	ends := make([]int64, len(p.lanes))
	for i := range p.lanes {
		ends[i] = p.lanes[i].next
	}
	return ends
}

// keepEnds remembers where the partitions end.
func (s *Source) keepEnds(ends []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ends == nil {
		s.ends = ends
	}
}

func (p *pass) isHalted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.halted
}
