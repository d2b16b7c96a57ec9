package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/ledger"
	"github.com/nagare-stream/nagare/engine/plan"
)

// fakeBackend is a pipeline of one topic and one table.
type fakeBackend struct {
	fakeViews
	notifier *notify.Notifier

	notifying func() (*notify.Notifier, error) // makes the notifier; nil: there is to be none
	status    engine.Status
	changed   chan struct{}
	err       error
	got       string // what was published
	rows      []string

	health   []monitor.Health
	machine  *monitor.Reading
	measures engine.Measures
	charts   []plan.Chart

	watermarks engine.Watermarks
	history    []monitor.Series
}

func newFake() *fakeBackend {
	count := ledger.Count{Read: 10, Counted: 7, Late: 2, Invalid: 1}
	return &fakeBackend{
		changed: make(chan struct{}, 1),
		rows:    []string{"{\"a\":1}\n", "{\"a\":2}\n"},
		status: engine.Status{
			State: "running", Epoch: 5, Events: 10, Watermark: 1_700_000_000_500_000,
			Tables: []engine.TableStatus{{Name: "sales", Kind: "windowed", Rows: 3, Open: 4, LateRows: 2}},
			Partitions: []engine.PartitionStatus{
				{Topic: "t", Partition: 0, Position: 6, End: 8, Lag: 2, Watermark: 1_700_000_000_500_000, EventTime: 1_700_000_010_500_000, Holds: true},
				{Topic: "t", Partition: 1, Position: 4, End: 4, Watermark: math.MinInt64, EventTime: math.MinInt64},
			},
			Checkpoints: engine.CheckpointStatus{LastSuccess: 1_700_000_000_000_000, LastPause: 1000, LastCommit: 4000, Count: 9},
			Ledger:      ledger.Ledger{Topics: map[string]ledger.Count{"t": count}, Tables: map[string]map[string]ledger.Count{"sales": {"t": count}}},
		},
	}
}

func (b *fakeBackend) Info() Info            { return Info{Project: "demo", Instance: "1-2"} }
func (b *fakeBackend) Status() engine.Status { return b.status }
func (b *fakeBackend) Rates() Rates          { return Rates{Input: 4, Processed: 3, Rows: 3} }

func (b *fakeBackend) Table(_ context.Context, w io.Writer, r TableRequest) error {
	if r.Name != "sales" {
		return &engine.NotFoundError{Name: r.Name, Known: []string{"sales"}}
	}
	for _, row := range b.rows {
		if _, err := io.WriteString(w, row); err != nil {
			return err
		}
	}
	return b.err
}

func (b *fakeBackend) Ask(ctx context.Context, w io.Writer, q plan.Question, format string) error {
	sql := q.Text
	if format != FormatSafeCSV {
		return &RequestError{"format " + format}
	}
	_, err := io.WriteString(w, sql+"\n")
	return err
}

func (b *fakeBackend) Tail(ctx context.Context, w io.Writer, r TailRequest) error {
	if _, err := io.WriteString(w, "{\"n\":1}\n"); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func (b *fakeBackend) Charts() []plan.Chart { return b.charts }
func (b *fakeBackend) Alerts() []engine.AlertStatus {
	return []engine.AlertStatus{{Rule: alert.Rule{Name: "high"}, Changes: map[alert.State]int64{alert.Pending: 2, alert.Firing: 3}}}
}
func (b *fakeBackend) EndedIncidents(context.Context) (EndedIncidents, error) {
	return EndedIncidents{}, nil
}
func (b *fakeBackend) Incident(_ context.Context, id string) (IncidentAnswer, error) {
	return IncidentAnswer{}, &RequestError{"there is no incident " + id}
}
func (b *fakeBackend) TestAlert(context.Context, AlertTest, func(done, total int64)) (*AlertReplay, error) {
	return &AlertReplay{}, nil
}
func (b *fakeBackend) CompareProject(context.Context, plan.Input) (*ProjectChange, error) {
	return &ProjectChange{Same: true}, nil
}
func (b *fakeBackend) Explain(table string) (string, error) { return "plan of " + table, nil }

func (b *fakeBackend) Topics(context.Context) ([]Topic, error) { return nil, nil }

func (b *fakeBackend) Topic(_ context.Context, name string) (Topic, error) {
	return Topic{Name: name, Partitions: 3}, nil
}
func (b *fakeBackend) CreateTopic(context.Context, Topic) error      { return b.err }
func (b *fakeBackend) AlterTopic(context.Context, string, int) error { return b.err }

func (b *fakeBackend) Publish(_ context.Context, topic string, body io.Reader) (Published, error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return Published{}, err
	}
	b.got = string(text)
	return Published{Topic: topic, Records: int64(strings.Count(b.got, "\n"))}, b.err
}

func (b *fakeBackend) PublishFile(_ context.Context, topic, path string, progress func(Published)) (Published, error) {
	progress(Published{Topic: topic, Records: 1})
	return Published{Topic: topic, Records: 2}, b.err
}

func (b *fakeBackend) Health() []monitor.Health                 { return b.health }
func (b *fakeBackend) Machine(context.Context) *monitor.Reading { return b.machine }
func (b *fakeBackend) Measures() engine.Measures                { return b.measures }
func (b *fakeBackend) MonitorDropped() int64                    { return 0 }
func (b *fakeBackend) Notifier() *notify.Notifier               { return b.notifier }
func (b *fakeBackend) OpenNotifier(_ context.Context, make bool) (*notify.Notifier, error) {
	if b.notifier != nil || !make || b.notifying == nil {
		return b.notifier, nil
	}
	var err error
	b.notifier, err = b.notifying()
	return b.notifier, err
}

func (b *fakeBackend) Watermarks() (engine.Watermarks, error) { return b.watermarks, b.err }
func (b *fakeBackend) History(_ context.Context, after time.Time) ([]monitor.Series, error) {
	return b.history, b.err
}

func (b *fakeBackend) Watch() (<-chan struct{}, func()) { return b.changed, func() {} }

const (
	testAddress = "127.0.0.1:7575"
	testToken   = "secret"
)

func newTestServer(b Backend) *Server {
	return New(Config{Backend: b, Address: testAddress, Token: testToken, TokenPath: "/data/token", ExitCode: func(err error) int {
		if errors.Is(err, errData) {
			return 5
		}
		return 1
	}})
}

var errData = errors.New("the folder is damaged")

// ask sends a request; headers are name, value, name, value …
func ask(s *Server, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://"+testAddress+target, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestGuard(t *testing.T) {
	auth := []string{"Authorization", "Bearer " + testToken}
	for _, c := range []struct {
		name    string
		method  string
		headers []string
		want    int
	}{
		{"own address", "GET", nil, 200},
		{"localhost", "GET", []string{"Host", "localhost:7575"}, 200},
		{"IPv6 loopback", "GET", []string{"Host", "[::1]:7575"}, 200},
		{"a name that points here", "GET", []string{"Host", "evil.example:7575"}, 403},
		{"a name that begins like ours", "GET", []string{"Host", "localhost.evil.example:7575"}, 403},
		{"another port", "GET", []string{"Host", "127.0.0.1:80"}, 403},
		{"no port", "GET", []string{"Host", "127.0.0.1"}, 403},
		{"another machine's address", "GET", []string{"Host", "10.0.0.1:7575"}, 403},
		{"page of another site", "GET", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"page of a sibling", "GET", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"own page", "GET", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"typed by the user", "GET", []string{"Sec-Fetch-Site", "none"}, 200},
		{"foreign origin", "GET", []string{"Origin", "http://evil.example"}, 403},
		{"origin null", "GET", []string{"Origin", "null"}, 403},
		{"own origin", "GET", []string{"Origin", "http://" + testAddress}, 200},
		{"own origin over https", "GET", []string{"Origin", "https://" + testAddress}, 403},
		{"write without token", "POST", nil, 401},
		{"write with a wrong token", "POST", []string{"Authorization", "Bearer secreu"}, 401},
		{"write with the token as a name", "POST", []string{"Authorization", testToken}, 401},
		{"write with the token", "POST", auth, 200},
		{"write from a foreign page with the token", "POST", append([]string{"Origin", "http://evil.example"}, auth...), 403},
		{"delete without token", "DELETE", nil, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := ask(newTestServer(newFake()), c.method, "/api/topics/t", "{}\n", c.headers...)
			if w.Code != c.want {
				t.Errorf("status is %d, want %d: %s", w.Code, c.want, w.Body)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Content-Security-Policy") == "" ||
				w.Header().Get("Referrer-Policy") != "no-referrer" || w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("headers are %v", w.Header())
			}
		})
	}
}

func TestEmptyTokenOpensNothing(t *testing.T) {
	s := New(Config{Backend: newFake(), Address: testAddress})
	if w := ask(s, "POST", "/api/topics/t", "{}\n", "Authorization", "Bearer "); w.Code != 401 {
		t.Errorf("status is %d", w.Code)
	}
}

func TestAnswers(t *testing.T) {
	s := newTestServer(newFake())
	for _, c := range []struct {
		target string
		code   int
		kind   string
		want   []string
	}{
		{"/", 200, "text/plain", []string{"nagare: demo", "/api/ledger"}},
		{"/none", 404, "application/json", []string{"there is no such thing"}},
		{"/-/healthy", 200, "text/plain", []string{"engine: running"}},
		{"/-/ready", 503, "text/plain", []string{"starting"}},
		{"/api/tables", 200, "application/json", []string{`"name": "sales"`}},
		{"/api/tables/sales?format=jsonl", 200, "application/x-ndjson", []string{"{\"a\":1}\n{\"a\":2}\n"}},
		{"/api/tables/sale", 404, "application/json", []string{"did you mean"}},
		{"/api/tables/sales?limit=x", 400, "application/json", []string{"it is a number from 0"}},
		{"/api/query?format=csv&sql=SELECT+1", 200, "text/csv", []string{"SELECT 1"}},
		{"/api/query?format=xml&sql=SELECT+1", 400, "application/json", []string{"format xml"}},
		{"/api/query", 400, "application/json", []string{"send a SELECT"}},
		{"/api/explain/sales", 200, "text/plain", []string{"plan of sales"}},
		{"/api/ledger", 200, "application/json", []string{`"late": 2`, `"imbalance": 0`}},
		{"/api/watermarks", 200, "application/json", []string{`"watermark":"2023-11-14T22:13:20.5Z"`, `"watermark":""`, `"holds":true`}},
		{"/api/topics", 200, "application/json", []string{"[]"}},
		{"/api/status", 200, "application/json", []string{`"epoch": 5`, `"processed": 3`}},
		{"/metrics", 200, "text/plain", []string{
			`nagare_source_records_total{partition="0",topic="t"} 8`, `nagare_processed_records_total{topic="t"} 10`,
			`nagare_late_records_total{table="sales"} 2`, `nagare_watermark_timestamp_seconds{partition="0",topic="t"} 1.7000000005e+09`,
			`nagare_consumer_lag_records{partition="0",topic="t"} 2`, "nagare_state_rows 0", "nagare_state_bytes 0",
			"nagare_checkpoint_duration_seconds 0.005", "nagare_checkpoint_last_success_timestamp_seconds 1.7e+09", "nagare_ledger_imbalance 0",
			`nagare_alerts_total{alert="high",state="pending"} 2`, `nagare_alerts_total{alert="high",state="firing"} 3`,
			`nagare_alerts_total{alert="high",state="resolved"} 0`, `nagare_alerts_total{alert="high",state="inactive"} 0`,
			`nagare_alert_incidents{alert="high",state="firing"} 0`,
		}},
	} {
		w := ask(s, "GET", c.target, "")
		if w.Code != c.code || !strings.HasPrefix(w.Header().Get("Content-Type"), c.kind) {
			t.Errorf("%s: status %d, type %q", c.target, w.Code, w.Header().Get("Content-Type"))
		}
		for _, text := range c.want {
			if !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s: the answer lacks %s:\n%s", c.target, text, w.Body)
			}
		}
	}
	s.Ready(true)
	if w := ask(s, "GET", "/-/ready", ""); w.Code != 200 {
		t.Errorf("/-/ready of a ready process: %d", w.Code)
	}
}

func TestFailedEngineIsUnhealthy(t *testing.T) {
	b := newFake()
	b.status.State, b.status.Reason = "failed", "the disk is gone"
	if w := ask(newTestServer(b), "GET", "/-/healthy", ""); w.Code != 500 || !strings.Contains(w.Body.String(), "the disk is gone") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestImbalanceIsSeen(t *testing.T) {
	b := newFake()
	c := b.status.Ledger.Topics["t"]
	c.Counted -= 3
	b.status.Ledger.Topics["t"] = c
	if got := Imbalance(b.status.Ledger); got != 3 {
		t.Errorf("imbalance is %d", got)
	}
	if w := ask(newTestServer(b), "GET", "/metrics", ""); !strings.Contains(w.Body.String(), "nagare_ledger_imbalance 3") {
		t.Error("the metric does not show it")
	}
}

func TestProgressHasSparksNames(t *testing.T) {
	var p map[string]any
	if err := json.Unmarshal(ask(newTestServer(newFake()), "GET", "/api/progress", "").Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id", "runId", "name", "timestamp", "batchId", "numInputRows", "inputRowsPerSecond", "processedRowsPerSecond",
		"durationMs", "eventTime", "stateOperators", "sources", "sink"} {
		if _, ok := p[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
	source := p["sources"].([]any)[0].(map[string]any)
	if end := source["endOffset"].(map[string]any)["t"].(map[string]any); end["0"] != 6.0 || end["1"] != 4.0 {
		t.Errorf("endOffset is %v", end)
	}
	if state := p["stateOperators"].([]any)[0].(map[string]any); state["numRowsTotal"] != 4.0 || state["numRowsDroppedByWatermark"] != 2.0 {
		t.Errorf("state is %v", state)
	}
	if p["eventTime"].(map[string]any)["watermark"] != "2023-11-14T22:13:20.5Z" {
		t.Errorf("event time is %v", p["eventTime"])
	}
}

func TestPublish(t *testing.T) {
	b := newFake()
	s := newTestServer(b)
	w := ask(s, "POST", "/api/topics/t", "{}\n{}\n", "Authorization", "Bearer "+testToken)
	var done Published
	if err := json.Unmarshal(w.Body.Bytes(), &done); err != nil || w.Code != 200 || done.Records != 2 || b.got != "{}\n{}\n" {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
	// What is durable is told even when the rest failed.
	b.err = errData
	w = ask(s, "POST", "/api/topics/t", "{}\n{}\n", "Authorization", "Bearer "+testToken)
	done = Published{}
	if err := json.Unmarshal(w.Body.Bytes(), &done); err != nil || w.Code != 500 || done.Records != 2 || done.Exit != 5 || done.Error == "" {
		t.Errorf("%d %s %v", w.Code, w.Body, err)
	}
	w = ask(s, "POST", "/api/topics/t?file=/x.ndjson", "", "Authorization", "Bearer "+testToken)
	lines := strings.Split(strings.TrimSpace(w.Body.String()), "\n")
	if len(lines) != 2 || json.Unmarshal([]byte(lines[1]), &done) != nil || !done.Final || done.Records != 2 || done.Exit != 5 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// An error behind the first row is in a trailer: the rows alone would look whole.
func TestErrorBehindRows(t *testing.T) {
	b := newFake()
	b.err = errData
	srv := httptest.NewServer(New(Config{Backend: b}).Handler())
	defer srv.Close()
	resp, err := http.Get(srv.URL + "/api/tables/sales?format=jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if got := resp.Trailer.Get(FailureTrailer); got != errData.Error() {
		t.Errorf("the trailer is %q", got)
	}
}

func TestFollowersAreFew(t *testing.T) {
	s := New(Config{Backend: newFake()})
	srv := httptest.NewServer(s.Handler())
	defer srv.Close()
	for range maxFollowers {
		resp, err := http.Get(srv.URL + "/api/tail/sales")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != "{\"n\":1}\n" {
			t.Fatalf("a follower got %q: %v", line, err)
		}
	}
	resp, err := http.Get(srv.URL + "/api/tail/sales")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many got %d", resp.StatusCode)
	}
}

// TestLongStatements sends statements of 60 KB in an address, and longer ones as a body, without the token.
func TestLongStatements(t *testing.T) {
	s := New(Config{Backend: newFake(), Address: "localhost:7575", Token: "secret"})
	ask := func(method, address, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, address, strings.NewReader(body))
		r.Host = "localhost:7575"
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w
	}
	long := strings.Repeat("x", 60_000)
	for _, c := range []struct {
		method, address, body string
		status                int
		text                  string
	}{
		{"GET", "/api/query?format=csv&sql=" + long, "", 200, long},
		{"GET", "/api/query?format=csv&sql=" + long + long, "", 414, "at most 64 KB"},
		{"GET", "/api/query?format=csv", "", 400, "POST /api/query"},
		{"POST", "/api/query?format=csv", long + long, 200, long + long},
		{"POST", "/api/query?format=csv", " \n", 400, "empty"},
		{"POST", "/api/query?format=csv", strings.Repeat("x", MaxStatement+1), 413, "1024 KB"},
		{"POST", "/api/topics/t", "", 401, "token"},
	} {
		if w := ask(c.method, c.address, c.body); w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s %.40s with %d bytes: %d %.200s, want %d", c.method, c.address, len(c.body), w.Code, w.Body, c.status)
		}
	}
	if maxHeader < 3*maxQuery {
		t.Errorf("a header of %d bytes does not take a statement of %d, each of which may be three", maxHeader, maxQuery)
	}
}

// panicking is a backend with a fault.
type panicking struct{ *fakeBackend }

func (panicking) Explain(string) (string, error) { panic("a fault") }

// TestPanicIsAnswered asks for what panics.
func TestPanicIsAnswered(t *testing.T) {
	s := New(Config{Backend: panicking{newFake()}})
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/api/explain/sales", nil))
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "a fault") || !strings.Contains(w.Body.String(), "report") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
