package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/retry"
)

// KafkaProject as Kafka.Hosts stands for the address in the project's own options.
const KafkaProject = "project"

// Kafka is a cluster that keeps the topics of a project in place of the embedded broker.
type Kafka struct {
	Hosts      string // HOST:PORT,…, or KafkaProject
	Properties []kafka.Property
	File       string // that the properties are from, for the next start
	Listen     string // instead of Hosts: a port of this process's own, see listenKafka
	// Dialer makes every connection, without TLS; nil: TCP. It is where tests put networks and faults.
	Dialer Dialer
}

// A Dialer makes a connection, as net.Dialer's DialContext does.
type Dialer = func(ctx context.Context, network, address string) (net.Conn, error)

// The options kafka.… of a project are client settings; this one says where the cluster is.
const (
	kafkaOption      = "kafka."
	bootstrapServers = "bootstrap.servers"
)

// cluster is a Kafka cluster as a host.
type cluster struct {
	*kafka.Cluster
	project  *plan.Pipeline
	instance string // of the data folder

	generation int // of the rows of the sink that is opened; 0, 1: the first
}

// Topics lists the topics, with what the project says of their keys.
func (c cluster) Topics(ctx context.Context) ([]broker.TopicInfo, error) {
	infos, err := c.Cluster.Topics(ctx)
	for i := range infos {
		infos[i].Key = c.project.Config.Topics[infos[i].Name].Key
	}
	return infos, err
}

// Topic describes a topic, with what the project says of its key.
func (c cluster) Topic(ctx context.Context, name string) (broker.TopicInfo, error) {
	info, err := c.Cluster.Topic(ctx, name)
	info.Key = c.project.Config.Topics[name].Key
	return info, err
}

// Source opens a topic with the options of the sources that read it.
func (c cluster) Source(topic string, untilEnd bool) (record.Source, error) {
	opt := kafka.SourceOptions{UntilEnd: untilEnd, Headers: c.project.HeadersOf(topic)}
	for _, d := range c.project.Datasets {
		if _, reads := d.Starts[topic]; reads {
			opt.TolerateLoss = d.TolerateLoss
			opt.Properties = clientOptions(d.Options, "source."+d.Name)
			break
		}
	}
	return c.Cluster.Source(topic, opt)
}

// Writer returns the writer of a producer.
func (c cluster) Writer(topic, producer string) (topicWriter, error) {
	w := c.Cluster.Writer(topic, c.instance+"/"+producer)
	if slices.Contains(ownTopics, topic) {
		w.Compress() // a second's records are much alike
	}
	return w, nil
}

// Sink writes rows to topics of the cluster.
func (c cluster) Sink(def *plan.SinkDef, create func(topic string) broker.TopicConfig) (record.Sink, error) {
	return c.Cluster.Sink(kafka.SinkOptions{Name: def.Name, Instance: c.instance, Generation: c.generation, Topic: def.Options["topic"], Create: create,
		Properties: clientOptions(def.Options, "sink."+def.Name)})
}

// clientOptions is the client settings among a source's or sink's options. Where the cluster is, --kafka
// says for all.
func clientOptions(options map[string]string, of string) []kafka.Property {
	var list []kafka.Property
	for _, key := range sortedKeys(options) {
		if name, ok := strings.CutPrefix(key, kafkaOption); ok && name != bootstrapServers {
			list = append(list, kafka.Property{Key: name, Value: options[key], Place: of + ".option." + kafkaOption})
		}
	}
	return list
}

// projectHosts is the address that the project's sources name.
func projectHosts(p *plan.Pipeline) (string, error) {
	for _, d := range p.Datasets {
		if hosts := d.Options[kafkaOption+bootstrapServers]; hosts != "" {
			return hosts, nil
		}
	}
	return "", errors.New("reach Kafka: the project names no address; add source.<name>.option.kafka.bootstrap.servers, or say --kafka HOST:PORT")
}

// openKafka connects to the cluster, if there is to be one, before anything in the folder is touched.
func (n *Node) openKafka(ctx context.Context) error {
	k := n.cfg.Kafka
	switch {
	case k == nil:
		return nil
	case k.Listen != "":
		n.cfg.Project.Listen = true
		return ProbePort(k.Listen, listenFlag)
	}
	return n.connectKafka(ctx, k.Hosts)
}

// connectKafka connects to a cluster.
func (n *Node) connectKafka(ctx context.Context, hosts string) error {
	k := n.cfg.Kafka
	if hosts == KafkaProject {
		var err error
		if hosts, err = projectHosts(n.cfg.Pipeline); err != nil {
			return err
		}
	}
	properties := k.Properties
	for _, d := range n.cfg.Pipeline.Datasets { // security of the first source is that of all
		if opts := clientOptions(d.Options, "source."+d.Name); len(opts) > 0 {
			properties = append(opts, properties...)
			break
		}
	}
	c, err := kafka.Open(ctx, kafka.Config{Hosts: kafka.SplitHosts(hosts), Properties: properties, Name: n.cfg.Project.Name, Logger: n.log, Dialer: k.Dialer})
	if err != nil {
		return err
	}
	n.onClose(c.Close)
	n.cluster = c
	if k.Listen == "" {
		n.cfg.Project.Cluster, n.cfg.Project.Kafka, n.cfg.Project.KafkaConfig = c.ID(), c.Hosts(), k.File
	}
	return nil
}

// chooseHost decides who keeps the topics.
func (n *Node) chooseHost(ctx context.Context) error {
	n.host = embedded{n.broker}
	if n.cfg.Kafka != nil && n.cfg.Kafka.Listen != "" {
		address, err := n.listenKafka()
		if err != nil {
			return err
		}
		if err := n.connectKafka(ctx, address); err != nil {
			return err
		}
	}
	if n.cluster == nil {
		return nil
	}
	instance, err := n.instance()
	if err != nil {
		return err
	}
	n.host = cluster{Cluster: n.cluster, project: n.cfg.Pipeline, instance: instance}
	return nil
}

// checkCluster refuses a folder whose positions belong to other topics.
func (n *Node) checkCluster() error {
	had, err := ReadIdentity(n.cfg.Data)
	if err != nil || had.Cluster == n.cfg.Project.Cluster && had.Listen == n.cfg.Project.Listen {
		return nil // a new one, or the same
	}
	e := &DataError{Dir: n.cfg.Data, Fix: "or " + otherFolder}
	switch {
	case had.Listen:
		e.Reason, e.Fix = "its topics are those of its own Kafka port", "say --kafka-listen 9092, "+e.Fix
	case had.Cluster == "":
		e.Reason, e.Fix = "its topics are those of the embedded broker, not of Kafka", "leave --kafka out, "+e.Fix
	case n.cfg.Project.Cluster == "":
		e.Reason, e.Fix = "its topics are on Kafka at "+had.Kafka, "say --kafka "+had.Kafka+", "+e.Fix
	default:
		e.Reason, e.Fix = fmt.Sprintf("its topics are on the Kafka cluster %s, and %s is %s", had.Cluster, n.cfg.Project.Kafka, n.cfg.Project.Cluster), "name that cluster with --kafka, "+e.Fix
	}
	return e
}

// checkAccess refuses a user who may not do what the pipeline does with the cluster, before it begins.
func (n *Node) checkAccess(ctx context.Context) error {
	if n.cluster == nil || n.cfg.Look {
		return nil
	}
	a := kafka.Access{Read: n.roles.sources, Write: slices.Clone(n.roles.outputs)}
	if n.cfg.Generate != nil {
		a.Write = append(a.Write, n.cfg.Generate.Topic)
	}
	for _, s := range n.cfg.Pipeline.Sinks {
		if s.Format == "kafka" {
			a.Sinks = append(a.Sinks, s.Name)
		}
	}
	if len(n.cfg.Pipeline.Alerts) > 0 {
		a.Sinks = append(a.Sinks, engine.AlertSink)
	}
	return n.cluster.Check(ctx, a)
}

// keptEnough is how long a compacted topic that is read should leave records alone.
const keptEnough = time.Hour

// warnOfCompaction names sources from which Kafka may take records that a restart reads again: their rows would be
// numbered otherwise than before, so that some were taken for those that a sink has, and left out.
func (n *Node) warnOfCompaction(ctx context.Context) {
	if n.cluster == nil || n.cfg.Look || n.cfg.Kafka.Listen != "" {
		return
	}
	found, err := n.cluster.Compacted(ctx, n.roles.sources)
	if err != nil {
		n.log.Warn("whether topics are compacted cannot be told", "error", err)
	}
	for _, c := range found {
		if c.Kept < keptEnough {
			n.log.Warn("this source is a compacted topic: records behind the last checkpoint may be gone when they are read again after a crash, and rows be left out; set its min.compaction.lag.ms to more than the time for which nagare may be away",
				"topic", c.Topic, "min.compaction.lag.ms", c.Kept.Milliseconds())
		}
	}
}

const instanceFile = "instance"

// instance is a random name of what the folder holds, made anew by a reset: rows that others have
// written say nothing about those of this folder.
func (n *Node) instance() (string, error) {
	if n.cfg.Memory != nil {
		return n.cfg.Memory.instance, nil
	}
	path := filepath.Join(n.cfg.Data, instanceFile)
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the name of data folder %s: %w", n.cfg.Data, err)
	}
	name := newInstance()
	return name, writeFile(path, []byte(name+"\n"))
}

func newInstance() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// publishPositions tells a cluster's tools how far the pipeline has read.
func (n *Node) publishPositions(ctx context.Context) {
	if n.cluster == nil {
		return
	}
	next := map[string][]int64{}
	moved := false
	for _, p := range n.current().Status().Partitions {
		next[p.Topic] = append(next[p.Topic], p.Position)
		moved = moved || n.published[p.Topic+"/"+fmt.Sprint(p.Partition)] != p.Position
	}
	if !moved {
		return
	}
	err := n.cluster.Commit(ctx, next)
	n.unpublished(err)
	if err != nil {
		return
	}
	for topic, parts := range next {
		for p, at := range parts {
			n.published[topic+"/"+fmt.Sprint(p)] = at
		}
	}
}

// unpublished tells once that the cluster's tools cannot see where the pipeline is, where that is denied.
// It goes on: what it has read is in its own checkpoints.
func (n *Node) unpublished(err error) {
	var denied *kafka.DeniedError
	switch {
	case !errors.As(err, &denied):
		n.refusal = ""
		if err != nil {
			n.log.Debug("positions are not published", "error", err)
		}
	case n.refusal != denied.Error():
		n.refusal = denied.Error()
		n.log.Warn("the pipeline runs, and Kafka's tools cannot see how far it has read", "reason", denied)
	}
}

// watchCluster looks whether the cluster is there until ctx ends. It does nothing else: any other question
// may take long where a cluster hangs.
func (n *Node) watchCluster(ctx context.Context) {
	for retry.Pause(ctx, tendPause) == nil {
		if err := n.cluster.Healthy(ctx); ctx.Err() == nil {
			n.note("kafka", text(err))
		}
	}
}

// tendCluster looks whether topics have new partitions, and tells the cluster how far the pipeline has
// read.
func (n *Node) tendCluster(ctx context.Context) {
	if n.cluster == nil || n.troubled("kafka") {
		return
	}
	n.publishPositions(ctx)
	if n.current().Replays(ctx) {
		return // new partitions begin where the others have come to when that is done
	}
	known := map[string]int{}
	for _, p := range n.current().Status().Partitions {
		known[p.Topic]++
	}
	for topic, had := range known {
		if parts, err := partitions(ctx, n.host, topic); err == nil && parts > had {
			n.log.Info("a topic has new partitions", "topic", topic, "had", had, "has", parts)
			n.restartEngine()
		}
	}
}

func partitions(ctx context.Context, h host, topic string) (int, error) {
	src, err := h.Source(topic, false)
	if err != nil {
		return 0, err
	}
	return src.Partitions(ctx)
}

// publishLast tells the cluster's tools where a pipeline that stopped has read to, unless it is away.
func (n *Node) publishLast() {
	if n.cluster == nil || n.troubled("kafka") {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	n.publishPositions(ctx)
}
