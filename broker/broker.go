package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Defaults of a Config.
const (
	DefaultMinFree = 16 << 20 // bytes
	DefaultBallast = 16 << 20 // bytes
)

// Config says how to run the embedded server. The zero value with a Dir is usable.
type Config struct {
	Dir        string // of the server's files; the caller holds the lock of the data folder
	MemoryOnly bool   // topics are in memory and lost on Close; Dir is not needed
	Serverless bool   // topics are in memory, and no server is started for them: for tests, which come by the hundred; Dir is not looked at
	NoSync     bool   // acknowledge before the data is on the disk: a power cut loses it
	// Gather is how long appends are gathered at most to be made durable together, once others have been; 0:
	// DefaultGather, below 0: each is by itself. Of a Shared broker each is by itself.
	Gather time.Duration
	// Remade names topics whose rows are made of other records again after a crash: see RowWriter. A power cut may take
	// what came behind the last Sync; nil: there are none.
	Remade   func(topic string) bool
	MaxBytes int64 // of all topics together; 0: only MinFree bounds them
	MinFree  int64 // bytes of the disk that appends leave free, for checkpoints; 0: DefaultMinFree, below 0: none
	// Last is topics that are written on when the disk is full, so that somebody is told: they use what MinFree leaves
	// but for a MiB, and then the ballast, which takes that much of the disk beforehand, in the background.
	Last    []string
	Ballast int64  // bytes, if there are such topics; 0: DefaultBallast
	Listen  string // "host:port" for other NATS clients; empty: no port is opened
	Shared  bool   // others may write through Connect; implied by Listen
	// Generations is which generation of a topic stands under its name; see GenerationName. 0 and 1: the first.
	Generations map[string]int
	RetainEvery time.Duration // how often old records are looked for; 0: DefaultRetainEvery
	Expect      []LogState    // ends that logs have to have at least, as Ends gave them to a checkpoint
	Logger      *slog.Logger  // nil: nothing is logged
}

func (c Config) withDefaults() Config {
	if c.MinFree == 0 {
		c.MinFree = DefaultMinFree
	}
	if c.Ballast == 0 {
		c.Ballast = DefaultBallast
	}
	if c.Listen != "" {
		c.Shared = true
	}
	if c.Gather == 0 {
		c.Gather = DefaultGather
	}
	if c.RetainEvery == 0 {
		c.RetainEvery = DefaultRetainEvery
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// A Broker is an embedded server and its topics. Its methods may be used by several goroutines.
type Broker struct {
	cfg     Config
	dir     string // of the server
	scratch string // removed by Close: MemoryOnly without a Dir
	disk    *diskWatch
	keeper  keeper
	ackWait time.Duration // how long an append waits for its reply before the log is asked

	mu     sync.RWMutex
	link   *link
	linked chan struct{} // closed when link is replaced
	closed bool
	topics map[string]*topic
	limits map[string]int64                                          // see LimitBytes
	unread atomic.Pointer[func(topic string, partition int32) int64] // see KeepUnread
	byName map[string]*partition                                     // by name of the stream

	unnoted atomic.Int64  // bytes acknowledged since indexes were noted
	noting  chan struct{} // has room for one: it is time to note them

	journaled *journaled                     // what the journal held at the start
	syncing   sync.Mutex                     // also guards what follows
	synced    map[string]map[int]os.FileInfo // by stream and block

	noticed sync.Mutex
	notices []string

	admin sync.Mutex // one change of topics, or restart, at a time
	stop  chan struct{}
	loops sync.WaitGroup
}

// Open starts the server on cfg.Dir, which is made if need be, and finds its topics. It returns once
// the server takes appends. It returns a *DamageError, and has changed nothing, when a log is not what
// it was when it was acknowledged.
func Open(ctx context.Context, cfg Config) (*Broker, error) {
	cfg = cfg.withDefaults()
	b := &Broker{cfg: cfg, dir: cfg.Dir, ackWait: ackWait, linked: make(chan struct{}), topics: make(map[string]*topic), limits: make(map[string]int64), byName: make(map[string]*partition), stop: make(chan struct{}), noting: make(chan struct{}, 1)}
	if cfg.Serverless {
		if cfg.Shared {
			return nil, errors.New("open broker: without a server there is nothing that other clients could reach")
		}
		b.keeper = newBareTopics()
		return b, nil
	}
	b.keeper = served{b}
	if cfg.Dir == "" {
		if !cfg.MemoryOnly {
			return nil, errors.New("open broker: no folder is given")
		}
		dir, err := os.MkdirTemp("", "nagare-broker-*")
		if err != nil {
			return nil, fmt.Errorf("open broker: %w", err)
		}
		b.dir, b.scratch = dir, dir
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, fmt.Errorf("open broker in %s: %w", b.dir, err)
	}
	b.disk = newDiskWatch(b.dir, filepath.Join(b.dir, ballastFolder), cfg)
	if err := b.start(ctx); err != nil {
		b.removeScratch()
		return nil, fmt.Errorf("open broker in %s: %w", b.dir, err)
	}
	b.loops.Go(b.retainLoop)
	b.loops.Go(b.noteLoop)
	if b.disk != nil && len(cfg.Last) > 0 {
		b.loops.Go(b.fillLoop)
	}
	return b, nil
}

// start runs a new link and loads the topics through it.
func (b *Broker) start(ctx context.Context) error {
	proofs, err := b.prepare()
	if err != nil {
		return err
	}
	l, err := startLink(b.cfg, b.dir)
	if err != nil {
		return err
	}
	if err := b.loadTopics(ctx, l, proofs); err != nil {
		l.stop()
		return err
	}
	if err := b.openJournal(ctx, l); err != nil {
		l.stop()
		return err
	}
	if b.cfg.Shared {
		if _, err := l.read.Subscribe(wakeSubject+">", b.woken); err != nil {
			l.stop()
			return err
		}
	}
	b.mu.Lock()
	b.link = l
	close(b.linked)
	b.linked = make(chan struct{})
	b.mu.Unlock()
	return nil
}

// prepare brings the server's folder in order and proves that the logs are whole.
func (b *Broker) prepare() (map[string]*proof, error) {
	if b.cfg.MemoryOnly {
		return nil, nil
	}
	if err := b.tidy(); err != nil {
		return nil, err
	}
	return b.prove(false)
}

// tidy ends what was cut short, and puts back descriptions.
func (b *Broker) tidy() error {
	found, err := readJournal(b.journalPath())
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	if b.journaled = found; found.damaged {
		b.notice("a part of the journal of what was appended last was damaged; what its topics lack is told by them")
	}
	if err := b.undoUpdates(); err != nil {
		return err
	}
	if err := b.restoreDescriptions(); err != nil {
		return err
	}
	return b.putAside()
}

// woken hears from the server of a stored message, which another client may have written.
func (b *Broker) woken(m *nats.Msg) {
	stream := strings.TrimPrefix(m.Subject, wakeSubject)
	if dot := strings.IndexByte(stream, '.'); dot >= 0 {
		stream = stream[:dot]
	}
	seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return
	}
	b.mu.RLock()
	p := b.byName[stream]
	b.mu.RUnlock()
	if p != nil {
		p.stored(seq)
	}
}

// current returns the link in use.
func (b *Broker) current() (*link, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.closed {
		return nil, &DownError{Reason: "it is closed"}
	}
	return b.link, nil
}

// relinked waits until a link other than old is in use.
func (b *Broker) relinked(ctx context.Context, old *link) error {
	for {
		b.mu.RLock()
		closed, changed, next := b.closed, b.linked, b.link
		b.mu.RUnlock()
		if closed {
			return &DownError{Reason: "it is closed"}
		}
		if next != old {
			return nil
		}
		select {
		case <-changed:
		case <-b.stop:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Healthy returns nil while appends are possible, else why not: a *DownError that Restart can mend,
// or a *FullError that more room can.
func (b *Broker) Healthy() error {
	return b.keeper.healthy()
}

func (b served) healthy() error {
	l, err := b.current()
	if err != nil {
		return err
	}
	if err := l.unwritable.err(); err != nil {
		return err
	}
	if err := b.disk.room("", MaxBatchBytes); err != nil {
		return err
	}
	for _, p := range b.partitions() {
		if err := p.refusal(); err != nil {
			return err
		}
	}
	return nil
}

// Restart stops the server and starts it again: after a write error nothing else helps. Readers go on
// by themselves; an append in flight fails with a *DownError and can be sent again with its identity.
// After a failure of the disk itself it refuses: the process has to end, and the disk to be looked at.
func (b *Broker) Restart(ctx context.Context) error {
	return b.keeper.restart(ctx)
}

func (b served) restart(ctx context.Context) error {
	b.admin.Lock()
	defer b.admin.Unlock()
	l, err := b.current()
	if err != nil {
		return err
	}
	if err := b.disk.restartRoom(); err != nil {
		return fmt.Errorf("restart the embedded broker: %w", err)
	}
	var down *DownError
	if errors.As(l.unwritable.err(), &down) && down.Disk {
		return down
	}
	l.stop()
	for _, p := range b.partitions() {
		p.abandon(&DownError{Reason: "it was restarted"})
	}
	if err := b.start(ctx); err != nil {
		return fmt.Errorf("restart the embedded broker: %w", err)
	}
	return nil
}

// Close waits for the appends in flight and stops the server.
func (b *Broker) Close() error {
	return b.keeper.close()
}

func (b served) close() error {
	b.admin.Lock()
	defer b.admin.Unlock()
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	l := b.link
	b.mu.Unlock()

	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	var first error
	for _, p := range b.partitions() {
		if err := p.drain(ctx); err != nil && first == nil {
			first = fmt.Errorf("close broker: %w", err)
		}
	}
	if l.journal != nil {
		if err := l.journal.checkpoint(); err != nil && first == nil {
			first = fmt.Errorf("close broker: %w", err)
		}
	}
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	close(b.stop)
	l.stop()
	b.loops.Wait()
	for _, p := range b.partitions() {
		p.arrived.broadcast()
		p.end.close()
	}
	b.removeScratch()
	return first
}

func (b *Broker) removeScratch() {
	if b.scratch != "" {
		_ = os.RemoveAll(b.scratch)
	}
}

// partitions returns all partitions of all topics, in order of topic and number.
func (b *Broker) partitions() []*partition {
	b.mu.RLock()
	defer b.mu.RUnlock()
	names := make([]string, 0, len(b.topics))
	for name := range b.topics {
		names = append(names, name)
	}
	slices.Sort(names)
	var all []*partition
	for _, name := range names {
		all = append(all, b.topics[name].partitions...)
	}
	return all
}

// Connect returns a connection of another NATS client in this process. The caller closes it.
func (b *Broker) Connect() (*nats.Conn, error) {
	if !b.cfg.Shared {
		return nil, errors.New("connect to the embedded broker: it is not shared with other clients")
	}
	l, err := b.current()
	if err != nil {
		return nil, err
	}
	return nats.Connect("", nats.InProcessServer(l.server), nats.Name("nagare client"))
}

// Address returns where other NATS clients connect to, or "" without Config.Listen.
func (b *Broker) Address() string {
	l, err := b.current()
	if err != nil || b.cfg.Listen == "" || l.server.Addr() == nil {
		return ""
	}
	return l.server.Addr().String()
}

// Dir returns the folder of the server.
func (b *Broker) Dir() string { return filepath.Clean(b.dir) }
