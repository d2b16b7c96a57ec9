package kafka

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/nagare-stream/nagare/engine/sql"
)

// A Property is a client setting of Kafka by its name there.
type Property struct {
	Key, Value string
	Place      string // for messages, as "client.properties:3"
}

// A PropertyError says what is wrong with a setting.
type PropertyError struct {
	Property
	Reason string
}

func (e *PropertyError) Error() string {
	at := e.Place
	if at != "" {
		at += ": "
	}
	return fmt.Sprintf("%s%s %s", at, e.Key, e.Reason)
}

// ReadProperties reads a file as Kafka's own tools do: key=value or key: value, # and ! begin comments,
// a backslash at the end of a line goes on with the next one.
func ReadProperties(path string) ([]Property, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the Kafka settings: %w; --kafka-config names a file such as Kafka's tools take with --command-config", err)
	}
	defer f.Close()
	var list []Property
	lines := bufio.NewScanner(f)
	for number := 1; lines.Scan(); number++ {
		first := number
		text := strings.TrimLeft(lines.Text(), " \t\f")
		if text == "" || text[0] == '#' || text[0] == '!' {
			continue
		}
		for strings.HasSuffix(text, `\`) && !strings.HasSuffix(text, `\\`) && lines.Scan() {
			number++
			text = text[:len(text)-1] + strings.TrimLeft(lines.Text(), " \t\f")
		}
		key, value := cutProperty(text)
		list = append(list, Property{key, value, fmt.Sprintf("%s:%d", path, first)})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the Kafka settings %s: %w", path, err)
	}
	return list, nil
}

// cutProperty splits a line at its first =, : or blank that no backslash escapes.
func cutProperty(line string) (key, value string) {
	at := len(line)
	for i := 0; i < len(line); i++ {
		if line[i] == '\\' {
			i++
			continue
		}
		if strings.IndexByte("=: \t\f", line[i]) >= 0 {
			at = i
			break
		}
	}
	value = strings.TrimLeft(line[at:], " \t\f")
	if value != "" && (value[0] == '=' || value[0] == ':') {
		value = strings.TrimLeft(value[1:], " \t\f")
	}
	return unescape(line[:at]), unescape(value)
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
			switch s[i] {
			case 'n':
				b.WriteByte('\n')
				continue
			case 't':
				b.WriteByte('\t')
				continue
			case 'r':
				b.WriteByte('\r')
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// A setting applies a property to a client; nil for one that Kafka's Java clients know and that means
// nothing for this one.
type setting func(c *client, value string) error

// client is the options that are gathered for a connection.
type client struct {
	all, producer []kgo.Opt // for every connection, writers
	fetch         fetchSettings
	seeds         []string
	security      security
	uncommitted   bool          // readers also take records of open transactions
	delivery      time.Duration // how long records may take; 0: deliveryWait
}

// settings is what a properties file and the options kafka.… of a project may say.
func settings() map[string]setting {
	m := map[string]setting{
		"bootstrap.servers":         func(c *client, v string) error { c.seeds = SplitHosts(v); return nil },
		"client.id":                 func(c *client, v string) error { c.all = append(c.all, kgo.ClientID(v)); return nil },
		"client.rack":               func(c *client, v string) error { c.fetch.rack = v; return nil },
		"request.timeout.ms":        millis(func(c *client, d time.Duration) { c.all = append(c.all, kgo.RequestTimeoutOverhead(d)) }),
		"metadata.max.age.ms":       millis(func(c *client, d time.Duration) { c.all = append(c.all, kgo.MetadataMaxAge(d)) }),
		"connections.max.idle.ms":   millis(func(c *client, d time.Duration) { c.all = append(c.all, kgo.ConnIdleTimeout(d)) }),
		"fetch.max.wait.ms":         millis(func(c *client, d time.Duration) { c.fetch.maxWait = d }),
		"fetch.min.bytes":           whole(func(c *client, n int32) { c.fetch.minBytes = n }),
		"fetch.max.bytes":           whole(func(c *client, n int32) { c.fetch.maxBytes = n }),
		"max.partition.fetch.bytes": whole(func(c *client, n int32) { c.fetch.perPartition = n }),
		"isolation.level":           isolation,
		"acks":                      acks,
		"compression.type":          compression,
		"linger.ms":                 millis(func(c *client, d time.Duration) { c.producer = append(c.producer, kgo.ProducerLinger(d)) }),
		"batch.size":                whole(func(c *client, n int32) { c.producer = append(c.producer, kgo.ProducerBatchMaxBytes(n)) }),
		"delivery.timeout.ms":       millis(func(c *client, d time.Duration) { c.delivery = d }),
		"enable.idempotence":        idempotence,
		"transaction.timeout.ms": millis(func(c *client, d time.Duration) {
			c.producer = append(c.producer, kgo.TransactionTimeout(d))
		}),
	}
	for name, s := range securitySettings() {
		m[name] = s
	}
	for _, name := range strings.Fields(`
		allow.auto.create.topics auto.commit.interval.ms auto.offset.reset buffer.memory check.crcs client.dns.lookup
		default.api.timeout.ms enable.auto.commit enable.metrics.push exclude.internal.topics group.id group.protocol
		heartbeat.interval.ms key.deserializer key.serializer max.block.ms max.in.flight.requests.per.connection
		max.poll.interval.ms max.poll.records max.request.size metric.reporters metrics.num.samples
		metrics.recording.level partitioner.class receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms
		retries retry.backoff.max.ms retry.backoff.ms send.buffer.bytes session.timeout.ms
		socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms value.deserializer value.serializer`) {
		m[name] = nil
	}
	return m
}

// apply gathers properties; every one that is wrong is told.
func (c *client) apply(list []Property) []error {
	known := settings()
	var faults []error
	for _, p := range list {
		set, ok := known[p.Key]
		if !ok {
			faults = append(faults, &PropertyError{p, "is no setting of Kafka's clients" + nearest(p.Key, known)})
			continue
		}
		if set == nil {
			continue
		}
		if err := set(c, p.Value); err != nil {
			faults = append(faults, &PropertyError{p, err.Error()})
		}
	}
	return faults
}

func nearest(key string, known map[string]setting) string {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	if near := sql.Nearest(key, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

func millis(set func(*client, time.Duration)) setting {
	return func(c *client, v string) error {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("is %q, expected a number of milliseconds", v)
		}
		set(c, time.Duration(n)*time.Millisecond)
		return nil
	}
}

func whole(set func(*client, int32)) setting {
	return func(c *client, v string) error {
		n, err := strconv.ParseInt(v, 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("is %q, expected a whole number", v)
		}
		set(c, int32(n))
		return nil
	}
}

func isolation(c *client, v string) error {
	switch v {
	case "read_committed":
		c.uncommitted = false
	case "read_uncommitted":
		c.uncommitted = true
	default:
		return fmt.Errorf("is %q, expected read_committed or read_uncommitted", v)
	}
	return nil
}

func acks(_ *client, v string) error {
	if v != "all" && v != "-1" {
		return fmt.Errorf("is %q: a row is delivered once all in-sync replicas have it; leave the setting out, or say all", v)
	}
	return nil
}

func idempotence(_ *client, v string) error {
	if v != "true" {
		return fmt.Errorf("is %q: without it a row that is sent again may stand twice; leave the setting out", v)
	}
	return nil
}

func compression(c *client, v string) error {
	codecs := map[string]kgo.CompressionCodec{"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(),
		"snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()}
	codec, ok := codecs[v]
	if !ok {
		return fmt.Errorf("is %q, expected none, gzip, snappy, lz4 or zstd", v)
	}
	c.producer = append(c.producer, kgo.ProducerBatchCompression(codec))
	return nil
}

// SplitHosts splits a list of addresses at its commas.
func SplitHosts(list string) []string {
	var hosts []string
	for h := range strings.SplitSeq(list, ",") {
		if h = strings.TrimSpace(h); h != "" {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// checkHosts finds addresses that cannot be any; a port that is missing is Kafka's own.
func checkHosts(hosts []string) ([]string, error) {
	if len(hosts) == 0 {
		return nil, fmt.Errorf("reach Kafka: no address is named; --kafka takes HOST:PORT, or a list of them with commas")
	}
	out := make([]string, len(hosts))
	for i, h := range hosts {
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(h, "[]"), "9092")
		}
		host, port, err := net.SplitHostPort(h)
		if n, perr := strconv.Atoi(port); err != nil || perr != nil || n < 1 || n > 65535 || host == "" || strings.ContainsAny(host, "/ ") {
			return nil, fmt.Errorf("reach Kafka at %q: that is no address; --kafka takes HOST:PORT, or a list of them with commas", hosts[i])
		}
		out[i] = h
	}
	return out, nil
}
