//go:build unix

package node_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/node"
)

// TestSecondProcess starts a second process on a folder. It has to give way within two seconds and
// name the first one, which does not notice.
func TestSecondProcess(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first := start(t, false, "run", "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
	for _, args := range [][]string{
		{"run", "--data", data, "--http", "off"},
		{"run", "--once", "--data", data},
		{"checkpoint", "reset", "--data", data, "--yes"},
	} {
		begin := time.Now()
		second := nagare(t, nil, args...)
		took := time.Since(begin)
		if second.code != node.ExitData {
			t.Errorf("nagare %q: exit %d, want %d; stderr:\n%s", args, second.code, node.ExitData, second.errors)
		}
		if took >= 2*time.Second {
			t.Errorf("nagare %q: it took %v to give way, want less than 2s", args, took)
		}
		if pid := fmt.Sprintf("process %d ", first.cmd.Process.Pid); !strings.Contains(second.errors, pid) || !strings.Contains(second.errors, "stop ") {
			t.Errorf("nagare %q: it does not name %q and a way out: %s", args, pid, second.errors)
		}
	}
	publish(t, data, []byte(event(1, "user_1", "2026-02-03T09:00:00Z")+"\n"))
	first.awaitRead(lifeTopic, 1)
	first.signal(syscall.SIGTERM)
	if code := first.wait(); code != 0 {
		t.Errorf("the first process: exit %d, want 0; stderr:\n%s", code, first.errs.String())
	}
}

// TestSignals stops a pipeline that is at work. All that it has read is durable and delivered, it says
// so in four lines, and the next start goes on with the same counts.
func TestSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			first := start(t, false, "run", "--data", data, "--generator", "100", "--bad", "0.01", "--http", "127.0.0.1:0")
			first.await("some events and a checkpoint", func() bool { st := first.status(); return st.Events > 1000 && st.Epoch > 1 })
			first.signal(s)
			if code := first.wait(); code != 0 {
				t.Fatalf("exit %d, want 0; stderr:\n%s", code, first.errs.String())
			}
			stopped := summary(t, first)
			checkStopped(t, data, stopped)

			second := start(t, false, "run", "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
			if want := fmt.Sprintf("resumed: %s events", grouped(stopped.Read)); !strings.Contains(second.line("data"), want) {
				t.Errorf("the next start says %q, want %q in it", second.line("data"), want)
			}
			var records int64
			second.await("the rest of the topic", func() bool {
				records = 0
				for _, p := range second.status().Partitions {
					if p.Topic == lifeTopic {
						records += p.End
					}
				}
				return records >= stopped.Read && second.status().Events == records
			})
			second.awaitRead(lifeTopic, records)
			second.signal(s)
			if code := second.wait(); code != 0 {
				t.Fatalf("exit %d after the second start, want 0; stderr:\n%s", code, second.errs.String())
			}
			checkStopped(t, data, summary(t, second))
		})
	}
}

// summary checks the four last lines of stdout and returns the counts of the first of them.
func summary(t *testing.T, p *process) ledger.Count {
	t.Helper()
	p.mu.Lock()
	lines := p.lines
	p.mu.Unlock()
	if len(lines) < 4 {
		t.Fatalf("stdout has %d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	last := lines[len(lines)-4:]
	for i, word := range []string{"stopped ", "rows ", "saved ", "resume "} {
		if !strings.HasPrefix(last[i], word) {
			t.Fatalf("line %d of the summary is %q, want one that begins with %q", i+1, last[i], word)
		}
	}
	var c ledger.Count
	text := strings.ReplaceAll(last[0], ",", "")
	if _, err := fmt.Sscanf(text, "stopped   %d read = %d counted + %d late + %d future + %d invalid + %d filtered",
		&c.Read, &c.Counted, &c.Late, &c.Future, &c.Invalid, &c.Filtered); err != nil {
		t.Fatalf("read the summary %q: %v", last[0], err)
	}
	if !c.Balanced() || c.Read == 0 {
		t.Errorf("the summary does not add up: %s", last[0])
	}
	return c
}

// checkStopped looks at what a stopped process left: the counts that it told, nothing undelivered, and
// each event once.
func checkStopped(t *testing.T, data string, told ledger.Count) {
	t.Helper()
	look(t, data, func(n *node.Node) {
		st := n.Status()
		if got := st.Ledger.Topics[lifeTopic]; got != told {
			t.Errorf("the folder's ledger is %+v, the summary told %+v", got, told)
		}
		if st.OutboxRows != 0 {
			t.Errorf("%d rows are not delivered", st.OutboxRows)
		}
		for _, table := range st.Tables {
			if table.Name == "customer_scores" && table.Rows != st.Ledger.Tables["customer_scores"][lifeTopic].Counted {
				t.Errorf("customer_scores has %d rows, its ledger %+v", table.Rows, st.Ledger.Tables["customer_scores"][lifeTopic])
			}
		}
	})
	b := openBroker(t, data)
	ids := map[string]bool{}
	for p := range int32(3) {
		for _, r := range readPartition(t, b, "customer-scores", p) {
			var row struct {
				ID string `json:"event_id"`
			}
			if err := json.Unmarshal(r.value, &row); err != nil || ids[row.ID] {
				t.Fatalf("customer-scores holds %s: it is there twice, or no row: %v", r.value, err)
			}
			ids[row.ID] = true
		}
	}
	if int64(len(ids)) != told.Counted {
		t.Errorf("customer-scores holds %d rows, want %d", len(ids), told.Counted)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// TestSecondSignal stops a pipeline whose sink is stuck: its output is a pipe that nobody reads. The
// first signal waits for it; the second one ends the process at once.
func TestSecondSignal(t *testing.T) {
	project := projectFolder(t, "name: stuck\nstorage: file:///tmp/stuck\nlibraries:\n  - glob:\n      include: transformations/**\nconfiguration:\n"+
		"  source.raw.format: kafka\n  source.raw.option.subscribe: purchase-events\n"+
		"  sink.screen.format: console\n  sink.screen.from: line\n",
		"CREATE TEMPORARY VIEW line AS SELECT CAST(value AS STRING) AS value FROM STREAM raw;\n")
	for s, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGTERM: 143} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p := start(t, true, "run", project, "--data", filepath.Join(t.TempDir(), "data"), "--generator", "50", "--http", "127.0.0.1:0")
			// 10,000 rows are some megabytes, a pipe holds 64 KB.
			p.await("rows that nobody takes", func() bool { st := p.status(); return st.Events > 10_000 && st.OutboxRows > 5000 })
			p.signal(s)
			giveUp := time.After(deadline)
			again := time.NewTicker(5 * time.Millisecond) // two signals that are sent at once arrive as one
			defer again.Stop()
			for waiting := true; waiting; {
				select {
				case <-again.C:
					_ = p.cmd.Process.Signal(s) // it may have ended just now
				case <-p.ended:
					waiting = false
				case <-giveUp:
					t.Fatalf("two signals did not end the process in %v", deadline)
				}
			}
			if code := p.wait(); code != want {
				t.Errorf("exit %d after two signals, want %d; stderr:\n%s", code, want, p.errs.String())
			}
		})
	}
}

func publish(t testing.TB, data string, lines []byte) finished {
	t.Helper()
	return nagare(t, lines, "publish", lifeTopic, "--data", data)
}

// TestBadRecords sends what must not disturb anything through every way in, between honest events:
// through the API of a running process, by its command line, and into a folder where nothing runs.
func TestBadRecords(t *testing.T) {
	type bad struct{ text, verdict, reason string }
	bads := []bad{
		{strings.Repeat("[", 100_000), "invalid", "nested too deep"},
		{strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "invalid", "nested too deep"},
		{strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), "invalid", "nested too deep"},
		{"{\"event_id\": \"x\", \"user_id\": \"user_3\", \"timestamp\": \"2026-02-03T09:00:00Z\", \"region\": \"T\xf4ky\xf4\"}", "invalid", "not UTF-8"},
		{"\xff\xfe\x00", "invalid", "not UTF-8"},
		{event(1, "user_2", "2099-01-01T00:00:00Z"), "future", "too far ahead"},
		{strings.Repeat("\x01", 1<<20), "invalid", "malformed"}, // six times as large where it is kept
	}
	huge := `{"event_id": "huge", "user_id": "user_1", "timestamp": "2026-02-03T09:00:00Z", "text": "` + strings.Repeat("a", 2<<20) + `"}`

	var good, all bytes.Buffer
	for i := range 900 {
		line := event(i, "user_"+strconv.Itoa(i%17), time.Date(2026, 2, 3, 9, 0, i, 0, time.UTC).Format(time.RFC3339)) + "\n"
		good.WriteString(line)
		all.WriteString(line)
		if i%100 == 50 && i/100 < len(bads) {
			all.WriteString(bads[i/100].text + "\n")
		}
		if i == 777 {
			all.WriteString(huge + "\n")
		}
	}
	for name, send := range map[string]func(t *testing.T, data string, lines []byte){
		"stopped": func(t *testing.T, data string, lines []byte) {
			succeed(t, "run", "--once", "--data", data)
			refusedHuge(t, publish(t, data, lines))
		},
		"running": func(t *testing.T, data string, lines []byte) {
			p := start(t, false, "run", "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
			refusedHuge(t, publish(t, data, lines))
			p.awaitRead(lifeTopic, int64(900+len(bads)))
			p.stop()
		},
		"api": func(t *testing.T, data string, lines []byte) {
			p := start(t, false, "run", "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
			answer := post(t, p, data, lines)
			if answer.Records != int64(900+len(bads)) || answer.Refused != 1 || !strings.Contains(answer.Refusal, "1048576") {
				t.Errorf("the API answered %+v, want %d records and one refused with the limit", answer, 900+len(bads))
			}
			p.awaitRead(lifeTopic, int64(900+len(bads)))
			p.stop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, out := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "out")
			send(t, data, all.Bytes())
			succeed(t, "run", "--once", "--close", "--data", data, "--out", out)

			want := ledger.Count{Read: int64(900 + len(bads)), Counted: 900, Future: 1, Invalid: int64(len(bads) - 1)}
			if got := readLedger(t, out).Topics[lifeTopic]; got != want {
				t.Errorf("ledger: got %+v, want %+v", got, want)
			}
			kept := readCSV(t, filepath.Join(out, lifeTopic+"$invalid.csv"))
			for _, b := range bads {
				if !isKept(kept, b.text, b.verdict, b.reason) {
					t.Errorf("%.60q is not kept as %s with the reason %q", b.text, b.verdict, b.reason)
				}
			}
			if len(kept) != len(bads) {
				t.Errorf("%d records are kept, want %d", len(kept), len(bads))
			}

			// Without the bad ones the tables are the same.
			clean := filepath.Join(t.TempDir(), "clean")
			file := filepath.Join(t.TempDir(), "good.ndjson")
			if err := os.WriteFile(file, good.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			succeed(t, "run", "--once", "--from", lifeTopic+"="+file, "--out", clean)
			for _, table := range []string{"sales_by_minute", "segment_metrics", "anomalies", "customer_scores", "hourly_sales", "product_sales", "top_products"} {
				a, b := read(t, filepath.Join(clean, table+".csv")), read(t, filepath.Join(out, table+".csv"))
				tell(t, table, differingLines(a, b))
				if strings.Count(a, "\n") < 2 {
					t.Errorf("%s has no rows", table)
				}
			}
		})
	}
}

// isKept looks for a record among those that were kept, byte for byte.
func isKept(kept []map[string]string, text, verdict, reason string) bool {
	for _, row := range kept {
		if row["verdict"] == verdict && strings.Contains(row["reason"], reason) && keptText(row) == text {
			return true
		}
	}
	return false
}

// keptText is the value of a kept record; one that is no UTF-8 stands in a column of its own.
func keptText(row map[string]string) string {
	if row["value"] != "" {
		return row["value"]
	}
	if text, err := base64.StdEncoding.DecodeString(row["value_base64"]); err == nil {
		return string(text)
	}
	return ""
}

func refusedHuge(t *testing.T, p finished) {
	t.Helper()
	if p.code != node.ExitFailed || !strings.Contains(p.errors, "1 record refused") || !strings.Contains(p.errors, "1048576") {
		t.Errorf("publish a record of 2 MiB: exit %d, want %d and a refusal that tells the limit; stderr:\n%s", p.code, node.ExitFailed, p.errors)
	}
}

// stop ends a process that has to exit 0.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	if code := p.wait(); code != 0 {
		p.t.Fatalf("exit %d, want 0; stderr:\n%s", code, p.errs.String())
	}
}

// post sends lines to the API as another program would.
func post(t *testing.T, p *process, data string, lines []byte) (answer web.Published) {
	t.Helper()
	text, _ := ask(t, p, data, "/api/topics/"+lifeTopic, lines)
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatalf("the API answered %s: %v", text, err)
	}
	return answer
}

// ask posts a body with the folder's token.
func ask(t *testing.T, p *process, data, path string, body []byte) (text []byte, status int) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://"+p.address+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	token, err := node.Token(data)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	return text, resp.StatusCode
}

// TestBusyPort names a port that somebody else has: exit 4, and nothing is touched.
func TestBusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fresh := filepath.Join(t.TempDir(), "data")
	p := nagare(t, nil, "run", "--data", fresh, "--http", l.Addr().String())
	refused(t, p, node.ExitPort, l.Addr().String(), fmt.Sprintf("process %d ", os.Getpid()), "--http")
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("the folder was made: %v", err)
	}
	used := usedFolder(t, t.TempDir())
	before := listing(t, used)
	refused(t, nagare(t, nil, "run", "--data", used, "--http", l.Addr().String()), node.ExitPort, "--http")
	unchanged(t, before, used)
}

// usedFolder is a data folder in which a run has left something.
func usedFolder(t *testing.T, parent string) string {
	t.Helper()
	data := filepath.Join(parent, "used")
	succeed(t, "run", "--once", "--data", data)
	if p := publish(t, data, []byte(event(1, "user_1", "2026-02-03T09:00:00Z")+"\n")); p.code != 0 {
		t.Fatalf("publish: exit %d; stderr:\n%s", p.code, p.errors)
	}
	return data
}

// refused wants an exit code and a message on one line that holds some texts.
func refused(t *testing.T, p finished, code int, texts ...string) {
	t.Helper()
	if p.code != code {
		t.Errorf("exit %d, want %d; stderr:\n%s", p.code, code, p.errors)
	}
	if strings.Count(p.errors, "\n") != 1 {
		t.Errorf("the message is not one line:\n%s", p.errors)
	}
	for _, text := range texts {
		if !strings.Contains(p.errors, text) {
			t.Errorf("the message does not hold %q: %s", text, p.errors)
		}
	}
}

func unchanged(t *testing.T, before map[string]string, dir string) {
	t.Helper()
	if after := listing(t, dir); !maps.Equal(before, after) {
		for path := range after {
			if before[path] != after[path] {
				t.Errorf("%s was changed or made", path)
			}
		}
		for path := range before {
			if _, ok := after[path]; !ok {
				t.Errorf("%s is gone", path)
			}
		}
	}
}

// grouped writes a number as the command line does.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
