//go:build unix

package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/adapters/kafka"
	"github.com/nagare-stream/nagare/adapters/redis/redistest"
)

var away = flag.Duration("away", 2*time.Second, "how long a server is away at first in TestKafkaOutage and TestRedisOutage, from when the state says so")

// mostHang is how long a server hangs at most, which is the second outage of these tests: from some
// seconds on a longer time tries nothing else.
const mostHang = 15 * time.Second

// outageRate is how many events a second come meanwhile.
const outageRate = 10_000

// TestKafkaOutage takes a real broker away from a pipeline whose generator goes on: killed, then stopped
// so that it takes connections and answers nothing, then stopped while the pipeline is told to end. The
// state says so all the time, memory stays as it was, and everything is caught up without anybody's
// help: the topic holds the generator's events once and in order, tables and ledger are those of a run
// over a file of them, and each row of the output topics is there once.
func TestKafkaOutage(t *testing.T) {
	t.Parallel()
	k := ownKafka(t)
	data := filepath.Join(t.TempDir(), "data")
	p, gen := busy(t, data, "--kafka", k.address)
	before := p.peak()
	reason := "kafka: reach Kafka at " + k.address + ": "
	hang, resume := func() { k.signal(syscall.SIGSTOP) }, func() { k.signal(syscall.SIGCONT) }
	read := p.outlive(gen, "killed", *away, reason, func() { k.end(syscall.SIGKILL) }, k.begin)
	read += p.outlive(gen, "stopped", min(*away, mostHang), reason, hang, resume)
	if read > 0 {
		t.Errorf("%d events were read while the broker was away: it was not", read)
	}
	p.checkPeak(before)
	due := p.awaitDue(gen)
	hang()
	p.awaitDegraded(reason)
	stop(t, p)
	resume()

	got, want := filepath.Join(t.TempDir(), "got"), filepath.Join(t.TempDir(), "want")
	succeed(t, "run", "--kafka", k.address, "--data", data, "--once", "--close", "--out", got)
	c := openKafka(t, k.address)
	checkScheduled(t, c, gen, due)
	events := filepath.Join(t.TempDir(), "events.ndjson")
	copyTopic(t, c, lifeTopic, events)
	succeed(t, "run", "--once", "--from", lifeTopic+"="+events, "--out", want)
	tell(t, "after the outages", filesDiffer(t, want, got))
	for output, table := range outputs {
		eachOnce(t, c, output, filepath.Join(want, table+".csv"))
	}
}

// TestRedisOutage takes a real redis-server away from a pipeline that goes on: killed with all it has,
// then stopped. The state says so, events are processed all the same, memory stays as it was, and the
// cache is filled again without anybody's help: the hours' sales count every event, and each customer has
// the value of the newest purchase.
func TestRedisOutage(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	data := filepath.Join(t.TempDir(), "data")
	p, gen := busy(t, data, "--redis", server.Addr)
	c := redistest.Client(server.Addr, "")
	defer c.Close()
	whole := func() {
		due := gen.Before(time.Now().UnixMicro())
		p.await(fmt.Sprintf("%d events in the cached hours", due), func() bool { return cachedOrders(t, c) >= due })
	}
	whole()
	before := p.peak()
	read := p.outlive(gen, "killed", *away, "sink/", server.Kill, server.Begin)
	whole()
	read += p.outlive(gen, "stopped", min(*away, mostHang), "sink/", func() { server.Signal(syscall.SIGSTOP) }, func() { server.Signal(syscall.SIGCONT) })
	whole()
	if want := int64((*away + min(*away, mostHang)).Seconds() / 2 * outageRate); read < want {
		t.Errorf("%d events were read while the server was away twice, want %d", read, want)
	}
	p.checkPeak(before)
	stop(t, p)
	checkNewest(t, c, data)
}

// cachedOrders is how many purchases the cached sales of all hours count.
func cachedOrders(t testing.TB, c *goredis.Client) (n int64) {
	ctx := context.Background()
	for _, key := range c.Keys(ctx, "hourly_sales:*").Val() {
		var hour struct {
			Orders int64 `json:"order_count"`
		}
		if err := json.Unmarshal([]byte(c.Get(ctx, key).Val()), &hour); err != nil {
			t.Fatalf("%s holds %s: %v", key, c.Get(ctx, key).Val(), err)
		}
		n += hour.Orders
	}
	return n
}

// checkNewest compares the cached values of customers with their newest purchases.
func checkNewest(t testing.TB, c *goredis.Client, data string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "newest.csv")
	text := succeed(t, "query", "--data", data, "-o", "csv", "SELECT user_id, max(ts) AS ts FROM customer_scores GROUP BY user_id").out
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := readCSV(t, path)
	if len(rows) < generator.DefaultUsers/2 {
		t.Errorf("only %d users bought: the test shows little", len(rows))
	}
	wrong := 0
	for _, row := range rows {
		value := c.Get(context.Background(), "clv:"+row["user_id"]).Val()
		var cached struct{ TS time.Time }
		_ = json.Unmarshal([]byte(value), &cached)                                                                                     // what is missing is wrong
		if newest, err := time.Parse(time.RFC3339Nano, row["ts"]); err != nil || !cached.TS.Equal(newest.Truncate(time.Millisecond)) { // JSON has milliseconds
			if wrong++; wrong < 5 {
				t.Errorf("user %s bought last at %s, and the cache holds %q: %v", row["user_id"], row["ts"], value, err)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d users have another value", wrong, len(rows))
	}
}

// busy starts a pipeline whose generator makes outageRate events a second, and returns once it has caught
// up with about as many as an outage holds back: a broker needs some seconds more to start again.
func busy(t testing.TB, data string, args ...string) (*process, *generator.Generator) {
	t.Helper()
	backlog := *away + 30*time.Second
	p := start(t, false, append([]string{"run", "--data", data, "--http", "127.0.0.1:0", "--generator", strconv.Itoa(outageRate), "--backlog", backlog.String()}, args...)...)
	gen := generatorOf(t, data)
	p.awaitDue(gen)
	return p, gen
}

// generatorOf makes the generator of a data folder again.
func generatorOf(t testing.TB, data string) *generator.Generator {
	t.Helper()
	var state struct{ Config generator.Config }
	if err := json.Unmarshal([]byte(read(t, filepath.Join(data, "generator.json"))), &state); err != nil {
		t.Fatal(err)
	}
	gen, err := generator.New(state.Config)
	if err != nil {
		t.Fatal(err)
	}
	return gen
}

// awaitDue waits until all events are processed that are due now, whose number it returns, and the state
// is well.
func (p *process) awaitDue(gen *generator.Generator) (due int64) {
	p.t.Helper()
	due = gen.Before(time.Now().UnixMicro())
	p.await(fmt.Sprintf("%d events that are due", due), func() bool {
		st := p.status()
		return st.State == "running" && st.Ledger.Topics[lifeTopic].Read >= due
	})
	return due
}

func (p *process) awaitDegraded(reason string) {
	p.t.Helper()
	p.await("a state that says what is away", func() bool {
		st := p.status()
		return st.State == "degraded" && strings.HasPrefix(st.Reason, reason)
	})
}

// outlive takes a server away for a time and waits until everything that came meanwhile is processed. It
// returns how many events were read while the state said what was away.
func (p *process) outlive(gen *generator.Generator, how string, long time.Duration, reason string, leave, back func()) (read int64) {
	p.t.Helper()
	leave()
	gone := time.Now()
	p.awaitDegraded(reason)
	said := time.Now()
	first := p.status().Ledger.Topics[lifeTopic].Read
	p.await("the end of the outage", func() bool {
		if st := p.status(); st.State != "degraded" || !strings.HasPrefix(st.Reason, reason) {
			p.t.Fatalf("%v after the server was %s the pipeline is %s: %s", time.Since(gone), how, st.State, st.Reason)
		}
		return time.Since(said) >= long
	})
	read = p.status().Ledger.Topics[lifeTopic].Read - first
	back()
	returned := time.Now()
	p.awaitDue(gen)
	p.t.Logf("%s for %v: said after %v; %d events were read meanwhile; all that was due was processed %v after the return; peak %d MB",
		how, returned.Sub(gone).Round(time.Millisecond), said.Sub(gone).Round(time.Millisecond), read, time.Since(returned).Round(time.Millisecond), p.peak()>>20)
	return read
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that the process has had, in bytes; 0 where no Linux tells.
func (p *process) peak() int64 {
	p.t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	text := read(p.t, fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	kb, err := strconv.ParseInt(highWater.FindStringSubmatch(text)[1], 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	return kb << 10
}

// peakGrowth is what an outage may add to the peak of a process that has caught up with as many events
// before. The outbox holds 64 MiB of rows at most, the clients of the sinks make as much of them again, and
// the garbage collector lets the heap become twice what lives; the rest is for how the peaks of one and the
// same catching up differ, by up to 200 MB. A process that kept what comes in a minute would need 600,000
// events of a kilobyte, and twice that.
const peakGrowth = 512 << 20

func (p *process) checkPeak(before int64) {
	p.t.Helper()
	after := p.peak()
	p.t.Logf("peak %d MB before the outages, %d MB after", before>>20, after>>20)
	if after > before+peakGrowth {
		p.t.Errorf("the peak rose from %d to %d MB, by more than %d MB", before>>20, after>>20, peakGrowth>>20)
	}
}

// checkScheduled compares a topic with what the generator makes: the events of each partition once and in
// order, and of the first least ones all. Behind those a partition may have more than another, where the
// process was ended.
func checkScheduled(t testing.TB, c *kafka.Cluster, gen *generator.Generator, least int64) {
	t.Helper()
	next := make([]int64, gen.Config().Partitions)
	text := []byte(nil)
	records := int64(0)
	eachRecord(t, c, lifeTopic, func(p int32, offset, _ int64, _, value []byte) {
		e := gen.Event(next[p], text[:0])
		for e.Partition != p {
			next[p]++
			e = gen.Event(next[p], text[:0])
		}
		text = e.Value
		if !bytes.Equal(e.Value, value) {
			t.Fatalf("partition %d offset %d holds\n%s\nwant event %d\n%s", p, offset, value, next[p], e.Value)
		}
		next[p]++
		records++
	})
	for p, n := range next {
		for int(gen.Event(n, text[:0]).Partition) != p {
			n++
		}
		if n < least {
			t.Errorf("partition %d ends before event %d, and %d were processed before the process was ended", p, n, least)
		}
	}
	t.Logf("%d events", records)
}
