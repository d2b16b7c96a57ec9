package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/node"
)

// foldersDiffer compares everything that two data folders of stopped lives hold: tables and ledger as
// files, and every record of every topic. The store has to be whole.
func foldersDiffer(t testing.TB, want, got string) []string {
	t.Helper()
	out := checkStore(t, got)
	out = append(out, filesDiffer(t, writtenTables(t, want), writtenTables(t, got))...)
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

// writtenTables looks into a folder and writes its tables and ledger to another one.
func writtenTables(t testing.TB, data string) string {
	t.Helper()
	ctx := context.Background()
	n, err := life{Data: data}.open(ctx, node.Config{Look: true})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = n.WriteTables(ctx, dir, "csv")
	if err = errors.Join(err, n.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
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

// A record of a partition; its number is its offset.
type record struct {
	time       int64
	key, value []byte
}

func (r record) equal(o record) bool {
	return r.time == o.time && bytes.Equal(r.key, o.key) && (r.key == nil) == (o.key == nil) && bytes.Equal(r.value, o.value)
}

// String shows a record in a message.
func (r record) String() string {
	return fmt.Sprintf("%d %q %s", r.time, r.key, shown(string(r.value)))
}

// readPartition returns the records of a partition, which has to begin at offset 0 and have no gap.
func readPartition(t testing.TB, b *broker.Broker, topic string, p int32) []record {
	t.Helper()
	ctx := context.Background()
	r, err := b.SourceUntilEnd(topic).Open(ctx, p, engine.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var out []record
	var batch engine.Records
	for {
		err := r.Read(ctx, &batch)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		for i, offset := range batch.Offsets {
			if offset != int64(len(out)) {
				t.Fatalf("topic %s partition %d: offset %d comes after %d records", topic, p, offset, len(out))
			}
			out = append(out, record{batch.Times[i], bytes.Clone(batch.Keys.At(i)), bytes.Clone(batch.Values.At(i))})
		}
	}
}

// recordsDiffer says how many records there are and which the first differing ones are.
func recordsDiffer(t testing.TB, name string, want, got []record) (out []string) {
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
	want := make([][]record, info.Partitions)
	cfg := l.generator()
	cfg.Start, cfg.Partitions = lifeEnd().Add(-lifeSpan-time.Minute), info.Partitions
	gen, err := generator.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[generator.Kind]int64{}
	for i := range l.Events {
		e := gen.Event(i, nil)
		want[e.Partition] = append(want[e.Partition], record{e.Due, bytes.Clone(e.Key), e.Value})
		kinds[e.Kind]++
	}
	for p := range want {
		tell(t, "events", recordsDiffer(t, fmt.Sprintf("partition %d", p), want[p], readPartition(t, b, lifeTopic, int32(p))))
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	ledger := readLedger(t, writtenTables(t, l.Data))
	for _, table := range []string{"sales_by_minute", "segment_metrics", "hourly_sales", "product_sales"} {
		c := ledger.Tables[table][lifeTopic]
		if !c.Balanced() || c.Read != l.Events || c.Invalid != kinds[generator.Bad] || c.Counted+c.Late != l.Events-kinds[generator.Bad] {
			t.Errorf("ledger of %s: got %+v, want %d read, %d invalid, the rest counted or late", table, c, l.Events, kinds[generator.Bad])
		}
	}
	if late := ledger.Tables["sales_by_minute"][lifeTopic].Late; late == 0 || late > 2*kinds[generator.Late] {
		t.Errorf("ledger: got %d late rows, want some of the %d late events", late, kinds[generator.Late])
	}
}
