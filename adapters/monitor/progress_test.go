package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/record"
)

// twoSeconds is a pipeline at two moments a second apart.
func twoSeconds() (first, second *Sample) {
	at := func(second int, read, counted, late, position, end, delivered int64) *Sample {
		now := begin.Add(time.Duration(second) * time.Second)
		s := &Sample{At: now, Sources: []Source{{Topic: "t", Newest: begin.Add(-3 * time.Second)}}, Sinks: map[string]string{"out": "kafka[o]"},
			Measures: engine.Measures{Epoch: uint64(7 + second), Watermark: begin.UnixMicro(), Checkpoints: engine.CheckpointStatus{LastPause: 1000, LastCommit: 4000},
				Ledger: ledger.Ledger{Topics: map[string]ledger.Count{"t": {Read: read}}, Tables: map[string]map[string]ledger.Count{"sales": {"t": {Read: read, Counted: counted, Late: late}}}},
				Partitions: []engine.PartitionStatus{
					{Topic: "t", Partition: 0, Position: position, End: end, Lag: end - position, EventTime: begin.Add(-30 * time.Second).UnixMicro(), Watermark: begin.Add(-40 * time.Second).UnixMicro()},
					{Topic: "t", Partition: 1, EventTime: math.MinInt64, Watermark: math.MinInt64},
				},
				Tables: []engine.TableMeasures{{Name: "sales", Windowed: true, Watermark: math.MinInt64, StateRows: 5, StateBytes: 900}},
				Sinks:  []engine.SinkMeasures{{Name: "out", Delivered: delivered, Waiting: 2, Oldest: now.Add(-1500 * time.Millisecond).UnixMicro()}},
			}}
		for i := range delivered {
			s.Measures.Sinks[0].Latency.Add(1000<<i, 1)
		}
		return s
	}
	return at(0, 100, 90, 10, 100, 100, 2), at(1, 130, 115, 15, 130, 150, 6)
}

// TestRecordsOfASecond: numbers are those since the record before, in Spark's names.
func TestRecordsOfASecond(t *testing.T) {
	first, second := twoSeconds()
	r := reporter{project: "p", instance: "i", started: begin.Add(-time.Hour)}
	if got := r.records(first, nil); got != nil {
		t.Fatalf("of one moment: %v", got)
	}
	records := r.records(second, []Health{{Part: "sink/out", State: Degraded, Reason: "refused"}})
	var got []string
	for i := range records {
		var rec map[string]any
		if err := json.Unmarshal(records[i].text(), &rec); err != nil {
			t.Fatal(err)
		}
		for _, same := range []string{"id", "runId", "timestamp", "batchDuration", "durationMs", "health"} {
			delete(rec, same)
		}
		text, _ := json.Marshal(rec)
		got = append(got, string(text))
	}
	offsets := `[{"description":"nagare[Subscribe[t]]","endOffset":{"t":{"0":130,"1":0}},"inputRowsPerSecond":50,"latestOffset":{"t":{"0":150,"1":0}},"numInputRows":30,"processedRowsPerSecond":30,"startOffset":{"t":{"0":100,"1":0}}}]`
	lag := `[{"lagRecords":20,"lagSeconds":31,"partition":0,"topic":"t","watermark":"2026-11-22T11:59:20.000Z"},{"lagRecords":0,"lagSeconds":0,"partition":1,"topic":"t"}]`
	want := []string{
		`{"batchId":8,"eventTime":{},"inputRowsPerSecond":50,"kind":"table","lagRecords":20,"lagSeconds":31,"name":"sales","numCountedRows":25,"numDuplicateRows":0,"numFilteredRows":0,"numFutureRows":0,"numInputRows":30,"numInvalidRows":0,"numLateRows":5,"partitions":` + lag +
			`,"processedRowsPerSecond":30,"sink":{"description":"table/sales"},"sources":` + offsets + `,"stateOperators":[{"memoryUsedBytes":900,"numRowsDroppedByWatermark":5,"numRowsTotal":5,"operatorName":"sales"}]}`,
		`{"batchId":8,"eventTime":{"max":"2026-11-22T11:59:30.000Z"},"inputRowsPerSecond":50,"kind":"source","lagRecords":20,"lagSeconds":31,"name":"t","newestRecord":"2026-11-22T11:59:57.000Z","numInputRows":30,"partitions":` + lag +
			`,"processedRowsPerSecond":30,"silentSeconds":4,"sink":{},"sources":` + offsets + `,"stateOperators":[]}`,
		`{"batchId":8,"eventTime":{},"inputRowsPerSecond":0,"kind":"sink","latencyP50Ms":8,"latencyP99Ms":32,"name":"out","numInputRows":0,"numOutputRows":4,"processedRowsPerSecond":0,"reason":"refused","sink":{"description":"kafka[o]","numOutputRows":4},"sources":[],"state":"degraded","stateOperators":[],"waitingRows":2,"waitingSeconds":1.5}`,
		`{"batchId":8,"checkpointSeconds":0.005,"eventTime":{"watermark":"2026-11-22T12:00:00.000Z"},"inputRowsPerSecond":50,"kind":"process","name":"p","numInputRows":30,"processedRowsPerSecond":30,"reason":"sink/out: degraded: refused","sink":{},"sources":[],"state":"degraded","stateOperators":[]}`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// TestPipelineOpenedAnew: one that went back to its checkpoint, and whose sinks count from 0, gives no number below 0.
func TestPipelineOpenedAnew(t *testing.T) {
	second, first := twoSeconds() // the other way round
	second.At = first.At.Add(time.Second)
	r := reporter{started: begin}
	r.records(first, nil)
	for _, rec := range r.records(second, nil) {
		text := string(rec.text())
		if strings.Contains(text, ":-") {
			t.Errorf("a number below 0: %s", text)
		}
		if rec.Kind == "sink" && *rec.NumOutputRows != 2 {
			t.Errorf("the sink has taken 2 rows since: %s", text)
		}
	}
}

// A slowTopic refuses appends for as long as it is told.
type slowTopic struct {
	mu   sync.Mutex
	err  error
	rows []string
}

func (s *slowTopic) Append(_ context.Context, _ int32, r *record.Records, _ int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, s.err
	}
	for i := range r.Values.Len() {
		s.rows = append(s.rows, string(r.Keys.At(i))+string(r.Values.At(i)))
	}
	return 0, nil
}

// all is what was appended.
func (s *slowTopic) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rows)
}

func (s *slowTopic) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// TestTopicThatIsAway: what it misses waits, in order and within a limit, and whoever sends never waits.
func TestTopicThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := &slowTopic{}
		var allowed atomic.Bool
		o := newOutlet("x", func(context.Context, string) (Writer, error) {
			if !allowed.Load() {
				return nil, errors.New("not allowed")
			}
			return topic, nil
		})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { o.run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		n := 0
		send := func(times int) {
			for range times {
				n++
				o.send(batch{0, []string{"k"}, [][]byte{[]byte(fmt.Sprint(n))}})
				time.Sleep(time.Second)
			}
		}
		send(40)
		if trouble, _ := o.report(); trouble != "not allowed" {
			t.Errorf("trouble: %q", trouble)
		}
		allowed.Store(true)
		send(40) // it is opened anew within half a minute
		if len(topic.all()) != n {
			t.Fatalf("%d of %d records are there", len(topic.all()), n)
		}
		topic.refuse(errors.New("append to topic x: the disk is full")) // which says itself where
		send(mostPending + 30)
		if trouble, dropped := o.report(); trouble != "append to topic x: the disk is full" || dropped != 30 {
			t.Errorf("trouble %q, %d let go", trouble, dropped)
		}
		topic.refuse(nil)
		time.Sleep(2 * outletPause)
		send(2)
		if trouble, _ := o.report(); trouble != "" || len(topic.all()) != n-30 {
			t.Errorf("trouble %q; %d of %d records", trouble, len(topic.all()), n)
		}
		for i, row := range topic.all() {
			want := i + 1
			if i >= 80 {
				want += 30
			}
			if row != fmt.Sprintf("k%d", want) {
				t.Fatalf("record %d is %s", want, row)
			}
		}
	})
}

// TestMachineIsReadWhenWanted: each second while somebody wants to know, else every 30 s; what is shown is in the topic.
func TestMachineIsReadWhenWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := &slowTopic{}
		m := New(Config{Project: "p", Started: time.Now(), Open: func(_ context.Context, name string) (Writer, error) {
			if name == SystemMetrics {
				return topic, nil
			}
			return &slowTopic{}, nil
		}, Host: HostConfig{Data: t.TempDir()}})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { m.Run(ctx); close(done) }()
		defer func() { stop(); <-done }()
		seconds := func(n int) int {
			before := len(topic.all())
			for range n {
				m.Observe(ctx, &Sample{At: time.Now()})
				time.Sleep(time.Second)
			}
			synctest.Wait()
			return len(topic.all()) - before
		}
		if n := seconds(60); n != 2 {
			t.Errorf("%d records in a minute in which nobody asks", n)
		}
		m.Want(time.Now())
		if n := seconds(60); n != 10+1 {
			t.Errorf("%d records in a minute in which somebody asks once", n)
		}
		end := m.Follow()
		if n := seconds(60); n != 60 {
			t.Errorf("%d records in a minute in which somebody follows", n)
		}
		end()
		if n := seconds(60); n != 2 {
			t.Errorf("%d records in a minute behind that", n)
		}
		before := len(topic.all())
		if m.Machine(ctx, time.Now()) != m.Machine(ctx, time.Now().Add(time.Second/2)) {
			t.Error("the machine is read twice in a second")
		}
		synctest.Wait()
		if n := len(topic.all()) - before; n != 1 {
			t.Errorf("%d records of one reading that was shown", n)
		}
	})
}

// TestReadmeHasTheSchemas: who reads the topics finds every field in the README, with its type.
func TestReadmeHasTheSchemas(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Watch it\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var check func(of reflect.Type)
	check = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice:
			check(of.Elem())
		case reflect.Struct:
			for i := range of.NumField() {
				f := of.Field(i)
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if name != "" && !regexp.MustCompile(`\b`+name+`:? (STRING|TIMESTAMP|BIGINT|INT|DOUBLE|BOOLEAN|STRUCT<|ARRAY<|MAP<)`).MatchString(section) {
					t.Errorf("the README does not tell the type of %s.%s", of.Name(), name)
				}
				if f.Type != reflect.TypeFor[time.Time]() {
					check(f.Type)
				}
			}
		}
	}
	check(reflect.TypeFor[Record]())
	check(reflect.TypeFor[SystemRecord]())
}

// TestAJoinIsAStateOperator: the rows that a join keeps are told as those of windows are.
func TestAJoinIsAStateOperator(t *testing.T) {
	first, second := twoSeconds()
	second.Measures.Tables = []engine.TableMeasures{{Name: "sales", Joined: true, Watermark: math.MinInt64, StateRows: 7, StateBytes: 100}}
	r := reporter{project: "p", instance: "i", started: begin.Add(-time.Hour)}
	r.records(first, nil)
	for _, rec := range r.records(second, nil) {
		if strings.Contains(string(rec.text()), `"operatorName":"sales","numRowsTotal":7`) {
			return
		}
	}
	t.Error("the join's rows are in no record")
}
