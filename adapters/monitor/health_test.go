package monitor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/record"
)

// begin is the first second of every story.
var begin = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// A world is a pipeline of one topic with two partitions and one sink, second by second.
type world struct {
	at      time.Time
	read    [2]int64
	end     [2]int64
	sample  Sample
	reading *Reading
	trouble string // the monitor's own
}

func newWorld() *world {
	return &world{reading: &Reading{Disk: &DiskReading{Path: "/data", Total: 100 << 30, Free: 50 << 30, Percent: 50}}}
}

// story runs a world for some seconds and returns the changes of a part's state, as "second state".
func story(t *testing.T, part string, seconds int, change func(w *world, second int)) (changes []string, last Health) {
	t.Helper()
	h, w := newHealth(), newWorld()
	for second := range seconds {
		w.at = begin.Add(time.Duration(second) * time.Second)
		w.sample = Sample{At: w.at, Sources: []Source{{Topic: "t"}}, Trouble: map[string]string{"broker": ""}, Floor: 16 << 20,
			Measures: engine.Measures{Epoch: uint64(second), Checkpoints: engine.CheckpointStatus{Count: int64(second + 1), LastCommit: 2000},
				Sinks: []engine.SinkMeasures{{Name: "s"}}}}
		change(w, second)
		for p := range int32(2) {
			w.sample.Measures.Partitions = append(w.sample.Measures.Partitions, engine.PartitionStatus{Topic: "t", Partition: p,
				Position: w.read[p], End: w.end[p], Lag: w.end[p] - w.read[p], EventTime: w.at.Add(-time.Minute).UnixMicro()})
		}
		s := w.sample
		for _, got := range h.observe(&s, w.reading, w.trouble) {
			if got.Part != part {
				continue
			}
			if got.State != last.State {
				changes = append(changes, fmt.Sprintf("%d %s", second, got.State))
				if !got.Since.Equal(w.at) {
					t.Errorf("second %d: %s since %v", second, got.State, got.Since)
				}
			}
			last = got
		}
	}
	return changes, last
}

// TestHealthChangesOnceAndBackOnce tells a story for each thing that can go wrong.
func TestHealthChangesOnceAndBackOnce(t *testing.T) {
	us := func(at time.Time) int64 { return at.UnixMicro() }
	for _, c := range []struct {
		name, part string
		seconds    int
		change     func(w *world, second int)
		want       []string
	}{
		{"a steady stream", "source/t", 60, func(w *world, _ int) {
			for p := range 2 {
				w.end[p] += 1000
				w.read[p] = w.end[p] - 10
			}
		}, []string{"0 starting", "1 keeping up"}},
		{"nothing comes", "source/t", 60, func(*world, int) {}, []string{"0 starting", "1 keeping up", "10 idle"}},
		{"a lag that grows and is caught up", "source/t", 120, func(w *world, second int) {
			w.end[0], w.end[1] = w.end[0]+1000, w.end[1]+1000
			w.read[0] = w.end[0]
			switch {
			case second < 10:
				w.read[1] = w.end[1]
			case second < 40: // half of what comes
				w.read[1] += 500
			default:
				w.read[1] = min(w.end[1], w.read[1]+2000)
			}
		}, []string{"0 starting", "1 keeping up", "12 falling behind", "41 recovering", "52 keeping up"}},
		{"a lag that jitters about a level keeps its state", "source/t", 100, func(w *world, second int) {
			w.end[0] += 1000
			lag := int64(second) * 1000
			if second >= 20 {
				lag = 20_000 + int64(second%3)*100
			}
			w.read[0] = max(0, w.end[0]-lag)
		}, []string{"0 starting", "5 falling behind", "10 stuck", "20 falling behind"}},
		{"what waits is not read", "source/t", 60, func(w *world, second int) {
			w.end[0] = 10
			w.read[0] = 4
			if second >= 30 {
				w.read[0] = 10
			}
		}, []string{"0 starting", "1 keeping up", "10 stuck", "30 keeping up", "40 idle"}},
		{"the pipeline has failed", "source/t", 30, func(w *world, second int) {
			if second >= 10 {
				w.sample.Failure = "the disk is gone"
			}
		}, []string{"0 starting", "1 keeping up", "10 failed"}},
		{"the tasks never come to rest", "source/t", 30, func(w *world, second int) {
			w.end[0], w.read[0] = int64(second), int64(second)
			if second >= 10 && second < 20 {
				w.sample.Silent = time.Duration(second-9) * time.Second
			}
		}, []string{"0 starting", "1 keeping up", "14 stuck", "20 keeping up"}},
		{"a slow checkpoint", "checkpoint", 90, func(w *world, second int) {
			c := &w.sample.Measures.Checkpoints
			switch {
			case second >= 10 && second < 50:
				w.sample.Measures.Epoch = 9
				c.Underway = us(begin.Add(10 * time.Second))
			case second == 50:
				c.LastCommit = 40_000_000
			}
		}, []string{"0 idle", "1 keeping up", "15 degraded", "40 stuck", "50 degraded", "51 keeping up"}},
		{"no checkpoint is wanted", "checkpoint", 40, func(w *world, second int) {
			w.sample.Measures.Epoch = uint64(min(second, 5))
		}, []string{"0 idle", "1 keeping up", "15 idle"}},
		{"a dead sink", "sink/s", 60, func(w *world, second int) {
			s := &w.sample.Measures.Sinks[0]
			s.Delivered = 100
			if second >= 10 && second < 30 {
				s.Trouble, s.Waiting, s.Oldest = "connection refused", int64(second), us(begin.Add(10*time.Second))
			}
			if second >= 30 {
				s.Delivered = 130
			}
		}, []string{"0 idle", "10 degraded", "30 keeping up", "40 idle"}},
		{"a sink that does not answer", "sink/s", 90, func(w *world, second int) {
			s := &w.sample.Measures.Sinks[0]
			if second >= 10 && second < 50 {
				s.Writing, s.Waiting, s.Oldest = us(begin.Add(10*time.Second)), 5, us(begin.Add(10*time.Second))
			}
		}, []string{"0 idle", "10 keeping up", "15 degraded", "40 stuck", "50 keeping up", "59 idle"}},
		{"a sink that is too slow", "sink/s", 90, func(w *world, second int) {
			s := &w.sample.Measures.Sinks[0]
			s.Delivered = int64(second)
			switch {
			case second >= 10 && second < 40:
				s.Waiting, s.Oldest = int64(second*100), us(w.at.Add(-time.Duration(second-10)*time.Second))
			case second >= 40 && second < 50:
				s.Waiting, s.Oldest = int64((50-second)*300), us(w.at.Add(-10*time.Second))
			}
		}, []string{"0 idle", "1 keeping up", "15 falling behind", "40 recovering", "50 keeping up"}},
		{"a cache that is filled", "sink/s", 30, func(w *world, second int) {
			s := &w.sample.Measures.Sinks[0]
			s.Cache = &record.SinkStatus{State: "connected"}
			switch {
			case second < 3:
				s.Cache.State = "connecting"
			case second < 6:
				s.Cache.State = "filling"
			case second >= 10 && second < 15:
				s.Cache.State, s.Cache.Reason = "degraded", "no answer"
			}
		}, []string{"0 starting", "3 recovering", "6 idle", "10 degraded", "15 idle"}},
		{"processors that are busy", "cpu", 150, func(w *world, second int) {
			w.reading.At = w.at
			w.reading.CPU = &CPUReading{Percent: 30, Cores: 2}
			switch {
			case second >= 10 && second < 15, second >= 30 && second < 80: // the first time for too short
				w.reading.CPU.Percent = 99
			case second >= 80 && second < 85: // neither
				w.reading.CPU.Percent = 85
			case second == 100:
				w.reading.CPU.Percent = 99
			}
		}, []string{"0 keeping up", "60 degraded", "131 keeping up"}},
		{"a disk that is written to about its floor", "disk", 60, func(w *world, second int) {
			w.reading.Disk.Percent, w.reading.Disk.Free = 90, 50<<20
			switch {
			case second >= 10 && second < 40:
				w.reading.Disk.Free = 16<<20 + uint64(second%4)<<20
			}
		}, []string{"0 keeping up", "12 stuck", "40 keeping up"}},
		{"a full disk", "disk", 60, func(w *world, second int) {
			w.reading.Disk.Percent, w.reading.Disk.Free = 50, 50<<30
			switch {
			case second >= 10 && second < 20:
				w.reading.Disk.Percent = 95 + float64(second%2) - 0.5 // about the limit
			case second >= 20 && second < 30:
				w.reading.Disk.Percent, w.reading.Disk.Free = 99.9, 10<<20
			case second >= 30 && second < 35:
				w.reading.Disk.Percent = 93.5
			}
		}, []string{"0 keeping up", "11 degraded", "20 stuck", "30 keeping up"}},
		{"a silent collector", "monitor", 30, func(w *world, second int) {
			w.reading.Failed = nil
			if second >= 10 && second < 20 {
				w.reading.Failed = []Failure{{"disk", "no answer"}}
			}
		}, []string{"0 keeping up", "10 degraded", "20 keeping up"}},
		{"a topic of its own that cannot be written", "monitor", 30, func(w *world, second int) {
			w.trouble = ""
			if second >= 10 && second < 20 {
				w.trouble = "append to topic system-metrics: the disk is full"
			}
		}, []string{"0 keeping up", "10 degraded", "20 keeping up"}},
		{"a broker in trouble", "broker", 30, func(w *world, second int) {
			if second >= 10 && second < 20 {
				w.sample.Trouble["broker"] = "it restarts"
			}
		}, []string{"0 keeping up", "10 degraded", "20 keeping up"}},
		{"a generator that owes events", "generator", 40, func(w *world, second int) {
			w.sample.Generate = &Generate{Rate: 10}
			switch {
			case second >= 10 && second < 20:
				w.sample.Generate.Overdue = int64(10 * (second - 9))
			case second >= 20 && second < 25:
				w.sample.Generate.Overdue = int64(100 - 20*(second-19))
			}
		}, []string{"0 keeping up", "15 falling behind", "20 recovering", "22 keeping up"}},
		{"queries that wait", "queries", 60, func(w *world, second int) {
			w.sample.Queries = &Queries{}
			if second >= 10 && second < 20 {
				w.sample.Queries = &Queries{Running: 4, Waiting: 2}
			}
		}, []string{"0 idle", "10 keeping up", "15 falling behind", "20 keeping up", "29 idle"}},
	} {
		got, _ := story(t, c.part, c.seconds, c.change)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s:\n got %q\nwant %q", c.name, got, c.want)
		}
	}
}

// TestFallingBehindSaysHowMuch: by how much, since when, and which partition.
func TestFallingBehindSaysHowMuch(t *testing.T) {
	_, last := story(t, "source/t", 40, func(w *world, second int) {
		w.end[0], w.end[1] = w.end[0]+10, w.end[1]+1000
		w.read[0], w.read[1] = w.end[0], w.read[1]+600
	})
	if last.State != FallingBehind || last.Reason != "partition 1 has 16,000 records to read, 1m0s of event time, 400 more a second, since 12:00:05Z" {
		t.Errorf("%+v", last)
	}
	_, last = story(t, "source/t", 30, func(w *world, _ int) {
		w.end[1] = 7
		w.sample.Measures.Sinks[0].Trouble = "refused"
	})
	if last.State != Stuck || !strings.Contains(last.Reason, "partition 1 has 7 records to read") || !strings.HasSuffix(last.Reason, "and has read nothing for 29s; sink s does not take rows") {
		t.Errorf("%+v", last)
	}
}

func TestWorstPart(t *testing.T) {
	all := []Health{{Part: "a", State: Idle}, {Part: "b", State: Degraded, Reason: "x"}, {Part: "c", State: Degraded}, {Part: "d", State: Recovering}}
	if w := Worst(all); w.Part != "b" || w.Sentence() != "b: degraded: x" || !w.IsTrouble() {
		t.Errorf("%+v", w)
	}
	if Worst(nil).State != Starting || (Health{State: Recovering}).IsTrouble() {
		t.Error("nothing is known, or recovering is trouble")
	}
}

// TestHealthOfAWebhook: one that does not take what waits for it is trouble of its own, and is over when nothing waits.
func TestHealthOfAWebhook(t *testing.T) {
	changes, _ := story(t, "webhook/w", 30, func(w *world, second int) {
		hook := Webhook{Name: "w"}
		if second >= 10 && second < 20 {
			hook = Webhook{Name: "w", Waiting: 2, Reason: "status 500", Since: begin.Add(10 * time.Second)}
		}
		w.sample.Webhooks = []Webhook{hook}
	})
	if want := []string{"0 idle", "10 degraded", "20 idle"}; !slices.Equal(changes, want) {
		t.Errorf("%q, not %q", changes, want)
	}
}
