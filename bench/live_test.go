package bench

import (
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/pipelines"
)

// TestReadSyncs counts what syncs in the notes of strace: calls by name, also those that others interrupt, and writes to
// files that were opened to sync, as long as the descriptor is theirs.
func TestReadSyncs(t *testing.T) {
	const notes = `7 100.000001 openat(AT_FDCWD, ""..., O_RDWR|O_CREAT|O_CLOEXEC, 0640) = 5
7 100.100000 fsync(5)                   = 0
7 101.000000 fsync(5)                   = 0
8 101.000010 fdatasync(6 <unfinished ...>
7 101.000020 write(5, ""..., 4096)      = 4096
8 101.000900 <... fdatasync resumed>)   = 0
8 101.100000 openat(AT_FDCWD, ""..., O_WRONLY|O_CREAT|O_SYNC|O_CLOEXEC, 0640 <unfinished ...>
7 101.100001 sync_file_range(5, 0, 4096, SYNC_FILE_RANGE_WRITE) = 0
8 101.100100 <... openat resumed>)      = 9
8 101.200000 write(9, ""..., 64)        = 64
8 101.200001 pwrite64(9, ""..., 64, 0 <unfinished ...>
8 101.200300 <... pwrite64 resumed>)    = 64
8 101.300000 close(9)                   = 0
8 101.400000 write(9, ""..., 64)        = -1 EBADF (Bad file descriptor)
7 101.500000 openat(AT_FDCWD, ""..., O_WRONLY|O_DSYNC) = -1 ENOENT (No such file or directory)
7 101.600000 openat(AT_FDCWD, ""..., O_WRONLY|O_DSYNC) = 9
7 101.700000 openat(AT_FDCWD, ""..., O_WRONLY) = 9
7 101.800000 write(9, ""..., 64)        = 64
9 101.900000 +++ exited with 0 +++
7 102.000000 fsync(5)                   = 0
7 102.000`
	for _, c := range []struct {
		from, until float64
		want        int
	}{{101, 102, 5}, {100, 101, 1}, {102, 103, 1}, {0, 1e9, 7}, {200, 300, 0}} {
		got, err := readSyncs(strings.NewReader(notes), c.from, c.until)
		if err != nil || got != c.want {
			t.Errorf("from %v until %v: %d syncs, %v; want %d", c.from, c.until, got, err, c.want)
		}
	}
}

// TestReadLatencies finds the events' times in the rows of a topic, in whatever zone, and passes over lines without.
func TestReadLatencies(t *testing.T) {
	const rows = `{"partition":0,"offset":1,"timestamp":"2026-11-30T19:45:31.350000Z","key":"u","value":"{\"event_id\":\"e\",\"ts\":\"2026-11-30T19:45:31.250Z\",\"n\":1}"}
{"partition":0,"offset":2,"value":"{\"ts\":\"2026-12-01T04:45:30+09:00\"}"}
{"partition":0,"offset":3,"value":null}
{"partition":0,"offset":4,"value":"{\"ts\":null}"}
{"partition":0,"offset":5,"value":"{\"ts\":\"soon\"}"}
{"partition":0,"offset":6,"value":"{\"ts\":\"2026-11-30T19:4`
	now := time.Date(2026, 11, 30, 19, 45, 32, 0, time.UTC)
	var got []float64
	err := readLatencies(strings.NewReader(rows), "ts", func() time.Time { return now }, func(due, came time.Time) { got = append(got, came.Sub(due).Seconds()) })
	if !errors.Is(err, io.EOF) || len(got) != 2 || got[0] != 0.75 || got[1] != 2 {
		t.Errorf("%v, %v; want 0.75 and 2 seconds", got, err)
	}
}

// TestUnsettled says what a process has before it that is not done, from its status.
func TestUnsettled(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	ok := func(change func(*liveStatus)) *liveStatus {
		st := &liveStatus{}
		st.Engine.Partitions = append(st.Engine.Partitions, struct {
			Topic     string `json:"topic"`
			Lag       int64  `json:"lag"`
			EventTime int64  `json:"eventTime"`
		}{feedTopic, 90, now.Add(-time.Second).UnixMicro()})
		change(st)
		return st
	}
	for _, c := range []struct {
		name string
		rate float64
		st   *liveStatus
		want string
	}{
		{"keeps up", 100, ok(func(*liveStatus) {}), ""},
		{"not begun", 100, ok(func(st *liveStatus) { st.Engine.Partitions[0].EventTime = math.MinInt64 }), "no event is read"},
		{"idle", 0, &liveStatus{}, ""},
		{"lag", 100, ok(func(st *liveStatus) { st.Engine.Partitions[0].Lag = 101 }), "101 records are not read"},
		{"generator", 100, ok(func(st *liveStatus) { st.Rates.Overdue = 101 }), "101 events are overdue"},
		{"old", 100, ok(func(st *liveStatus) { st.Engine.Partitions[0].EventTime -= 5e6 }), "the newest event that is read is of 6s ago"},
		{"slow", 0.5, ok(func(st *liveStatus) {
			st.Engine.Partitions[0].EventTime, st.Engine.Partitions[0].Lag = st.Engine.Partitions[0].EventTime-4e6, 0
		}), ""},
		{"rows", 100, ok(func(st *liveStatus) { st.Engine.OutboxRows = 1001 }), "1001 rows wait for their sinks"},
	} {
		if got := c.st.unsettled(c.rate, now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestComparedByPairs has the ratio of each pair, not of the middles, and leaves out what a run lacks.
func TestComparedByPairs(t *testing.T) {
	syncs := 10.0
	r := LiveRate{
		This:  []LiveFigures{{CPU: 10, Syncs: &syncs}, {CPU: 40}, {CPU: 30}},
		Other: []LiveFigures{{CPU: 20, Syncs: &syncs}, {CPU: 20, Syncs: &syncs}, {CPU: 10}},
	}
	r.compare()
	var cpu, counted Comparison
	for _, c := range r.Compared {
		switch c.Figure {
		case "cpu":
			cpu = c
		case "syncs":
			counted = c
		case "p50":
			t.Error("p50 is compared, which no run has")
		}
	}
	if want := (Spread{2, 0.5, 3, 3}); cpu.Ratio != want || cpu.Difference != (Spread{20, -10, 20, 3}) {
		t.Errorf("CPU %+v, want ratio %+v", cpu, want)
	}
	if counted.Ratio != (Spread{1, 1, 1, 1}) {
		t.Errorf("syncs %+v, want the one pair that has both", counted)
	}
}

func TestLiveReport(t *testing.T) {
	n, ms := 54.25, 0.0741
	r := LiveResult{Machine: Machine{Cores: 2, OS: "linux", Arch: "amd64"}, Project: "purchases", Window: 20, Backlog: 600, Output: "customer-scores", This: "nagare", Other: "before",
		Rates: []LiveRate{{Rate: 1000,
			This:  []LiveFigures{{CPU: 5, Resident: 111e6, Syncs: &n, P50: &ms, P99: &ms, Rows: 40}},
			Other: []LiveFigures{{CPU: 20, Resident: 222e6, NoSyncs: "no strace", NoRows: "nothing comes", Trouble: "901 records are not read"}}}}}
	r.Rates[0].compare()
	var out strings.Builder
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1,000 events/s, 1 runs                   this      other   ratio                  difference\n",
		"CPU, % of a core                         5.00      20.00   0.250 (0.25 – 0.25)    -15.00 (-15.00 – -15.00)\n",
		"memory, MB, middle of the window          111        222   0.500 (0.50 – 0.50)    -111 (-111 – -111)\n",
		"syncs/s                                  54.2          –\n",
		"event → row, ms, p50                       74          –\n",
		"this, run 1: p99 is of 40 rows only\n",
		"other, run 1 does not keep up: 901 records are not read\n",
		"other, run 1: syncs not measured: no strace\n",
		"other, run 1: event → row of customer-scores not measured: nothing comes\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestRemoveAlerts leaves a project that is whole but for its alerts and what they alone read.
func TestRemoveAlerts(t *testing.T) {
	shipped, err := pipelines.Open(pipelines.Default)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "p")
	if err := os.CopyFS(dir, shipped); err != nil {
		t.Fatal(err)
	}
	before, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := removeAlerts(dir, true); err != nil {
		t.Fatal(err)
	}
	after, err := load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(before.Alerts) == 0 || len(after.Alerts) != 0 || len(after.Sinks) != len(before.Sinks) {
		t.Errorf("of %d alerts %d are left, of %d sinks %d", len(before.Alerts), len(after.Alerts), len(before.Sinks), len(after.Sinks))
	}
}

func TestLiveValidate(t *testing.T) {
	good := LiveConfig{Rates: []float64{10}, Window: time.Second, Pairs: 1}
	for _, c := range []struct {
		change func(*LiveConfig)
		want   string
	}{
		{func(*LiveConfig) {}, ""},
		{func(c *LiveConfig) { c.Rates = nil }, "--rates: name one"},
		{func(c *LiveConfig) { c.Rates = []float64{-1} }, "--rates -1"},
		{func(c *LiveConfig) { c.Rates = []float64{math.NaN()} }, "--rates NaN"},
		{func(c *LiveConfig) { c.Window = 0 }, "--seconds 0"},
		{func(c *LiveConfig) { c.Pairs = 0 }, "--pairs 0"},
		{func(c *LiveConfig) { c.Backlog = -1 }, "--backlog -1ns"},
		{func(c *LiveConfig) { c.Without = []string{"page"} }, "there are alerts and monitor"},
		{func(c *LiveConfig) { c.Without, c.Against = []string{"alerts"}, "x" }, "leave one out"},
		{func(c *LiveConfig) { c.Together = true }, "--together: it is for pairs"},
	} {
		cfg := good
		c.change(&cfg)
		err := cfg.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
