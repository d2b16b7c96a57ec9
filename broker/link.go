package broker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	maxPayload   = 8 << 20 // bytes of a message; above it the server warns
	unlimited    = 1 << 50 // for the server's own limits, which would else follow the free disk
	readyPoll    = time.Millisecond
	readyWait    = 30 * time.Second
	requestWait  = 5 * time.Second
	drainTimeout = 5 * time.Second
)

// A link is one run of the server and the connections to it. A restart makes a new one.
type link struct {
	server *server.Server
	write  *nats.Conn // appends and their acknowledgements
	read   *nats.Conn // everything else: a large read must not hold up an append
	js     jetstream.JetStream
	log    *serverLog

	journal *journal // nil: the server syncs each append

	down       condition // this link is of no use any more
	unwritable condition // appends get no reply any more; it can still be read, unless it is down too

	inbox   string
	mu      sync.Mutex
	waiting map[string]*pending // by the last token of the reply subject
	nextID  uint64
}

// startLink starts a server and connects to it.
func startLink(cfg Config, dir string) (*link, error) {
	l := &link{waiting: make(map[string]*pending), log: &serverLog{log: cfg.Logger}}
	l.down.made, l.unwritable.made = make(chan struct{}), make(chan struct{})
	l.log.writeError = l.writeFailed
	opts := &server.Options{
		ServerName:         "nagare",
		JetStream:          true,
		StoreDir:           dir,
		SyncAlways:         !cfg.NoSync && !cfg.gathers(),
		JetStreamMaxStore:  unlimited,
		JetStreamMaxMemory: unlimited,
		MaxPayload:         maxPayload,
		NoSigs:             true,
		DontListen:         cfg.Listen == "",
	}
	if cfg.MaxBytes > 0 {
		opts.JetStreamMaxStore, opts.JetStreamMaxMemory = cfg.MaxBytes, cfg.MaxBytes
	}
	if cfg.Listen != "" {
		host, port, err := net.SplitHostPort(cfg.Listen)
		if err != nil {
			return nil, fmt.Errorf("listen on %s: %w", cfg.Listen, err)
		}
		opts.Host = host
		if opts.Port, err = strconv.Atoi(port); err != nil {
			return nil, fmt.Errorf("listen on %s: the port is no number", cfg.Listen)
		}
		if opts.Port == 0 {
			opts.Port = server.RANDOM_PORT
		}
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("start the embedded broker: %w", err)
	}
	ns.SetLoggerV2(l.log, false, false, false)
	l.server = ns
	if err := l.start(); err != nil {
		l.stop()
		return nil, err
	}
	return l, nil
}

func (l *link) start() error {
	go l.server.Start()
	// With a longer wait the server itself sleeps 25 ms between two looks.
	for deadline := time.Now().Add(readyWait); !l.server.ReadyForConnections(readyPoll); {
		if why := l.log.fatal.Load(); why != nil {
			return &DownError{Reason: *why}
		}
		if time.Now().After(deadline) {
			return &DownError{Reason: fmt.Sprintf("it was not ready within %v", readyWait)}
		}
	}
	if why := l.log.fatal.Load(); why != nil {
		return &DownError{Reason: *why}
	}
	if !l.server.JetStreamEnabled() {
		return &DownError{Reason: "its storage did not start"}
	}
	var err error
	if l.write, err = l.connect("nagare appends"); err != nil {
		return err
	}
	if l.read, err = l.connect("nagare reads"); err != nil {
		return err
	}
	if l.js, err = jetstream.New(l.read); err != nil {
		return fmt.Errorf("connect to the embedded broker: %w", err)
	}
	l.inbox = nats.NewInbox()
	if _, err = l.write.Subscribe(l.inbox+".*", l.acknowledged); err != nil {
		return fmt.Errorf("connect to the embedded broker: %w", err)
	}
	return nil
}

func (l *link) connect(name string) (*nats.Conn, error) {
	nc, err := nats.Connect("", nats.InProcessServer(l.server), nats.Name(name), nats.NoReconnect(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			l.log.log.Warn("broker connection", "name", name, "error", err)
		}),
		nats.ClosedHandler(func(*nats.Conn) { l.giveUp("its connection was closed") }))
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded broker: %w", err)
	}
	return nc, nil
}

// A condition becomes true once, for the first reason given.
type condition struct {
	made chan struct{} // closed when it is true
	once sync.Once
	why  atomic.Pointer[DownError]
}

func (c *condition) set(why *DownError) {
	c.once.Do(func() {
		c.why.Store(why)
		close(c.made)
	})
}

// err is the reason, nil while the condition is not true.
func (c *condition) err() error {
	if why := c.why.Load(); why != nil {
		return why
	}
	return nil
}

// giveUp marks the link as of no use.
func (l *link) giveUp(reason string) {
	l.down.set(&DownError{Reason: reason})
	l.unwritable.set(&DownError{Reason: reason})
}

// writeFailed hears of an error of writing or syncing. Only lack of room is one after which the same
// files can be used again by a restarted server: after any other the kernel may show as written what
// never reached the disk.
func (l *link) writeFailed(text string) {
	room := false
	for _, lack := range []string{"no space left", "quota exceeded", "not enough space"} {
		room = room || strings.Contains(strings.ToLower(text), lack)
	}
	l.unwritable.set(&DownError{Reason: text, Disk: !room})
}

// stop closes the connections and the server and waits for it.
func (l *link) stop() {
	l.giveUp("it was stopped")
	if l.journal != nil {
		l.journal.close()
	}
	if l.write != nil {
		l.write.Close()
	}
	if l.read != nil {
		l.read.Close()
	}
	l.server.Shutdown()
	l.server.WaitForShutdown()
}

// A reply is what the server answered to a publish.
type reply struct {
	seq  uint64
	code int // 0: stored
	text string
}

// Error codes of JetStream that are told apart.
const (
	codeWrongLastSeq = 10071
	codeStoreFailed  = 10077 // the stream's limit of bytes
	codeNoResources  = 10023 // the server's limit
	codeAccountLimit = 10002
	codeNoStream     = 10059
)

// publish sends a message whose reply goes to p.replies.
func (l *link) publish(p *pending, msg *nats.Msg) error {
	l.mu.Lock()
	l.nextID++
	id := strconv.FormatUint(l.nextID, 36)
	l.waiting[id] = p
	l.mu.Unlock()
	p.id = id
	msg.Reply = l.inbox + "." + id
	if err := l.write.PublishMsg(msg); err != nil {
		l.forget(p)
		return &DownError{Reason: err.Error()}
	}
	return nil
}

func (l *link) forget(p *pending) {
	l.mu.Lock()
	delete(l.waiting, p.id)
	l.mu.Unlock()
}

// acknowledged gets every reply to a publish.
func (l *link) acknowledged(m *nats.Msg) {
	id := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	l.mu.Lock()
	p := l.waiting[id]
	delete(l.waiting, id)
	l.mu.Unlock()
	if p == nil {
		return
	}
	r := parseReply(m)
	p.replies <- r // has room: one reply a publish
	if r.code == 0 {
		p.partition.stored(r.seq)
	}
}

func parseReply(m *nats.Msg) reply {
	if status := m.Header.Get("Status"); status != "" {
		return reply{code: codeNoStream, text: "no stream answers (" + status + ")"}
	}
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error *struct {
			Code int    `json:"err_code"`
			Text string `json:"description"`
		} `json:"error"`
	}
	if err := json.Unmarshal(m.Data, &ack); err != nil {
		return reply{code: -1, text: err.Error()}
	}
	if ack.Error != nil {
		return reply{code: ack.Error.Code, text: ack.Error.Text}
	}
	return reply{seq: ack.Seq}
}

// A message is one message of a stream as a direct get returns it.
type message struct {
	seq     uint64
	subject string
	time    time.Time
	header  nats.Header
	data    []byte
}

var errNoMessage = errors.New("no such message")

// get asks a stream for one message: request is the JSON of a direct get.
func (l *link) get(ctx context.Context, stream, request string) (*message, error) {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	m, err := l.read.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream, []byte(request))
	if err != nil {
		if down := l.down.err(); down != nil {
			return nil, down
		}
		if errors.Is(err, nats.ErrNoResponders) {
			return nil, jetstream.ErrStreamNotFound
		}
		return nil, err
	}
	switch status := m.Header.Get("Status"); status {
	case "":
		return parseMessage(m)
	case "404":
		return nil, errNoMessage
	default:
		return nil, fmt.Errorf("read a message: status %s %s", status, m.Header.Get("Description"))
	}
}

func parseMessage(m *nats.Msg) (*message, error) {
	seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("read a message: its sequence is no number: %w", err)
	}
	t, err := time.Parse(time.RFC3339Nano, m.Header.Get(jetstream.TimeStampHeaer))
	if err != nil {
		return nil, fmt.Errorf("read message %d: its time is no time: %w", seq, err)
	}
	return &message{seq, m.Header.Get(jetstream.SubjectHeader), t, m.Header, m.Data}, nil
}

// serverLog takes the log of the server. It goes to slog one level down: what matters is reported
// as an error of a call.
type serverLog struct {
	log        *slog.Logger
	fatal      atomic.Pointer[string]
	writeError func(what string)
}

func (s *serverLog) Noticef(format string, v ...any) { s.log.Debug(fmt.Sprintf(format, v...)) }
func (s *serverLog) Debugf(format string, v ...any)  { s.log.Debug(fmt.Sprintf(format, v...)) }
func (s *serverLog) Tracef(format string, v ...any)  { s.log.Debug(fmt.Sprintf(format, v...)) }

// Fatalf does not end the process, as the server's own log would.
func (s *serverLog) Fatalf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	s.log.Error(text)
	s.fatal.CompareAndSwap(nil, &text)
}

// Warnf and Errorf hear of write errors: after one, publishers get no reply any more.
func (s *serverLog) Warnf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	s.log.Info(text)
	s.hear(format, text)
}

func (s *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	s.log.Warn(text)
	s.hear(format, text)
}

func (s *serverLog) hear(format, text string) {
	if strings.Contains(format, "critical write error") || strings.Contains(format, "disabling JetStream") {
		s.writeError(text)
	}
}
