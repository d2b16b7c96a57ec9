package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/redis"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/batch"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/retry"
	"github.com/nagare-stream/nagare/store"
)

// Config is what a Node is made of. Pipeline, Project and Data, or Memory in its place, are needed.
type Config struct {
	Pipeline *plan.Pipeline
	Project  Project
	Data     string // the data folder; with Memory: where sinks of files write
	HTTP     string // address of the API; "": DefaultHTTP or the next free port, HTTPOff: no socket
	Others   Others // how other machines come in; zero: they do not
	Version  string
	Started  time.Time // when the process started; zero: now

	Generate *Generate // nil: nothing is generated
	Kafka    *Kafka    // nil: the embedded broker keeps the topics
	Cache    Cache     // of redis sinks

	// Look opens the folder to look and to write to topics; nothing is processed or served.
	Look bool
	// Apply is the project that takes the place of Pipeline, which made what the folder holds: what it has new or
	// different is filled while Pipeline runs, and then Run returns; see Node.Applied. Nil: nothing changes.
	Apply *plan.Pipeline

	// Once reads the topics to their present end and returns; Close then closes all windows.
	Once, Close bool

	// Doctor makes the checks of `nagare doctor` on the process for its API; nil: nobody can.
	Doctor func(context.Context) []web.Finding

	Logger *slog.Logger
	Stdout *os.File // of console sinks; nil: os.Stdout

	// Unmonitored keeps the process from watching itself: its own topics are not made and not written.
	Unmonitored bool
	// Collect replaces collectors of the machine by name; see monitor.HostConfig.
	Collect map[string]func(*monitor.Reading) error

	// Memory takes the place of the data folder: nothing is written to the disk, no socket is opened.
	Memory *Memory
	// Files opens the files that queries of this process name, never those that come over a socket; nil: they may
	// read none.
	Files *QueryFiles
	// Tune changes what the engine is made of just before it is opened: where tests put faults and clocks.
	Tune func(*engine.Options)
	// TuneLog does so with the embedded broker.
	TuneLog func(*broker.Config)
}

// A Node is an open process. Its methods may be used by several goroutines.
type Node struct {
	cfg      Config
	log      *slog.Logger
	listener net.Listener
	others   net.Listener // nil: no other machine comes in
	notices  []string
	store    *store.Store
	broker   *broker.Broker
	cluster  *kafka.Cluster // nil: the topics are the embedded broker's
	host     host
	cache    *redis.Server // nil: no sink needs one
	server   *web.Server
	token    string
	// Of the socket for other machines; nil: without TLS.
	certificate *certificate
	info        web.Info
	roles       roles
	feed        *feed // nil: nothing is generated
	meter       *meter
	monitor     *monitor.Monitor // nil: nobody watches the process
	telling     telling
	queries     *batch.Budget
	intake      intake

	generations generations
	begun       []web.Generation
	applied     string   // the newest change that was applied, by its id
	filling     *filling // nil: nothing is
	owing       []*renewedSink

	published map[string]int64 // positions that the cluster's tools have been told, by topic and partition
	refusal   string           // why not, as it was told last
	defects   defects          // of the goroutine that runs the engine

	fieldsOnce sync.Once
	fields     map[string]map[string][]column.Type // dataflow.ValueFields, for publish

	replaying atomic.Bool // an alert over history
	rowCounts rowCounts

	mu      sync.RWMutex
	engine  *engine.Engine
	swapped chan struct{} // closed when engine is replaced
	failure string        // why nothing is processed any more
	unknown error         // of a folder that is looked into, why none of its tables can be read; see lookApart
	trouble map[string]*trouble
	reload  context.CancelFunc // stops the engine so that it is opened anew
	again   bool               // reload was called
	watches map[chan struct{}]bool

	closers []func() error // in order of opening
}

// roles is what the topics of a project are for.
type roles struct{ sources, outputs, tables []string }

// Open opens the parts in order. On an error everything that was opened is closed again.
func Open(ctx context.Context, cfg Config) (*Node, error) {
	n := &Node{cfg: cfg, log: cfg.Logger, trouble: map[string]*trouble{}, watches: map[chan struct{}]bool{}, published: map[string]int64{}}
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.cfg.Started.IsZero() {
		n.cfg.Started = time.Now()
	}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	if err := n.sortTopics(); err != nil {
		return err
	}
	n.openBudget()
	if n.cfg.Memory != nil {
		return n.openInMemory(ctx)
	}
	data, err := filepath.Abs(n.cfg.Data)
	if err != nil {
		return fmt.Errorf("find data folder %s: %w", n.cfg.Data, err)
	}
	n.cfg.Data = data
	// Is the folder ours, writable, roomy? Nothing is touched yet.
	fresh, err := checkFolder(data, n.cfg.Project, n.cfg.Look)
	if err != nil {
		return err
	}
	// The socket for this machine, and one for others if that is wanted. A taken port is known before the folder is touched.
	if err := n.openPorts(); err != nil {
		return err
	}
	// The cluster, if one keeps the topics.
	if err := n.openKafka(ctx); err != nil {
		return err
	}
	if err := n.checkCluster(); err != nil {
		return err
	}
	// What redis sinks write to, which may be a server outside or want a port.
	if err := n.openCache(ctx); err != nil {
		return err
	}
	if err := n.claimFolder(ctx, fresh); err != nil {
		return err
	}
	// Topics, with every acknowledged record on the disk.
	if err := n.openBroker(ctx); err != nil {
		return err
	}
	if err := n.chooseHost(ctx); err != nil {
		return err
	}
	if err := n.checkAccess(ctx); err != nil {
		return err
	}
	// A change of the project that was begun is finished, forgotten or gone on with.
	if err := n.settleApplying(ctx); err != nil {
		return err
	}
	if err := n.makeTopics(ctx); err != nil {
		return err
	}
	// The pipeline, from its newest checkpoint.
	if err := n.openPipeline(ctx); err != nil {
		return err
	}
	// What is too old goes, and with it goes what an earlier process had to refuse.
	if err := n.broker.Retain(ctx); err != nil {
		return err
	}
	n.note("broker", text(n.broker.Healthy()))
	// Events, from where they stopped.
	if n.cfg.Generate != nil {
		if n.feed, err = openFeed(n); err != nil {
			return err
		}
	}
	n.describe(fresh)
	if err := n.openWatch(ctx); err != nil {
		return err
	}
	n.server = web.New(web.Config{Backend: n, Address: n.info.Address, Token: n.token, TokenPath: filepath.Join(data, tokenFile), ExitCode: ExitCode, Logger: n.log, Doctor: n.cfg.Doctor})
	return nil
}

// claimFolder opens the store, whose lock is the folder's lock: from then on the folder is ours alone.
func (n *Node) claimFolder(ctx context.Context, fresh bool) error {
	if err := n.openStore(ctx); err != nil {
		return err
	}
	if !n.cfg.Look {
		if err := closeToOthers(n.cfg.Data); err != nil {
			n.notices = append(n.notices, fmt.Sprintf("other users may read data folder %s, and that cannot be changed (%v): chmod -R go-rwx %s", n.cfg.Data, err, n.cfg.Data))
		}
	}
	if err := n.loadGenerations(context.Background()); err != nil {
		return err
	}
	if err := removePassing(n.cfg.Data); err != nil {
		return fmt.Errorf("remove what a killed process has left in data folder %s: %w", n.cfg.Data, err)
	}
	// A reset that was cut short is finished.
	if err := n.finishReset(); err != nil {
		return err
	}
	if fresh {
		if err := writeIdentity(n.cfg.Data, n.cfg.Project); err != nil {
			return err
		}
	}
	n.tellIdentity()
	var err error
	n.token, err = ensureToken(n.cfg.Data)
	return err
}

// generates reports whether the generator writes to a topic.
func (n *Node) generates(topic string) bool {
	return n.cfg.Generate != nil && n.cfg.Generate.Topic == topic
}

func (n *Node) brokerText() string {
	switch {
	case n.cluster != nil && n.cfg.Kafka.Listen != "":
		return "kafka port " + n.cluster.Hosts() + " of this process, for development; every record on the disk before it is acknowledged"
	case n.cluster != nil:
		return n.cluster.Describe()
	}
	return "embedded, every record on the disk before it is acknowledged"
}

func (n *Node) onClose(f func() error) { n.closers = append(n.closers, f) }

// Close closes the parts in reverse.
func (n *Node) Close() error {
	var all error
	for _, f := range slices.Backward(n.closers) {
		all = errors.Join(all, f())
	}
	n.closers = nil
	return all
}

func (n *Node) openPorts() error {
	if n.cfg.Look || n.cfg.Once {
		return nil
	}
	if err := n.openOthers(); err != nil || n.cfg.HTTP == HTTPOff {
		return err
	}
	l, notice, err := listen(n.cfg.HTTP)
	if err != nil {
		return err
	}
	n.listener = l
	n.onClose(func() error { return closeListener(l) })
	if notice != "" {
		n.notices = append(n.notices, notice)
	}
	return nil
}

// lookWait is for how long a folder is waited for that somebody looks into.
const lookWait = 10 * time.Second

// openStore takes the folder. Who only looks into it is waited for: a query that came a moment before is no reason to refuse.
func (n *Node) openStore(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	s, err := n.takeStore()
	var used *store.InUseError
	for told := n.cfg.Look; errors.As(err, &used) && used.Looks && retry.Pause(wait, 10*time.Millisecond) == nil; s, err = n.takeStore() {
		if !told {
			n.log.Warn("the data folder is looked into, and is waited for", "process", used.PID)
		}
		told = true
	}
	if err != nil {
		return err
	}
	n.store = s
	n.onClose(s.Close)
	n.notices = append(n.notices, s.Notices()...)
	if n.listener != nil {
		s.SetAddress(n.listener.Addr().String())
	}
	return nil
}

func (n *Node) takeStore() (s *store.Store, err error) {
	if n.isResetting() {
		s, _, err = store.Renew(n.storeConfig())
		return s, err
	}
	return store.Open(n.storeConfig())
}

func (n *Node) storeConfig() store.Config {
	return store.Config{Path: filepath.Join(n.cfg.Data, storeFile), Started: n.cfg.Started, Looks: n.cfg.Look}
}

func (n *Node) openBroker(ctx context.Context) error {
	b, err := n.openLogs(ctx)
	if err != nil {
		return err
	}
	n.broker = b
	b.KeepUnread(n.unread)
	n.onClose(b.Close)
	n.notices = append(n.notices, b.Notices()...)
	return nil
}

// makeTopics makes the topics that the project reads and writes.
func (n *Node) makeTopics(ctx context.Context) error {
	made := false
	for _, name := range slices.Concat(n.roles.sources, n.roles.outputs) {
		has, err := n.host.HasTopic(ctx, name)
		if err != nil {
			return err
		}
		if has {
			if err := n.settleTopic(ctx, name); err != nil {
				return err
			}
			continue
		}
		if n.cluster != nil && n.cfg.Kafka.Listen == "" && slices.Contains(n.roles.sources, name) && !n.generates(name) && !monitor.IsOwn(name) {
			return n.cluster.MissingTopic(name)
		}
		if err := n.host.CreateTopic(ctx, n.topicConfig(name)); err != nil {
			return err
		}
		made = true
	}
	if made {
		if err := n.checkAccess(ctx); err != nil { // of a topic that was not there nothing could be told
			return err
		}
	}
	n.warnOfCompaction(ctx)
	return n.tellDuplicates(ctx)
}

// describe notes what does not change any more.
func (n *Node) describe(fresh bool) {
	st := n.engine.Status()
	n.tellRetention(&st)
	n.info = web.Info{
		Project: n.cfg.Project.Name, Path: n.cfg.Project.Path, Data: n.cfg.Data, PID: os.Getpid(), Version: n.cfg.Version,
		Broker: n.brokerText(), Started: n.cfg.Started.UTC(), New: fresh,
		Resumed: st.Events, ResumedAt: st.Watermark, Epoch: st.Epoch, Running: !n.cfg.Look,
		Sources: n.roles.sources, Outputs: n.roles.outputs,
		Cache:    n.cacheText(),
		Instance: fmt.Sprintf("%d-%d", os.Getpid(), n.cfg.Started.UnixNano()),
	}
	if n.listener != nil {
		n.info.Address = n.listener.Addr().String()
	}
	n.info.Others = n.othersURL()
	if n.feed != nil {
		n.info.Rate = n.feed.gen.Config().Rate
	}
	if n.cfg.Look && n.cfg.Memory == nil {
		n.info.Failed = lastFailure(n.cfg.Data)
	}
	n.meter = newMeter(n)
}

// Info is what hardly changes while the process runs.
func (n *Node) Info() web.Info {
	info := n.info
	info.LostNotes, info.Filling, info.Fillings = n.lostNotes(), n.Filling(), n.Fillings()
	return info
}

// Notices are sentences for the user about the start.
func (n *Node) Notices() []string { return n.notices }

// Server answers API requests, with or without a socket.
func (n *Node) Server() *web.Server { return n.server }

// Token is what state-changing API requests show.
func (n *Node) Token() string { return n.token }

// processNote is the content of process.json: how a second shell reaches this process.
type processNote struct {
	PID      int    `json:"pid"`
	Address  string `json:"address"`
	Instance string `json:"instance"`
}

const processFile = "process.json"

// announce tells other shells where the API is. The file is information: who reads it has to ask.
func (n *Node) announce() error {
	if n.info.Address == "" {
		return nil
	}
	text, err := json.Marshal(processNote{os.Getpid(), n.info.Address, n.info.Instance})
	if err != nil {
		return err
	}
	path := filepath.Join(n.cfg.Data, processFile)
	n.onClose(func() error { _ = os.Remove(path); return nil })
	return writeFile(path, append(text, '\n'))
}

// Address reads where the process of a data folder says that its API is; "" when none runs, or one
// without a socket. A process that was killed leaves an address behind.
func Address(data string) string {
	text, err := os.ReadFile(filepath.Join(data, processFile))
	if err != nil {
		return ""
	}
	var p processNote
	if json.Unmarshal(text, &p) != nil {
		return ""
	}
	return p.Address
}

// findRoles sorts the topics of a project, and refuses names that stand for two things.
func findRoles(p *plan.Pipeline) (roles, error) {
	var r roles
	for _, d := range p.Datasets {
		switch {
		case d.Kind == plan.SourceTopic:
			for _, t := range d.Topics {
				if !slices.Contains(r.sources, t) {
					r.sources = append(r.sources, t)
				}
			}
		case d.HasTopic():
			r.tables = append(r.tables, d.Name)
		}
	}
	if len(p.Alerts) > 0 {
		r.outputs = append(r.outputs, engine.AlertTopic)
	}
	for _, s := range p.Sinks {
		topic := s.Options["topic"]
		if s.Format != "kafka" || topic == "" {
			continue
		}
		if slices.Contains(r.tables, topic) {
			return r, fmt.Errorf("%s:%d:%d: sink %s writes to topic %s, which is where the table of that name keeps its rows; choose another topic", s.Pos.File, s.Pos.Line, s.Pos.Col, s.Name, topic)
		}
		if !slices.Contains(r.outputs, topic) {
			r.outputs = append(r.outputs, topic)
		}
	}
	return r, nil
}

// CheckStore reads the whole store and tells the first fault.
func (n *Node) CheckStore() error {
	if n.store == nil {
		return nil
	}
	return n.store.Check()
}
