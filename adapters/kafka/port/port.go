package port

import (
	"fmt"
	"net"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

// Config says where the port is and where its topics are kept.
type Config struct {
	Address    string // HOST:PORT; port 0: any
	Dir        string // of topics, groups and transactions
	ClusterID  string
	Partitions int // of topics that do not say
	MaxMessage int // bytes of a batch that is taken
}

// A Port is an open port. Its methods may be called by several goroutines.
type Port struct {
	cluster *kfake.Cluster
	address string

	closing sync.RWMutex // held for reading while the cluster is asked something
	closed  bool

	mu      sync.Mutex
	asking  *kgo.Client      // of the port itself; nil: not made yet
	changes int              // of topics, as far as seen
	appends map[string]bool  // topics, by name or ID: is their time that of the append?
	epochs  map[int64]epochs // of producers of transactions: one for each transactional ID
}

// Open opens a port. What it has acknowledged is on the disk.
func Open(cfg Config) (*Port, error) {
	p := &Port{appends: map[string]bool{}, epochs: map[int64]epochs{}}
	p.closing.Lock() // a client may be there before this returns
	defer p.closing.Unlock()
	listen := func(network, _ string) (net.Listener, error) {
		l, err := net.Listen(network, cfg.Address)
		if err != nil {
			return nil, err
		}
		return listener{l, p}, nil
	}
	c, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.ListenFn(listen),
		kfake.ClusterID(cfg.ClusterID),
		kfake.DataDir(cfg.Dir),
		kfake.SyncWrites(),
		kfake.AllowAutoTopicCreation(),
		kfake.DefaultNumPartitions(cfg.Partitions),
		kfake.MaxVersions(versions()),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": strconv.Itoa(cfg.MaxMessage)}),
	)
	if err != nil {
		return nil, fmt.Errorf("open the Kafka port %s: %w", cfg.Address, err)
	}
	p.cluster, p.address = c, c.ListenAddrs()[0]
	return p, nil
}

// Address is where the port is, HOST:PORT.
func (p *Port) Address() string { return p.address }

// Close ends the port and its connections.
func (p *Port) Close() {
	p.closing.Lock()
	defer p.closing.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	p.mu.Lock()
	asking := p.asking
	p.mu.Unlock()
	if asking != nil {
		asking.Close()
	}
	p.cluster.Close()
}

// firstBatched is the version of AddPartitionsToTxn from which brokers ask each other, in another form.
// kfake overlooks what is in it; Java's clients never use it, others do where they may.
const firstBatched = 4

// versions is what the port says it takes: what kfake does, as far as it goes, with the features of the
// newest Kafka. Client metrics are left out, as by a Kafka that has nobody who takes them.
func versions() *kversion.Versions {
	v := kversion.Stable()
	for key := range int16(kmsg.MaxKey) + 1 {
		if req := kmsg.RequestForKey(key); req != nil {
			v.SetMaxKeyVersion(key, req.MaxVersion())
		}
	}
	v.SetMaxKeyVersion(kmsg.AddPartitionsToTxn.Int16(), firstBatched-1)
	for _, key := range []kmsg.Key{kmsg.GetTelemetrySubscriptions, kmsg.PushTelemetry} {
		v.SetMaxKeyVersion(key.Int16(), -1)
	}
	return v
}

// topic is what the cluster knows of a topic, by its ID where that is given; nil: nothing.
func (p *Port) topic(name string, id [16]byte) *kfake.TopicInfo {
	p.closing.RLock()
	defer p.closing.RUnlock()
	switch {
	case p.closed:
		return nil
	case id != [16]byte{}:
		return p.cluster.TopicIDInfo(id)
	}
	return p.cluster.TopicInfo(name)
}
