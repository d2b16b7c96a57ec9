package port

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
)

func open(t *testing.T, dir string) *Port {
	t.Helper()
	p, err := Open(Config{Address: "127.0.0.1:0", Dir: dir, ClusterID: "port-test", Partitions: 3, MaxMessage: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// client is a client that asks in a version of one kind of request, -1: the newest.
func client(t *testing.T, p *Port, key kmsg.Key, version int16, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	v := kversion.Stable()
	if version >= 0 {
		v.SetMaxKeyVersion(key.Int16(), version)
	}
	kc, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(p.Address()), kgo.MaxVersions(v)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kc.Close)
	return kc
}

func ask[R kmsg.Response](t *testing.T, kc *kgo.Client, req kmsg.Request) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	resp, err := kc.Request(ctx, req)
	if err != nil {
		t.Fatalf("%s v%d: %v", kmsg.NameForKey(req.Key()), req.GetVersion(), err)
	}
	return resp.(R)
}

// TestOldClientsGetTopics asks for topics that are missing in each version of Metadata. Kafka 4.1 makes them
// for those that cannot say so, too.
func TestOldClientsGetTopics(t *testing.T) {
	p := open(t, t.TempDir())
	for version := range kmsg.NewPtrMetadataRequest().MaxVersion() + 1 {
		for _, name := range []string{"made", "no topic's name"} {
			req := kmsg.NewPtrMetadataRequest()
			topic := kmsg.NewMetadataRequestTopic()
			topic.Topic = kmsg.StringPtr(name + string(rune('a'+version)))
			req.Topics, req.AllowAutoTopicCreation = append(req.Topics, topic), true
			got := ask[*kmsg.MetadataResponse](t, client(t, p, kmsg.Metadata, version), req)
			want, parts := int16(0), 3
			if name != "made" {
				want, parts = kerr.InvalidTopicException.Code, 0
			}
			if got.Version != version || len(got.Topics) != 1 || got.Topics[0].ErrorCode != want || len(got.Topics[0].Partitions) != parts {
				t.Errorf("v%d %s: %+v", version, name, got.Topics)
			}
		}
	}
	all := ask[*kmsg.MetadataResponse](t, client(t, p, kmsg.Metadata, 0), kmsg.NewPtrMetadataRequest())
	if len(all.Topics) == 0 {
		t.Error("v0 without names lists no topics, not all")
	}
	req := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr("unwanted")
	req.Topics = append(req.Topics, topic)
	if got := ask[*kmsg.MetadataResponse](t, client(t, p, kmsg.Metadata, 12), req); got.Topics[0].ErrorCode != kerr.UnknownTopicOrPartition.Code {
		t.Errorf("a topic is made that the client did not want: %+v", got.Topics)
	}
}

// TestProducersNameThemselves holds what Kafka 4.1 answers to InitProducerID: 0 and 0 of a client that knows
// of none, another's ID, half of a name.
func TestProducersNameThemselves(t *testing.T) {
	p := open(t, t.TempDir())
	init := func(id *string, producer int64, epoch, version int16) *kmsg.InitProducerIDResponse {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID, req.TransactionTimeoutMillis, req.ProducerID, req.ProducerEpoch = id, 60000, producer, epoch
		return ask[*kmsg.InitProducerIDResponse](t, client(t, p, kmsg.InitProducerID, version), req)
	}
	tx := kmsg.StringPtr
	known := init(tx("known"), -1, -1, 5)
	for _, c := range []struct {
		what            string
		id              *string
		producer        int64
		epoch, version  int16
		wantErr, wantAt int16
	}{
		{"none", nil, 0, 0, 5, 0, 0},
		{"new, 0 and 0", tx("new"), 0, 0, 5, 0, 0},
		{"new, 0 and 0, v3", tx("new3"), 0, 0, 3, 0, 0},
		{"an ID without an epoch", tx("half"), 0, -1, 5, kerr.InvalidRequest.Code, -1},
		{"an epoch without an ID", tx("half"), -1, 0, 5, kerr.InvalidRequest.Code, -1},
		{"its own", tx("known"), known.ProducerID, 0, 5, 0, 1},
		{"another's", tx("known"), known.ProducerID + 1, 0, 5, kerr.ProducerFenced.Code, -1},
		{"another's, v3", tx("known"), known.ProducerID + 1, 0, 3, kerr.InvalidProducerEpoch.Code, -1},
		{"an empty name", tx(""), -1, -1, 5, kerr.InvalidRequest.Code, -1},
		{"its own again", tx("known"), known.ProducerID, 0, 5, 0, 1},
		{"nothing", tx("known"), -1, -1, 5, 0, 2},
		{"the epoch before it was taken over", tx("known"), known.ProducerID, 1, 5, kerr.ProducerFenced.Code, -1},
		{"the same, v4", tx("known"), known.ProducerID, 1, 4, kerr.ProducerFenced.Code, -1},
		{"the same, v3", tx("known"), known.ProducerID, 1, 3, kerr.InvalidProducerEpoch.Code, -1},
		{"an epoch long ago", tx("known"), known.ProducerID, 0, 5, kerr.ProducerFenced.Code, -1},
		{"an epoch to come", tx("known"), known.ProducerID, 3, 5, kerr.ProducerFenced.Code, -1},
		{"an epoch to come, v3", tx("known"), known.ProducerID, 3, 3, kerr.InvalidProducerEpoch.Code, -1},
		{"its own, after all that", tx("known"), known.ProducerID, 2, 4, 0, 3},
		{"its own again, v3", tx("known"), known.ProducerID, 2, 3, 0, 3},
		{"the epoch before that", tx("known"), known.ProducerID, 1, 5, kerr.ProducerFenced.Code, -1},
	} {
		if got := init(c.id, c.producer, c.epoch, c.version); got.ErrorCode != c.wantErr || got.ProducerEpoch != c.wantAt {
			t.Errorf("%s: error %d, epoch %d; want %d, %d", c.what, got.ErrorCode, got.ProducerEpoch, c.wantErr, c.wantAt)
		}
	}
}

// TestUnknownTopicSettings holds Kafka's words for what it refuses, when topics are made and changed.
func TestUnknownTopicSettings(t *testing.T) {
	p := open(t, t.TempDir())
	kc := client(t, p, 0, -1)
	for _, c := range []struct{ topic, name, value, want string }{
		{"a", "nope", "1", "Unknown topic config name: nope"},
		{"b", "kfake.is_internal", "true", "Unknown topic config name: kfake.is_internal"},
		{"c", "retention.ms", "abc", "Invalid value abc for configuration retention.ms: Not a number of type LONG"},
		{"d", "retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"},
		{"e", "cleanup.policy", "shred", "Invalid value shred for configuration cleanup.policy: String must be one of: compact, delete"},
		{"f", "message.timestamp.type", "logappendtime", "Invalid value logappendtime for configuration message.timestamp.type: String must be one of: CreateTime, LogAppendTime"},
		{"g", "preallocate", "maybe", "Invalid value maybe for configuration preallocate: Expected value to be either true or false"},
		{"h", "compression.gzip.level", "0", "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1"},
		{"i", "segment.bytes", "10", "Invalid value 10 for configuration segment.bytes: Value must be at least 1048576"},
		{"bad/name", "", "", "Topic name is invalid: 'bad/name' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"},
		{"..", "", "", "Topic name is invalid: '..' is not allowed"},
		{"j", "cleanup.policy", "compact, delete", ""},
		{"k", "retention.ms", " 5000 ", ""},
		{"l", "min.cleanable.dirty.ratio", "0.1", ""},
		{"m", "", "", ""},
	} {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = c.topic, 1, 1
		if c.name != "" {
			topic.Configs = append(topic.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: c.name, Value: &c.value})
		}
		req := kmsg.NewPtrCreateTopicsRequest()
		req.Topics, req.TimeoutMillis = append(req.Topics, topic), 5000
		got := ask[*kmsg.CreateTopicsResponse](t, kc, req)
		text := ""
		if got.Topics[0].ErrorMessage != nil {
			text = *got.Topics[0].ErrorMessage
		}
		if text != c.want || (got.Topics[0].ErrorCode != 0) != (c.want != "") || len(got.Topics) != 1 {
			t.Errorf("%s %s=%s: error %d %q, want %q", c.topic, c.name, c.value, got.Topics[0].ErrorCode, text, c.want)
		}
		if c.want == "" && got.Topics[0].Configs == nil {
			t.Errorf("%s: no list of settings, which Java's clients read", c.topic)
		}
		if c.name == "" || c.want == "" {
			continue
		}
		change := kmsg.NewPtrIncrementalAlterConfigsRequest()
		change.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "m",
			Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: c.name, Value: &c.value}}}}
		if got := ask[*kmsg.IncrementalAlterConfigsResponse](t, kc, change).Resources; len(got) != 1 || got[0].ErrorMessage == nil || *got[0].ErrorMessage != c.want {
			t.Errorf("change %s to %s: %+v, want %q", c.name, c.value, got, c.want)
		}
		old := kmsg.NewPtrAlterConfigsRequest()
		old.Resources = []kmsg.AlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "m",
			Configs: []kmsg.AlterConfigsRequestResourceConfig{{Name: c.name, Value: &c.value}}}}
		if got := ask[*kmsg.AlterConfigsResponse](t, kc, old).Resources; len(got) != 1 || got[0].ErrorMessage == nil || *got[0].ErrorMessage != c.want {
			t.Errorf("change all settings, %s to %s: %+v, want %q", c.name, c.value, got, c.want)
		}
	}
}

// TestLogAppendTime writes records of long ago into topics with the time of the append, made so or changed
// later, and reads them before and after a restart.
func TestLogAppendTime(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir)
	long := time.UnixMilli(1_000_000_000_000)
	before := time.Now().Truncate(time.Millisecond)
	admin := client(t, p, 0, -1)
	value := logAppendTime
	for _, name := range []string{"made", "changed", "not"} {
		topic := kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, 1, 1
		if name == "made" {
			topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: timestampType, Value: &value}}
		}
		req := kmsg.NewPtrCreateTopicsRequest()
		req.Topics = append(req.Topics, topic)
		ask[*kmsg.CreateTopicsResponse](t, admin, req)
	}
	write := func(topic string, version int16, codec kgo.CompressionCodec) *kgo.Record {
		kc := client(t, p, kmsg.Produce, version, kgo.ProducerBatchCompression(codec))
		rs := kc.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("a"), Timestamp: long}, &kgo.Record{Topic: topic, Value: []byte("b"), Timestamp: long.Add(time.Hour)})
		if err := rs.FirstErr(); err != nil {
			t.Fatal(err)
		}
		return rs[0].Record
	}
	write("changed", -1, kgo.NoCompression())
	change := kmsg.NewPtrIncrementalAlterConfigsRequest()
	change.Resources = []kmsg.IncrementalAlterConfigsRequestResource{{ResourceType: kmsg.ConfigResourceTypeTopic, ResourceName: "changed",
		Configs: []kmsg.IncrementalAlterConfigsRequestResourceConfig{{Name: timestampType, Value: &value}}}}
	ask[*kmsg.IncrementalAlterConfigsResponse](t, admin, change)
	for _, topic := range []string{"made", "changed", "not"} {
		write(topic, -1, kgo.NoCompression())
		write(topic, 9, kgo.SnappyCompression())
	}
	for _, run := range []string{"at once", "after a restart"} {
		for _, topic := range []string{"made", "changed", "not"} {
			kc := client(t, p, 0, -1, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			want := map[string]int{"made": 4, "changed": 6, "not": 4}[topic]
			var got []*kgo.Record
			for len(got) < want {
				fetches := kc.PollFetches(t.Context())
				if err := fetches.Err(); err != nil {
					t.Fatal(err)
				}
				got = append(got, fetches.Records()...)
			}
			for i, r := range got {
				appended := topic == "made" || topic == "changed" && i >= 2
				if (r.Attrs.TimestampType() == 1) != appended || r.Timestamp.Before(before) == appended {
					t.Errorf("%s, %s record %d: time %v of type %d", run, topic, i, r.Timestamp, r.Attrs.TimestampType())
				}
			}
		}
		p.Close()
		p = open(t, dir)
	}
}

// TestGroupsAreListed asks for groups as Java's tools do, in capitals.
func TestGroupsAreListed(t *testing.T) {
	p := open(t, t.TempDir())
	kc := client(t, p, 0, -1)
	commit := kmsg.NewPtrOffsetCommitRequest()
	commit.Group = "g"
	commit.Generation = -1
	ask[*kmsg.MetadataResponse](t, kc, func() kmsg.Request {
		r := kmsg.NewPtrMetadataRequest()
		r.Topics, r.AllowAutoTopicCreation = []kmsg.MetadataRequestTopic{{Topic: kmsg.StringPtr("t")}}, true
		return r
	}())
	commit.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "t", Partitions: []kmsg.OffsetCommitRequestTopicPartition{{Partition: 0, Offset: 1, LeaderEpoch: -1}}}}
	ask[*kmsg.OffsetCommitResponse](t, client(t, p, kmsg.OffsetCommit, 8), commit)
	list := func(types, states []string) int {
		req := kmsg.NewPtrListGroupsRequest()
		req.TypesFilter, req.StatesFilter = types, states
		return len(ask[*kmsg.ListGroupsResponse](t, kc, req).Groups)
	}
	if all, java, state, none := list(nil, nil), list([]string{"Consumer", "Classic"}, nil), list(nil, []string{"empty"}), list([]string{"Share"}, nil); all != 1 || java != 1 || state != 1 || none != 0 {
		t.Errorf("groups: all %d, of Java's kinds %d, empty %d, of another kind %d; want 1, 1, 1, 0", all, java, state, none)
	}
}

// TestWhatIsNotKafka sends what is no request of Kafka's. The connection ends and the port goes on.
func TestWhatIsNotKafka(t *testing.T) {
	p := open(t, t.TempDir())
	frame := func(key, version int16, rest string) string {
		b := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
		b = binary.BigEndian.AppendUint16(b, uint16(key))
		b = binary.BigEndian.AppendUint16(b, uint16(version))
		return string(binary.BigEndian.AppendUint32(b, 7)) + rest
	}
	for _, text := range []string{
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"\x00\x00\x00\x00", "\x00\x00\x00\x04abcd",
		frame(71, 0, "\xff\xff\x00"), // of a kind that is not answered here
		frame(3, 12, ""), frame(3, 9, "\x7f\xffabc"),
	} {
		c, err := net.Dial("tcp", p.Address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, c); err != nil && os.IsTimeout(err) {
			t.Errorf("%q: the connection stays", text)
		}
		_ = c.Close()
	}
	if got := ask[*kmsg.MetadataResponse](t, client(t, p, 0, -1), kmsg.NewPtrMetadataRequest()); len(got.Brokers) != 1 {
		t.Errorf("brokers: %+v", got.Brokers)
	}
}

// TestTopicSettingsAreKafkas compares the names of settings with those that Kafka's own tool lists.
func TestTopicSettingsAreKafkas(t *testing.T) {
	list, err := os.ReadFile(filepath.Join("testdata", "settings.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(list)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), "\t")
		want = append(want, name)
		if s, ok := settings[name]; !ok {
			t.Errorf("%s is missing", name)
		} else if fields := strings.Split(strings.TrimSpace(line), "\t"); s.kind.String() != fields[1] {
			t.Errorf("%s is of kind %v, in Kafka of %s", name, s.kind, fields[1])
		}
	}
	for name := range settings {
		if !slices.Contains(want, name) {
			t.Errorf("%s is none of Kafka's", name)
		}
	}
}
