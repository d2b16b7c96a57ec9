//go:build unix

package node_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/notify"
)

var webhookKills = flag.Int("webhookkills", 8, "how often TestWebhooksOverKills kills the process")

const webhookSQL = `
CREATE TEMPORARY VIEW seen AS
SELECT f.user AS user, f.amount AS amount, CAST(f.at AS TIMESTAMP) AS at
FROM (SELECT from_json(CAST(value AS STRING), 'user STRING, amount INT, at STRING') AS f FROM STREAM raw);
CREATE STREAMING TABLE high AS SELECT user, amount, at FROM STREAM seen WATERMARK at DELAY OF INTERVAL 0 SECONDS WHERE amount > 100;
`

// A webhookServer is a receiver that fails, hangs, and loses answers.
type webhookServer struct {
	*httptest.Server
	mu    sync.Mutex
	calm  bool
	heard map[string]int // changes by id and state, as often as they were taken
	rows  map[string]int // rows by name
	lost  int            // answers
}

func newWebhookServer(t *testing.T) *webhookServer {
	s := &webhookServer{heard: map[string]int{}, rows: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	return s
}

func (s *webhookServer) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	dice := rand.IntN(8)
	if s.calm {
		dice = 0
	}
	if dice != 1 && dice != 2 {
		s.take(r, body)
	}
	if dice > 5 {
		s.lost++
	}
	s.mu.Unlock()
	switch dice {
	case 1:
		http.Error(w, "not now", http.StatusServiceUnavailable)
	case 2, 6: // it hangs
		<-r.Context().Done()
	case 7: // the answer is lost
		panic(http.ErrAbortHandler)
	}
}

func (s *webhookServer) take(r *http.Request, body []byte) {
	if first := r.Header.Get("X-Nagare-First-Row"); first != "" {
		var rows []json.RawMessage
		_ = json.Unmarshal(body, &rows)
		n, _ := strconv.Atoi(first)
		for i, row := range rows {
			s.rows[fmt.Sprintf("%s/%d %s", r.Header.Get("X-Nagare-Partition"), n+i, row)]++
		}
		return
	}
	var n notify.Notification
	_ = json.Unmarshal(body, &n)
	for _, c := range n.Changes {
		s.heard[c.ID+" "+string(c.State)]++
	}
}

// uncertain is how many changes may have come twice, by the process's own count.
func (p *process) uncertain() int64 {
	p.t.Helper()
	answer, err := http.Get("http://" + p.address + "/api/alerts")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	var a struct{ Webhooks []notify.ReceiverReport }
	if err := json.NewDecoder(answer.Body).Decode(&a); err != nil || len(a.Webhooks) != 1 {
		p.t.Fatalf("%d webhooks, %v", len(a.Webhooks), err)
	}
	return a.Webhooks[0].Uncertain
}

// TestWebhooksOverKills: a process is killed again and again while alerts fire and end, and its receiver fails, hangs
// and loses answers. Each change of topic system-alerts arrives; what came twice is counted.
func TestWebhooksOverKills(t *testing.T) {
	kills := *webhookKills
	server := newWebhookServer(t)
	data := filepath.Join(t.TempDir(), "data")
	spec := `name: hooks
storage: file:///tmp/x
libraries:
  - glob:
      include: transformations/**
configuration:
  source.raw.format: kafka
  source.raw.option.subscribe: raw
  source.raw.option.kafka.bootstrap.servers: localhost:9092
  nagare.topic.raw.partitions: '1'
  alert.high.from: high
  alert.high.key: user
  alert.high.interval: 10 seconds
  alert.high.notify: hook
  sink.hook.format: webhook
  sink.hook.option.url: ` + server.URL + `/alerts/a-secret-path
  sink.hook.option.timeout: 200 milliseconds
  sink.hook.option.groupWait: 0 seconds
  sink.hook.option.groupInterval: 0 seconds
  sink.hook.option.groupBy: '...'
  sink.rows.format: webhook
  sink.rows.from: seen
  sink.rows.option.url: ` + server.URL + `/rows
  sink.rows.option.timeout: 200 milliseconds
`
	project := projectFolder(t, spec, webhookSQL)
	args := []string{"run", project, "--data", data, "--http", "127.0.0.1:0"}
	random := rand.New(rand.NewPCG(1, 2))
	second, sent := 0, 0
	publish := func() {
		var lines strings.Builder
		for range 5 {
			second += random.IntN(20)
			sent++
			fmt.Fprintf(&lines, `{"user":"u%d","amount":%d,"at":"%s"}`+"\n", random.IntN(3), random.IntN(300),
				time.Date(2026, 1, 1, 0, 0, second, 0, time.UTC).Format("2006-01-02T15:04:05Z"))
		}
		if done := nagare(t, []byte(lines.String()), "publish", "raw", "--data", data); done.code != 0 {
			t.Fatalf("publish: %s", done.errors)
		}
	}
	for range kills {
		p := start(t, false, args...)
		publish()
		time.Sleep(time.Duration(random.IntN(400)) * time.Millisecond) // the instant of the kill
		p.signal(syscall.SIGKILL)
		_ = p.wait()
	}
	p := start(t, false, args...)
	publish()
	server.mu.Lock()
	server.calm = true
	server.mu.Unlock()
	var want []string
	changes := func() []string {
		out := nagare(t, nil, "query", "SELECT CAST(value AS STRING) AS v FROM `system-alerts`", "-o", "jsonl", "--data", data)
		var list []string
		for line := range strings.Lines(out.out) {
			var row struct{ V string }
			var c struct{ ID, State string }
			if json.Unmarshal([]byte(line), &row) == nil && json.Unmarshal([]byte(row.V), &c) == nil && (c.State == "firing" || c.State == "resolved") {
				list = append(list, c.ID+" "+c.State)
			}
		}
		return list
	}
	p.await("all rows and changes", func() bool {
		server.mu.Lock()
		rows := len(server.rows)
		server.mu.Unlock()
		if rows < sent {
			return false
		}
		want = changes()
		server.mu.Lock()
		defer server.mu.Unlock()
		for _, c := range want {
			if server.heard[c] == 0 {
				return false
			}
		}
		return len(want) > kills
	})
	uncertain := p.uncertain()
	p.signal(syscall.SIGINT)
	if code := p.wait(); code != 0 {
		t.Errorf("exit %d", code)
	}
	server.mu.Lock()
	defer server.mu.Unlock()
	more := 0
	for c, n := range server.heard {
		more += n - 1
		if !strings.Contains(strings.Join(want, "\n"), c) {
			t.Errorf("%s is in no topic", c)
		}
	}
	if int64(more) > uncertain {
		t.Errorf("%d changes came once more, and %d are counted as uncertain", more, uncertain)
	}
	if len(server.rows) != sent {
		t.Errorf("%d rows, want %d: a row came under two names", len(server.rows), sent)
	}
	t.Logf("%d changes and %d rows over %d kills, %d changes came once more, %d are uncertain, %d answers were lost", len(want), sent, kills, more, uncertain, server.lost)
	if text := p.errs.String(); strings.Contains(text, "a-secret-path") {
		t.Errorf("the log shows the url's path:\n%s", text)
	}
}
