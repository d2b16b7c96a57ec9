package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nats-io/nats.go"
)

func TestTopics(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	cfg := broker.Config{Dir: dir, NoSync: true}
	b := openBroker(t, cfg)
	sales := broker.TopicConfig{Name: "sales by minute$late", Partitions: 2, Retention: time.Hour, MaxBytes: 1 << 30, Key: "user_id"}
	for range 2 { // the second changes nothing
		createTopic(t, b, sales)
	}
	createTopic(t, b, broker.TopicConfig{Name: "a"})
	createTopic(t, b, broker.TopicConfig{Name: "A"})
	var topic *broker.TopicError
	other := sales
	other.Partitions = 3
	if err := b.CreateTopic(ctx, other); !errors.As(err, &topic) || !strings.Contains(err.Error(), "alter") {
		t.Errorf("creating it with other partitions: %v", err)
	}
	if err := b.AlterTopic(ctx, sales.Name, 1); !errors.As(err, &topic) {
		t.Errorf("fewer partitions: %v", err)
	}
	w := writerOf(t, b, sales.Name, "p")
	if _, err := w.Append(ctx, 1, numbered(0, 10), -1); err != nil {
		t.Fatal(err)
	}
	if err := b.AlterTopic(ctx, sales.Name, 5); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Source(sales.Name).Partitions(ctx); n != 5 || err != nil || w.Partitions() != 5 {
		t.Errorf("after altering there are %d partitions, %v", n, err)
	}
	if _, err := w.Append(ctx, 4, numbered(0, 3), -1); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []broker.TopicConfig{{}, {Name: strings.Repeat("x", 250)}, {Name: "x", Partitions: -1}, {Name: "x", Partitions: 1001}, {Name: "x", Retention: -1}} {
		if err := b.CreateTopic(ctx, bad); err == nil {
			t.Errorf("topic %.20q with %d partitions was made", bad.Name, bad.Partitions)
		}
	}
	sales.Partitions = 5
	for range 2 {
		infos, err := b.Topics(ctx)
		if err != nil || len(infos) != 3 || infos[0].Name != "A" || infos[1].Name != "a" || infos[2].TopicConfig != sales {
			t.Fatalf("the topics are %+v, %v", infos, err)
		}
		parts := infos[2].Parts
		if len(parts) != 5 || parts[1].Next != 10 || parts[1].First != 0 || parts[1].Bytes == 0 || parts[1].LastAppend.IsZero() || parts[4].Next != 3 || parts[0].Next != 0 {
			t.Errorf("the partitions are %+v", parts)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = openBroker(t, cfg)
	}
	if n := countNumbered(t, b, sales.Name, 1); n != 10 {
		t.Errorf("%d records are there", n)
	}
}

func TestDeletedTopic(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	b := openBroker(t, broker.Config{Dir: dir, NoSync: true})
	createTopic(t, b, broker.TopicConfig{Name: "t", Partitions: 3})
	w := writerOf(t, b, "t", "p")
	for p := range int32(3) {
		if _, err := w.Append(ctx, p, numbered(0, 10), 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time it is gone already
		if err := b.DeleteTopic(ctx, "t"); err != nil {
			t.Fatal(err)
		}
	}
	var topic *broker.TopicError
	if _, err := w.Append(ctx, 0, numbered(10, 1), 10); !errors.As(err, &topic) {
		t.Errorf("an append to a deleted topic: %v", err)
	}
	if _, err := b.Writer("t", "p"); !errors.As(err, &topic) {
		t.Errorf("a writer of a deleted topic: %v", err)
	}
	if _, err := b.Source("t").Open(ctx, 0, record.Position{}); !errors.As(err, &topic) {
		t.Errorf("a reader of a deleted topic: %v", err)
	}
	if b.HasTopic("t") {
		t.Error("it is still there")
	}
	createTopic(t, b, broker.TopicConfig{Name: "t", Partitions: 2})
	w = writerOf(t, b, "t", "p")
	if last, err := w.Last(ctx, 1); last != 0 || err != nil {
		t.Errorf("in the new topic the producer stands at %d, %v", last, err)
	}
	if first, err := w.Append(ctx, 1, numbered(0, 4), 0); first != 0 || err != nil {
		t.Errorf("the new topic begins at %d, %v", first, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openBroker(t, broker.Config{Dir: dir, NoSync: true})
	if n := countNumbered(t, b, "t", 1); n != 4 {
		t.Errorf("%d records are there", n)
	}
}

// readNumberedFrom reads from an offset to the end and returns the number behind the last.
func readNumberedFrom(t *testing.T, b *broker.Broker, topic string, from int) int {
	t.Helper()
	ctx := context.Background()
	rd, err := b.SourceUntilEnd(topic).Open(ctx, 0, record.Position{Offset: int64(from)})
	if err != nil {
		t.Fatalf("open at %d: %v", from, err)
	}
	defer rd.Close()
	var r record.Records
	for n := from; ; {
		if err := rd.Read(ctx, &r); errors.Is(err, io.EOF) {
			return n
		} else if err != nil {
			t.Fatal(err)
		}
		for i := range r.Len() {
			if string(r.Values.At(i)) != fmt.Sprint(n) || r.Offsets[i] != int64(n) {
				t.Fatalf("from %d, offset %d holds %q, want %d", from, r.Offsets[i], r.Values.At(i), n)
			}
			n++
		}
	}
}

// A mixedLog is a partition that batches and other clients write to, and a reader that follows.
type mixedLog struct {
	t      *testing.T
	b      *broker.Broker
	nc     *nats.Conn
	reader record.Reader
	at     int // written
	read   int
}

func (m *mixedLog) open(cfg broker.Config) {
	m.t.Helper()
	ctx := context.Background()
	m.b = openBroker(m.t, cfg)
	createTopic(m.t, m.b, broker.TopicConfig{Name: "t"})
	var err error
	if m.nc, err = m.b.Connect(); err != nil {
		m.t.Fatal(err)
	}
	if m.reader, err = m.b.Source("t").Open(ctx, 0, record.Position{Offset: int64(m.at)}); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mixedLog) close() {
	m.t.Helper()
	m.nc.Close()
	if err := errors.Join(m.reader.Close(), m.b.Close()); err != nil {
		m.t.Fatal(err)
	}
}

// single writes a record as another client does.
func (m *mixedLog) single(subject string) {
	m.t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = fmt.Append(nil, m.at)
	msg.Header.Set("Nagare-Key", "a key")
	if _, err := m.nc.RequestMsgWithContext(context.Background(), msg); err != nil {
		m.t.Fatal(err)
	}
	m.at++
	m.follow()
}

func (m *mixedLog) batch(n int) {
	m.t.Helper()
	first, err := writerOf(m.t, m.b, "t", "p").Append(context.Background(), 0, numbered(m.at, n), -1)
	if err != nil || first != int64(m.at) {
		m.t.Fatalf("a batch was put at %d, want %d: %v", first, m.at, err)
	}
	m.at += n
	m.follow()
}

// follow reads what was written.
func (m *mixedLog) follow() {
	m.t.Helper()
	var r record.Records
	for m.read < m.at {
		if err := m.reader.Read(context.Background(), &r); err != nil {
			m.t.Fatal(err)
		}
		for i := range r.Len() {
			if string(r.Values.At(i)) != fmt.Sprint(m.read) || r.Offsets[i] != int64(m.read) {
				m.t.Fatalf("offset %d holds %q, want %d", r.Offsets[i], r.Values.At(i), m.read)
			}
			m.read++
		}
	}
}

// Other NATS clients write between batches. Offsets stay dense, whatever reads or writes, from any
// position, also after a restart.
func TestOtherClients(t *testing.T) {
	ctx := context.Background()
	cfg := broker.Config{Dir: t.TempDir(), NoSync: true, Shared: true}
	m := &mixedLog{t: t}
	for _, steps := range [][]int{{0, 0, 0}, {0, 0, 3, 1, 0, 5, 5, 0}, {4, 0, 0, 4}} { // 0: other clients
		m.open(cfg)
		for _, n := range steps {
			if n > 0 {
				m.batch(n)
				continue
			}
			m.single("nagare.t.0")
			m.single("nagare.t.0.in.house")
		}
		for from := 0; from <= m.at; from++ {
			if n := readNumberedFrom(t, m.b, "t", from); n != m.at {
				t.Fatalf("from %d, %d of %d were read", from, n, m.at)
			}
		}
		m.close()
		m.open(cfg)
		if ends := m.b.Ends(); len(ends) != 1 || ends[0].Count != int64(m.at) {
			t.Fatalf("the log ends with %+v, want %d records", ends, m.at)
		}
		m.close()
	}
	m.open(cfg)
	defer m.close()
	rd, err := m.b.SourceUntilEnd("t").Open(ctx, 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	var r record.Records
	if err := rd.Read(ctx, &r); err != nil || string(r.Keys.At(0)) != "a key" || r.Times[0] < 1_700_000_000_000_000 {
		t.Errorf("the first record has key %q, time %d: %v", r.Keys.At(0), r.Times[0], err)
	}
}

// Other clients write as fast as they can while a producer appends: everybody's records are in the
// log once, each producer's in its order.
func TestOtherClientsAtTheSameTime(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{Dir: t.TempDir(), NoSync: true, Shared: true})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	const each = 150
	done := make(chan error, 2)
	nc, err := b.Connect()
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	go func() {
		for i := range each {
			if _, err := nc.RequestWithContext(ctx, "nagare.t.0", fmt.Appendf(nil, "client %d", i)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	w := writerOf(t, b, "t", "p")
	go func() {
		for i := range each {
			r := &record.Records{}
			r.Values.Append(fmt.Appendf(nil, "batch %d", 2*i))
			r.Values.Append(fmt.Appendf(nil, "batch %d", 2*i+1))
			if err := w.AppendAsync(ctx, 0, r, int64(2*i), 0); err != nil {
				done <- err
				return
			}
		}
		done <- w.Flush(ctx)
	}()
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	rd, err := b.SourceUntilEnd("t").Open(ctx, 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	next := map[string]int{}
	offset := int64(0)
	var r record.Records
	for {
		err := rd.Read(ctx, &r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Len() {
			var who string
			var n int
			if _, err := fmt.Sscan(string(r.Values.At(i)), &who, &n); err != nil || n != next[who] || r.Offsets[i] != offset {
				t.Fatalf("offset %d holds %q, want %s %d at %d", r.Offsets[i], r.Values.At(i), who, next[who], offset)
			}
			next[who]++
			offset++
		}
	}
	if next["client"] != each || next["batch"] != 2*each {
		t.Errorf("the log has %v", next)
	}
}

func TestListenOpensOnePort(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{Dir: t.TempDir(), NoSync: true, Listen: "127.0.0.1:0"})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	if !strings.HasPrefix(b.Address(), "127.0.0.1:") {
		t.Fatalf("it listens on %q", b.Address())
	}
	nc, err := nats.Connect("nats://" + b.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.RequestWithContext(ctx, "nagare.t.0", []byte("0")); err != nil {
		t.Fatal(err)
	}
	if n := countNumbered(t, b, "t", 0); n != 1 {
		t.Errorf("%d records are there", n)
	}
	closed := openBroker(t, broker.Config{Dir: t.TempDir(), NoSync: true})
	if a := closed.Address(); a != "" {
		t.Errorf("without Listen it listens on %s", a)
	}
	if _, err := closed.Connect(); err == nil {
		t.Error("other clients may connect to a broker that is not shared")
	}
}

func TestBrokerInMemory(t *testing.T) {
	ctx := context.Background()
	b := openBroker(t, broker.Config{MemoryOnly: true})
	createTopic(t, b, broker.TopicConfig{Name: "t"})
	if _, err := writerOf(t, b, "t", "p").Append(ctx, 0, numbered(0, 5000), 0); err != nil {
		t.Fatal(err)
	}
	if n := countNumbered(t, b, "t", 0); n != 5000 {
		t.Errorf("%d records are there", n)
	}
}
