package cli

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/store"
)

// has looks for a finding of a mark with a text, and with a fix unless all is well.
func has(t *testing.T, list []finding, mark, what string) {
	t.Helper()
	for _, f := range list {
		if f.Mark == mark && strings.Contains(f.What, what) {
			if (f.Mark == good) != (f.Fix == "") {
				t.Errorf("%s %s: the fix is %q", f.Mark, f.What, f.Fix)
			}
			return
		}
	}
	t.Errorf("no %s with %q in %v", mark, what, list)
}

// TestDoctorClock: newest records that are ahead of the clock, and a clock that was set while the process ran.
func TestDoctorClock(t *testing.T) {
	now := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	has(t, checkAhead("t", now.Add(10*time.Second), now), doubt, "topic t came at 2026-02-03T12:00:10Z by the clock of then, 10s ahead")
	has(t, checkAhead("t", now.Add(time.Hour), now), bad, "1h0m0s ahead")
	has(t, checkJump(now, now.Add(time.Hour)), doubt, "set forward by 1h0m0s")
	has(t, checkJump(now, now.Add(-90*time.Second)), doubt, "set back by 1m30s")
	if list := append(checkAhead("t", now.Add(time.Second), now), append(checkAhead("t", time.Time{}, now), checkJump(now, now.Add(time.Second))...)...); len(list) > 0 {
		t.Errorf("nothing is wrong, and %v", list)
	}
}

// TestDoctorMachine: memory of a machine and of a container, and open files.
func TestDoctorMachine(t *testing.T) {
	record := func(available, total float64, container bool) *monitor.SystemRecord {
		used := 100 * (total - available) / total
		return &monitor.SystemRecord{MemoryAvailableGB: &available, MemoryTotalGB: &total, MemoryPercent: &used, Container: container}
	}
	has(t, []finding{checkMemory(record(8, 16, false))}, good, "8.0 of 16.0 GiB of memory of this machine")
	has(t, []finding{checkMemory(record(0.1, 0.5, true))}, doubt, "of the control group's limit")
	has(t, []finding{checkMemory(record(0.5, 64, false))}, doubt, "0.5 of 64.0 GiB")
	has(t, []finding{checkMemory(&monitor.SystemRecord{})}, doubt, "cannot be told")
	has(t, []finding{checkFiles(60, 20000)}, good, "20,000 files")
	has(t, []finding{checkFiles(60, 256)}, doubt, "256 files")
	has(t, []finding{checkFiles(17000, 20000)}, bad, "17,000 are")
}

// TestDoctorParts: each part in trouble has a line with its reason and a fix; a stuck one is broken.
func TestDoctorParts(t *testing.T) {
	since := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	st := web.StatusAnswer{Info: web.Info{Running: true, Data: "/d"}}
	for _, part := range []string{"broker", "kafka", "source/t", "checkpoint", "sink/s", "generator", "disk", "queries", "monitor"} {
		st.Health = append(st.Health, monitor.Health{Part: part, State: monitor.Degraded, Reason: "why " + part, Since: since})
	}
	list := checkParts(st, &web.MonitorAnswer{Dropped: 3})
	for _, h := range st.Health {
		has(t, list, doubt, h.Part+": degraded: why "+h.Part+", since 12:00:00Z")
	}
	has(t, list, doubt, "3 records of topics system-metrics and pipeline-metrics were let go")
	for i := range st.Health {
		st.Health[i].State = monitor.Stuck
	}
	list = checkParts(st, nil)
	for _, h := range st.Health {
		has(t, list, bad, h.Part+": stuck")
	}
	for i := range st.Health {
		st.Health[i].State = monitor.KeepingUp
	}
	list = checkParts(st, &web.MonitorAnswer{Sinks: []web.SinkLoad{{Name: "s", Waiting: 12}}})
	has(t, list, good, "sink s: keeping up, 12 rows wait")
	has(t, list, good, "8 parts keep up")
}

// TestDoctorAlerts: rules with too many incidents, never looked at, and far behind, with the partition that holds.
func TestDoctorAlerts(t *testing.T) {
	const hour = int64(3600_000_000)
	at := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC).UnixMicro()
	st := web.StatusAnswer{Engine: engine.Status{Partitions: []engine.PartitionStatus{
		{Topic: "t", Partition: 0, EventTime: at, Watermark: at - 1},
		{Topic: "t", Partition: 1, EventTime: math.MinInt64, Watermark: math.MinInt64},
		{Topic: "t", Partition: 2, EventTime: math.MinInt64, Watermark: math.MinInt64, Idle: true},
	}}}
	rule := alert.Rule{Name: "r", From: "w"}
	has(t, checkAlert(&engine.AlertStatus{Rule: rule, Watermark: at, Overflow: 5}, nil, st), doubt, "alert r: 5 breaches")
	has(t, checkAlert(&engine.AlertStatus{Rule: rule, Watermark: math.MinInt64}, nil, st), doubt, "never been looked at: its watermark does not move; topic t, partition 1, holds it")
	st.Engine.Partitions[1] = engine.PartitionStatus{Topic: "t", Partition: 1, EventTime: at - hour, Watermark: at - hour}
	has(t, checkAlert(&engine.AlertStatus{Rule: rule, Watermark: at - hour}, nil, st), doubt, "only up to 2026-02-03T11:00:00Z, 1h0m0s behind the newest event; topic t, partition 1, holds it")
	hook := notify.ReceiverReport{Name: "h", Place: "http://127.0.0.1:9", State: "ok"}
	has(t, []finding{checkWebhook(hook)}, good, "webhook h at http://127.0.0.1:9: ok, 0 changes told")
	hook.Refused, hook.LastError = 2, "it answered 400"
	has(t, []finding{checkWebhook(hook)}, doubt, "it refused 2: it answered 400")
	hook.Since, hook.Waiting = time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC), 7
	has(t, []finding{checkWebhook(hook)}, doubt, "7 wait; since 12:00:00Z: it answered 400")
	if list := checkAlert(&engine.AlertStatus{Rule: rule, Watermark: at - 1000}, nil, st); len(list) > 0 {
		t.Errorf("a rule that is looked at: %v", list)
	}
}

// TestFolderInUse: who has the folder decides what helps.
func TestFolderInUse(t *testing.T) {
	for what, used := range map[string]*store.InUseError{
		"process 7 looks into the data folder":     {PID: 7, Looks: true},
		"no address at which it could be asked":    {PID: 7},
		"does not answer at http://127.0.0.1:7575": {PID: 7, Address: "127.0.0.1:7575"},
		"it is in use; stop it, or use another":    {},
	} {
		f := closedFolder(used)
		if !strings.Contains(f.What, what) || f.Fix == "" {
			t.Errorf("%+v is found as %+v, not as %q", used, f, what)
		}
	}
}
