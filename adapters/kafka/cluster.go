package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is a cluster and how to reach it.
type Config struct {
	Hosts      []string // HOST:PORT; empty: bootstrap.servers of the properties
	Properties []Property
	Name       string // of the pipeline: its groups and transactional ids begin with it
	Logger     *slog.Logger
	// Dialer makes every connection, without TLS; nil: the library's own.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
	// Options are further settings of every client, for tests.
	Options []kgo.Opt
}

// openWait is how long a cluster may take to answer at first, and askWait any later question that
// somebody waits for.
const (
	openWait = 8 * time.Second
	askWait  = 5 * time.Second
)

// transactionVersion is the feature from which on transactions cannot be torn (KIP-890).
const (
	transactionFeature = "transaction.version"
	transactionVersion = 2
)

// A Cluster is a connection to a Kafka cluster. Its methods may be used by several goroutines.
type Cluster struct {
	cfg    Config
	client *client
	kc     *kgo.Client
	admin  *kadm.Client
	log    *slog.Logger

	id      string // of the cluster
	brokers int
	version string
	exactly bool
}

// Open connects and finds out what the cluster can do. It fails within 10 s with a sentence that says
// what to do.
func Open(ctx context.Context, cfg Config) (*Cluster, error) {
	c := &Cluster{cfg: cfg, client: &client{fetch: defaultFetch}, log: cfg.Logger}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if faults := c.client.apply(cfg.Properties); len(faults) > 0 {
		return nil, &SettingsError{faults}
	}
	if len(cfg.Hosts) > 0 {
		c.client.seeds = cfg.Hosts
	}
	var err error
	if c.client.seeds, err = checkHosts(c.client.seeds); err != nil {
		return nil, &SettingsError{[]error{err}}
	}
	secure, err := c.client.security.options()
	if err != nil {
		return nil, &SettingsError{[]error{err}}
	}
	c.client.all = append(append(c.client.all, secure...), cfg.Options...)
	if cfg.Dialer != nil {
		c.client.all = append(c.client.all, kgo.Dialer(cfg.Dialer))
	}
	if c.kc, err = c.newClient(); err != nil {
		return nil, err
	}
	c.admin = kadm.NewClient(c.kc)
	if err := c.meet(ctx); err != nil {
		c.kc.Close()
		return nil, err
	}
	return c, nil
}

// newClient makes a client of the library with the settings of all and some more.
func (c *Cluster) newClient(more ...kgo.Opt) (*kgo.Client, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(c.client.seeds...), kgo.ClientID("nagare"), kgo.WithLogger(&logger{c.log}),
		kgo.DialTimeout(askWait), kgo.MetadataMinAge(250 * time.Millisecond),
		kgo.DisableClientMetrics()} // no telemetry; and to close would wait for a last report to a broker that hangs
	kc, err := kgo.NewClient(slices.Concat(opts, c.client.all, more)...)
	if err != nil {
		return nil, &SettingsError{[]error{err}}
	}
	return kc, nil
}

// letGo closes a client behind its user's back: it waits for answers, which a broker that hangs never gives.
func letGo(kc *kgo.Client) { go kc.Close() }

// meet asks for the cluster's name and what it can do.
func (c *Cluster) meet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	if err := c.kc.Ping(ctx); err != nil {
		return c.explain(err)
	}
	meta, err := c.admin.BrokerMetadata(ctx)
	if err != nil {
		return c.explain(err)
	}
	c.id, c.brokers = meta.Cluster, len(meta.Brokers)
	versions, err := c.admin.ApiVersions(ctx)
	if err != nil {
		return c.explain(err)
	}
	for _, v := range versions.Sorted() {
		if v.Err != nil {
			continue
		}
		c.version = strings.TrimPrefix(v.VersionGuess(), "v")
		for _, f := range v.Raw().FinalizedFeatures {
			if f.Name == transactionFeature && f.MaxVersionLevel >= transactionVersion {
				c.exactly = true
			}
		}
	}
	return nil
}

// Close ends the connection.
func (c *Cluster) Close() error {
	c.kc.Close()
	return nil
}

// ID is the cluster's own name.
func (c *Cluster) ID() string { return c.id }

// Hosts is where the cluster was asked for.
func (c *Cluster) Hosts() string { return strings.Join(c.client.seeds, ",") }

// ExactlyOnce reports whether rows of sinks are written exactly once.
func (c *Cluster) ExactlyOnce() bool { return c.exactly }

// Describe is the cluster in a few words: "kafka 3 brokers, v4.1, exactly-once".
func (c *Cluster) Describe() string {
	brokers := fmt.Sprintf("%d brokers", c.brokers)
	if c.brokers == 1 {
		brokers = "1 broker"
	}
	writes := "exactly-once"
	if !c.exactly {
		writes = "at-least-once with stable identity (its transaction.version is below 2)"
	}
	return fmt.Sprintf("kafka %s, %s, %s, %s", c.Hosts(), brokers, c.version, writes)
}

// pingWait is how long a look at a cluster that was reached before may take.
const pingWait = 2 * time.Second

// Healthy asks the cluster whether it is there.
func (c *Cluster) Healthy(ctx context.Context) error {
	return c.within(ctx, pingWait, c.kc.Ping)
}

// request bounds a question by askWait and explains its error; see ask.
func (c *Cluster) request(ctx context.Context, do func(ctx context.Context) error) error {
	return c.within(ctx, askWait, do)
}

func (c *Cluster) within(ctx context.Context, wait time.Duration, do func(ctx context.Context) error) error {
	_, err := ask(ctx, c, wait, func(ctx context.Context) (struct{}, error) { return struct{}{}, do(ctx) })
	return err
}

// ask bounds a question and explains its error. The library's requests wait for those before them, for
// one to a host that hangs as long as its connection takes, whatever their context says. So do may
// outlive the call: it changes nothing that its caller sees.
func ask[T any](ctx context.Context, c *Cluster, wait time.Duration, do func(ctx context.Context) (T, error)) (T, error) {
	type answer struct {
		is  T
		err error
	}
	asked, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		is, err := do(asked)
		answers <- answer{is, err}
	}()
	var a answer
	select {
	case a = <-answers:
	case <-asked.Done():
		a.err = asked.Err()
	}
	if a.err == nil || ctx.Err() != nil {
		return a.is, errors.Join(ctx.Err(), a.err)
	}
	return a.is, c.explain(a.err)
}

// group is the name of one of the pipeline's groups.
func (c *Cluster) group(of string) string {
	name := "nagare-" + c.cfg.Name
	if of != "" {
		name += "-" + of
	}
	return name
}

// Commit publishes, for others to look at, up to where the pipeline has read: next offsets by topic and
// partition.
func (c *Cluster) Commit(ctx context.Context, next map[string][]int64) error {
	var offsets kadm.Offsets
	for topic, parts := range next {
		for p, at := range parts {
			offsets.AddOffset(topic, int32(p), at, -1)
		}
	}
	if len(offsets) == 0 {
		return nil
	}
	return c.request(ctx, func(ctx context.Context) error {
		err := c.admin.CommitAllOffsets(ctx, c.group(""), offsets)
		if errors.Is(err, kerr.GroupAuthorizationFailed) {
			err = c.denied(err, Grant{"Read", "group", c.group("")})
		}
		return err
	})
}

// logger takes what the library tells. Its warnings are about single attempts, so they are details
// here: what lasts is seen by whoever waits for an answer.
type logger struct{ log *slog.Logger }

// Level is everything that the log wants to know.
func (l *logger) Level() kgo.LogLevel {
	switch ctx := context.Background(); {
	case l.log.Enabled(ctx, slog.LevelDebug):
		return kgo.LogLevelInfo
	case l.log.Enabled(ctx, slog.LevelInfo):
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelNone
}

// Log passes a line on, a level lower.
func (l *logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelDebug
	if level <= kgo.LogLevelWarn {
		to = slog.LevelInfo
	}
	l.log.Log(context.Background(), to, "kafka: "+msg, keyvals...)
}
