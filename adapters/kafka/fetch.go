package kafka

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/nagare-stream/nagare/engine/retry"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchSettings is what a consumer may say of its fetches, by the names of Kafka's own.
type fetchSettings struct {
	maxWait                          time.Duration
	minBytes, maxBytes, perPartition int32
	rack                             string
}

// defaultFetch is how a partition is fetched without settings.
var defaultFetch = fetchSettings{maxWait: 5 * time.Second, minBytes: 1, maxBytes: 50 << 20}

// How many bytes a request asks for without a setting: fewer are slower, and so are more. The partitions
// of a topic share topicBytes, each of which can be in memory twice: in hand, and on its way.
const (
	fetchBytes = 2 << 20
	topicBytes = 64 << 20
	firstBytes = 64 << 10 // of the first request, so that there is soon something to do
)

// bytesFor is how many bytes a request for one of so many partitions asks for.
func (s *fetchSettings) bytesFor(partitions int) int32 {
	if s.perPartition > 0 {
		return s.perPartition
	}
	return int32(min(fetchBytes, topicBytes/max(partitions, 1)))
}

// idVersion is the version of fetch requests from which on they name topics by id.
const idVersion = 13

// unknownTries is how many answers in a row have to say that there is no such topic: a broker that has just
// started may not know of it yet.
const unknownTries = 4

// replicaLease is how long records come from a replica that the leader has named, before it is asked
// again; it is the time after which Kafka's own consumer asks.
const replicaLease = 5 * time.Minute

// A fetcher asks the brokers for one partition's records with a client of its own, one answer ahead of
// whoever takes them. It is used by one goroutine.
//
// It does not use the library's consumer, which makes a struct of two hundred bytes of each record that it
// reads: that costs more than to decode the record's JSON.
type fetcher struct {
	s         *Source
	partition int32
	bytes     int32 // of a request
	asked     bool  // for the first time
	kc        *kgo.Client
	id        [16]byte  // of the topic
	log       uint64    // the topic's name in positions; 0: not known
	leader    int32     // -1: not known
	epoch     int32     // of the leader
	replica   int32     // that records are taken from; -1: the leader
	lease     time.Time // of replica

	life  context.Context // of requests
	end   context.CancelFunc
	ahead chan answer // of the request that is under way; nil: none is
	fails int         // in a row
	tries int         // in a row that found no topic
}

// answer is what became of a request.
type answer struct {
	part *kmsg.FetchResponseTopicPartition
	err  error
}

// A goneError says that what was to be read next does not exist in the log.
type goneError struct {
	end int64  // of what the log has in common with what was read; math.MaxInt64: not known
	log uint64 // the topic's name in positions now, if it is another one; else 0
}

func (e *goneError) Error() string { return "the records to be read next are gone" }

// newFetcher makes the client. Nothing is asked yet.
func newFetcher(s *Source, partition int32, partitions int, log uint64) (*fetcher, error) {
	kc, err := s.c.newClient()
	if err != nil {
		return nil, err
	}
	f := &fetcher{s: s, partition: partition, bytes: s.own.fetch.bytesFor(partitions), kc: kc, log: log, leader: -1, replica: -1}
	f.life, f.end = context.WithCancel(context.Background())
	return f, nil
}

// close ends the client and the request that is under way.
func (f *fetcher) close() {
	f.end()
	letGo(f.kc)
}

// ask sends a request for what is at an offset, without waiting for its answer. lastEpoch is that of the
// record before, by which the broker sees that its log is another one there; -1: not known.
func (f *fetcher) ask(offset int64, lastEpoch int32) {
	to := f.leader
	if f.replica >= 0 && time.Now().Before(f.lease) {
		to = f.replica
	}
	request, broker, ahead := f.request(offset, lastEpoch), f.kc.Broker(int(to)), make(chan answer, 1)
	f.ahead = ahead
	go func() { ahead <- answered(broker.Request(f.life, request)) }()
}

// request is one for the partition alone.
func (f *fetcher) request(offset int64, lastEpoch int32) kmsg.Request {
	req := kmsg.NewPtrFetchRequest()
	set := &f.s.own.fetch
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = int32(set.maxWait.Milliseconds()), set.minBytes, set.maxBytes
	req.SessionEpoch, req.Rack = -1, set.rack // -1: no session, the request says everything
	if !f.s.own.uncommitted {
		req.IsolationLevel = 1
	}
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = f.partition, offset, f.bytes
	if !f.asked {
		f.asked, part.PartitionMaxBytes = true, min(f.bytes, firstBytes)
	}
	part.CurrentLeaderEpoch, part.LastFetchedEpoch = f.epoch, lastEpoch
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic, topic.TopicID, topic.Partitions = f.s.topic, f.id, []kmsg.FetchRequestTopicPartition{part}
	req.Topics = []kmsg.FetchRequestTopic{topic}
	if f.id == [16]byte{} {
		return byName{req}
	}
	return req
}

// byName is a fetch request whose topic has no id.
type byName struct{ *kmsg.FetchRequest }

// MaxVersion is the last version that names topics.
func (byName) MaxVersion() int16 { return idVersion - 1 }

// answered finds the partition in an answer.
func answered(resp kmsg.Response, err error) answer {
	if err != nil {
		return answer{err: err}
	}
	r := resp.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(r.ErrorCode); err != nil {
		return answer{err: err}
	}
	if len(r.Topics) != 1 || len(r.Topics[0].Partitions) != 1 {
		return answer{err: errors.New("the broker answered a fetch of one partition with another number of them")}
	}
	part := &r.Topics[0].Partitions[0]
	return answer{part: part, err: kerr.ErrorForCode(part.ErrorCode)}
}

// next returns the answer to the request under way, or to one for an offset when none is. It returns nil
// when there is nothing to take and to ask again is right: another broker has the partition, or the cluster
// is away. *goneError: what is to be read is not there.
func (f *fetcher) next(ctx context.Context, offset int64, lastEpoch int32) (*kmsg.FetchResponseTopicPartition, error) {
	if f.ahead == nil {
		if f.leader < 0 {
			if err := f.find(ctx); err != nil || f.leader < 0 {
				return nil, err
			}
		}
		f.ask(offset, lastEpoch)
	}
	var a answer
	select {
	case a = <-f.ahead:
	case <-ctx.Done():
		return nil, ctx.Err() // the next call waits for the same answer
	}
	f.ahead = nil
	if a.err != nil {
		return nil, f.failed(ctx, a.err)
	}
	f.fails, f.tries = 0, 0
	if end := a.part.DivergingEpoch.EndOffset; end >= 0 {
		return nil, &goneError{end: end}
	}
	if near := a.part.PreferredReadReplica; near >= 0 && near != f.replica {
		f.replica, f.lease = near, time.Now().Add(replicaLease)
	}
	return a.part, nil
}

// failed waits after a request that failed, and has the leader looked up anew. It returns errors that do
// not pass by themselves. A replica that is behind its leader does not have the offset either: what the
// leader has, decides.
func (f *fetcher) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	f.leader, f.replica = -1, -1
	switch {
	case errors.Is(err, kerr.OffsetOutOfRange):
		return &goneError{end: math.MaxInt64}
	case errors.Is(err, kerr.UnknownTopicID), errors.Is(err, kerr.InconsistentTopicID), errors.Is(err, kerr.UnknownTopicOrPartition):
		if f.tries++; f.tries == unknownTries {
			f.tries = 0
			return &goneError{end: math.MaxInt64}
		}
	case kerr.IsRetriable(err), kgo.IsRetryableBrokerErr(err):
	default:
		if err := f.s.c.topicError(f.s.topic, err); !isAway(err) {
			return err
		}
	}
	f.fails++
	return retry.Pause(ctx, awayWaits.After(f.fails))
}

// find asks who leads the partition. A leader below 0 afterwards means that to ask again is right.
func (f *fetcher) find(ctx context.Context) error {
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(f.s.topic)
	req.Topics = []kmsg.MetadataRequestTopic{topic}
	resp, err := ask(ctx, f.s.c, askWait, func(ctx context.Context) (*kmsg.MetadataResponse, error) { return req.RequestWith(ctx, f.kc) })
	if err == nil && len(resp.Topics) != 1 {
		err = kerr.UnknownTopicOrPartition
	}
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].ErrorCode)
	}
	if err != nil {
		return f.failed(ctx, err)
	}
	found := resp.Topics[0]
	f.id = found.TopicID
	before := f.log
	if f.log = logOf(found.TopicID); before != 0 && f.log != 0 && before != f.log {
		return &goneError{math.MaxInt64, f.log} // it is another topic of the same name
	}
	for _, p := range found.Partitions {
		if p.Partition == f.partition && p.ErrorCode == 0 {
			f.leader, f.epoch = p.Leader, p.LeaderEpoch
		}
	}
	if f.leader < 0 {
		return f.failed(ctx, kerr.LeaderNotAvailable)
	}
	return nil
}
