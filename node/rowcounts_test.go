//go:build unix

package node_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// TestRowCountsSurviveARestart: how many rows a webhook took and refused, and why, is there after a kill and after a
// stop; a damaged file is told, and does not keep the pipeline from running.
func TestRowCountsSurviveARestart(t *testing.T) {
	var refuse atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if refuse.Load() {
			http.Error(w, "no field n", http.StatusUnprocessableEntity)
		}
	}))
	t.Cleanup(server.Close)
	project := projectFolder(t, `name: counted
storage: file:///tmp/x
libraries:
  - glob:
      include: transformations/**
configuration:
  source.raw.format: kafka
  source.raw.option.subscribe: raw
  source.raw.option.kafka.bootstrap.servers: localhost:9092
  nagare.topic.raw.partitions: '1'
  sink.rows.format: webhook
  sink.rows.from: seen
  sink.rows.option.url: `+server.URL+`
  sink.more.format: webhook
  sink.more.from: seen
  sink.more.option.url: `+server.URL+`
`, webhookSQL)
	data := filepath.Join(t.TempDir(), "data")
	args := []string{"run", project, "--data", data, "--http", "127.0.0.1:0"}
	begin := func(events int, refused bool) *process {
		refuse.Store(refused)
		p := start(t, false, args...)
		var lines strings.Builder
		for i := range events {
			fmt.Fprintf(&lines, `{"user":"u","amount":%d,"at":"2026-01-01T00:00:00Z"}`+"\n", i)
		}
		if f := nagare(t, []byte(lines.String()), "publish", "raw", "--data", data); f.code != 0 {
			t.Fatal(f.errors)
		}
		return p
	}
	counts := func(p *process) (all [2]record.SinkStatus) {
		for _, s := range p.status().Sinks {
			switch s.Name {
			case "rows":
				all[0] = s
			case "more":
				all[1] = s
			}
		}
		return all
	}
	await := func(p *process, written, refused int64) {
		t.Helper()
		p.await(fmt.Sprintf("%d rows written and %d refused", written, refused), func() bool {
			c := counts(p)
			return c[0].Written == written && c[1].Written == written && c[0].Refused == refused && c[1].Refused == refused
		})
	}
	kill := func(p *process) { p.signal(syscall.SIGKILL); _ = p.wait() }
	p := begin(3, false)
	await(p, 3, 0)
	stop(t, p)
	p = begin(2, true)
	await(p, 3, 2)
	stop(t, p)
	p = begin(0, false)
	await(p, 3, 2)
	if why := counts(p)[0].Refusal; why != "it answers 422 Unprocessable Entity: no field n" {
		t.Errorf("the refusal is %q", why)
	}
	kill(p)
	p = begin(1, false)
	await(p, 4, 2)
	stop(t, p)
	path := filepath.Join(data, "webhooks.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), `"written": 4`, `"written": 5`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	p = begin(1, false)
	await(p, 1, 0)
	stop(t, p)
	if said := strings.Join(p.lines, "\n") + p.errs.String(); !strings.Contains(said, "webhooks.json is damaged (its checksum is another one)") {
		t.Errorf("of the damage it says:\n%s", said)
	}
}
