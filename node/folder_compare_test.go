package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/node"
)

// foldersDiffer compares everything that two data folders of stopped lives hold: tables and ledger as
// files, and every record of every topic. The store has to be whole.
func foldersDiffer(t testing.TB, want, got string) []string {
	t.Helper()
	out := checkStore(t, got)
	a, unsound := writtenTables(t, want)
	b, miscounted := writtenTables(t, got)
	out = append(append(out, unsound...), miscounted...)
	out = append(out, filesDiffer(t, a, b)...)
	return append(out, topicsDiffer(t, want, got)...)
}

// checkStore has bbolt look for damage.
func checkStore(t testing.TB, data string) (out []string) {
	t.Helper()
	db, err := bolt.Open(filepath.Join(data, "state.db"), 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bolt.Tx) error {
		for fault := range tx.Check() {
			out = append(out, fmt.Sprintf("state.db: %v", fault))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// writtenTables looks into a folder and writes its tables and ledger to another one. It also returns
// the tables whose rows are not as many as they say.
func writtenTables(t testing.TB, data string) (dir string, miscounted []string) {
	t.Helper()
	ctx := context.Background()
	n, err := life{Data: data}.open(ctx, node.Config{Look: true})
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	_, err = n.WriteTables(ctx, dir, "csv")
	tables := n.Status().Tables
	if err = errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		rows := int64(strings.Count(read(t, filepath.Join(dir, table.Name+".csv")), "\n") - 1)
		if table.Kind != "view" && table.Rows != rows {
			miscounted = append(miscounted, fmt.Sprintf("%s: table %s has %d rows and says that it has %d", data, table.Name, rows, table.Rows))
		}
	}
	return dir, miscounted
}

// filesDiffer wants the same files with the same bytes.
func filesDiffer(t testing.TB, want, got string) (out []string) {
	t.Helper()
	files := map[string]bool{}
	var names []string
	for _, dir := range []string{want, got} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if !files[e.Name()] {
				files[e.Name()] = true
				names = append(names, e.Name())
			}
		}
	}
	for _, name := range names {
		a, aerr := os.ReadFile(filepath.Join(want, name))
		b, berr := os.ReadFile(filepath.Join(got, name))
		switch {
		case aerr != nil || berr != nil:
			out = append(out, fmt.Sprintf("%s is in one of two folders only: %v, %v", name, aerr, berr))
		case !bytes.Equal(a, b):
			for _, line := range differingLines(string(a), string(b)) {
				out = append(out, name+": "+line)
			}
		}
	}
	return out
}

func openBroker(t testing.TB, data string) *broker.Broker {
	t.Helper()
	b, err := broker.Open(context.Background(), broker.Config{Dir: filepath.Join(data, "broker")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// topicsDiffer compares the topics of two folders record by record, in the order of each partition.
func topicsDiffer(t testing.TB, want, got string) (out []string) {
	t.Helper()
	a, b := openBroker(t, want), openBroker(t, got)
	infos, err := a.Topics(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	others, err := b.Topics(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) != len(others) {
		out = append(out, fmt.Sprintf("there are %d topics, want %d", len(others), len(infos)))
	}
	for _, info := range infos {
		if !b.HasTopic(info.Name) {
			out = append(out, "there is no topic "+info.Name)
			continue
		}
		for p := range int32(info.Partitions) {
			name := fmt.Sprintf("topic %s partition %d", info.Name, p)
			out = append(out, recordsDiffer(t, name, readPartition(t, a, info.Name, p), readPartition(t, b, info.Name, p))...)
		}
	}
	return out
}

// A seen is a record of a partition; its number is its offset.
type seen struct {
	time       int64
	key, value []byte
}

func (r seen) equal(o seen) bool {
	return r.time == o.time && bytes.Equal(r.key, o.key) && (r.key == nil) == (o.key == nil) && bytes.Equal(r.value, o.value)
}

// String shows a record in a message.
func (r seen) String() string {
	return fmt.Sprintf("%d %q %s", r.time, r.key, shown(string(r.value)))
}

// readPartition returns the records of a partition, which has to begin at offset 0 and have no gap.
func readPartition(t testing.TB, b *broker.Broker, topic string, p int32) []seen {
	t.Helper()
	return readRecords(t, b, topic, p, record.Position{})
}

// readRecords returns the records of a partition from a place on, without a gap.
func readRecords(t testing.TB, b *broker.Broker, topic string, p int32, from record.Position) []seen {
	t.Helper()
	ctx := context.Background()
	r, err := b.SourceUntilEnd(topic).Open(ctx, p, from)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []seen
	var batch record.Records
	for {
		err := r.Read(ctx, &batch)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, offset := range batch.Offsets {
			if offset != from.Offset+int64(len(out)) {
				t.Fatalf("topic %s partition %d: offset %d comes %d records after offset %d", topic, p, offset, len(out), from.Offset)
			}
			out = append(out, seen{batch.Times[i], bytes.Clone(batch.Keys.At(i)), bytes.Clone(batch.Values.At(i))})
		}
	}
}

// recordsDiffer says how many records there are and which the first differing ones are.
func recordsDiffer(t testing.TB, name string, want, got []seen) (out []string) {
	t.Helper()
	const most = 3
	if len(want) != len(got) {
		out = append(out, fmt.Sprintf("%s: got %d records, want %d", name, len(got), len(want)))
	}
	for i := 0; i < min(len(want), len(got)) && len(out) < most; i++ {
		if !want[i].equal(got[i]) {
			out = append(out, fmt.Sprintf("%s offset %d: got %v, want %v", name, i, got[i], want[i]))
		}
	}
	return out
}

// checkEvents compares the source topic with the events that its generator makes, and the ledger with
// what the generator knows of them: nothing is there twice, nothing is missing.
func checkEvents(t testing.TB, l life) {
	t.Helper()
	b := openBroker(t, l.Data)
	info, err := b.Topic(context.Background(), lifeTopic)
	if err != nil {
		t.Fatal(err)
	}
	want := make([][]seen, info.Partitions)
	cfg := l.generator()
	cfg.Start, cfg.Partitions = lifeEnd().Add(-lifeSpan-time.Minute), info.Partitions
	gen, err := generator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[generator.Kind]int64{}
	for i := range l.Events {
		e := gen.Event(i, nil)
		want[e.Partition] = append(want[e.Partition], seen{e.Due, bytes.Clone(e.Key), e.Value})
		kinds[e.Kind]++
	}
	for p := range want {
		tell(t, "events", recordsDiffer(t, fmt.Sprintf("partition %d", p), want[p], readPartition(t, b, lifeTopic, int32(p))))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	dir, _ := writtenTables(t, l.Data) // foldersDiffer has looked at its counts
	checkLifeLedger(t, readLedger(t, dir), l.Events, kinds)
}

// checkLifeLedger compares the ledger with what the generator made. (Both folders' ledgers are read by
// one program; this is what makes sure that it does not read both wrongly.)
func checkLifeLedger(t testing.TB, books ledger.Ledger, events int64, kinds map[generator.Kind]int64) {
	t.Helper()
	bad := kinds[generator.Bad]
	windowed := map[string]bool{"sales_by_minute": true, "segment_metrics": true, "hourly_sales": true, "product_sales": true, "sales_measures": true, "sliding_sales": true}
	check := func(name string, c ledger.Count, right bool) {
		if !c.Balanced() || c.Read != events || c.Invalid != bad || !right {
			t.Errorf("ledger of %s: got %+v of %d events, %d of them bad, %d late", name, c, events, bad, kinds[generator.Late])
		}
	}
	check("the topic", books.Topics[lifeTopic], books.Topics[lifeTopic].Counted == events-bad)
	for name, topics := range books.Tables {
		c := topics[lifeTopic]
		switch {
		case windowed[name]:
			check(name, c, c.Counted+c.Late == events-bad && c.Late > 0 && c.Late < 2*kinds[generator.Late])
		case name == "anomalies":
			check(name, c, c.Counted+c.Filtered == events-bad && c.Counted > 0 && c.Filtered > 0)
		default:
			check(name, c, c.Counted == events-bad)
		}
	}
	if len(books.Tables) != 8 {
		t.Errorf("the ledger has %d tables, want 8", len(books.Tables))
	}
}
