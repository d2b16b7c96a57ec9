package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

const alertmanagerConfig = `
route:
  receiver: back
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 1s
receivers:
  - name: back
    webhook_configs:
      - url: %s
`

// startAlertmanager runs the real one, whose own webhooks go to an address, and returns its url.
func startAlertmanager(t *testing.T, back string) string {
	t.Helper()
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		program, err = exec.LookPath("alertmanager")
	}
	if err != nil {
		if os.Getenv("NAGARE_TEST_ALERTMANAGER") == "required" {
			t.Fatal("there is no prometheus-alertmanager, and this run requires it: apt-get install prometheus-alertmanager")
		}
		t.Skip("there is no prometheus-alertmanager on this machine: apt-get install prometheus-alertmanager")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(config, fmt.Appendf(nil, alertmanagerConfig, back), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	cmd := exec.Command(program, "--config.file="+config, "--storage.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--cluster.listen-address=")
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	url := "http://" + address
	await(t, "an Alertmanager", func() bool {
		answer, err := http.Get(url + "/-/ready")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return url
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// shown is what GET /api/v2/alerts of an Alertmanager has.
type shown struct {
	Labels      map[string]string
	Annotations map[string]string
	StartsAt    time.Time
	EndsAt      time.Time
	Fingerprint string
	Status      struct{ State string }
}

func ask[T any](t *testing.T, url string) T {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var out T
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRealAlertmanager: a real Alertmanager takes alerts, shows them with their labels and our fingerprints, groups
// and ends them; its own webhook, to us, is read.
func TestRealAlertmanager(t *testing.T) {
	type back struct {
		body []byte
		g    *Group
	}
	bodies := make(chan back, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g, err := ParseGroup(body)
		if err != nil {
			t.Errorf("%v:\n%s", err, body)
			return
		}
		bodies <- back{body, g}
	}))
	defer server.Close()
	url := startAlertmanager(t, server.URL)
	r := newRig(t, receiver(t, "am", "form", "alertmanager", "url", url, "repeatInterval", "2 seconds"))
	r.cfg.Transport = nil
	r.cfg.ExternalURL = "http://127.0.0.1:7575"
	r.open()
	now := time.Now().Truncate(time.Microsecond)
	incident := func(rule, thing, odd string, st alert.State) *alert.Change {
		c := change(rule, thing, 0, st, "am")
		c.FiredAt, c.Labels["größe-in-cm"], c.Labels["empty"] = alert.Time(now.Add(-time.Minute).UnixMicro()), odd, ""
		if c.Severity = ""; st == alert.Resolved {
			c.ResolvedAt = alert.Time(now.Add(-time.Second).UnixMicro())
		}
		return c
	}
	const odd = "2 \"q\"\n\\ é ✓"
	r.publish(incident("cpu", "x", odd, alert.Firing), incident("cpu", "y", odd, alert.Firing), incident("disk", "x", odd, alert.Firing))
	var list []shown
	await(t, "three alerts", func() bool { list = ask[[]shown](t, url+"/api/v2/alerts"); return len(list) == 3 })
	for _, a := range list {
		c := incident(a.Labels["alertname"], a.Labels["thing"], odd, alert.Firing)
		check(t, "labels", labelSet(a.Labels), labelsOf(c))
		check(t, "fingerprint", a.Fingerprint, labelsOf(c).fingerprint())
		check(t, "start", a.StartsAt.UTC(), now.Add(-time.Minute).Truncate(time.Millisecond).UTC())
		check(t, "incident", a.Annotations["incident"], c.ID)
		check(t, "state", a.Status.State, "active")
	}
	type amGroup struct {
		Labels map[string]string
		Alerts []shown
	}
	sizes := map[string]int{}
	for _, g := range ask[[]amGroup](t, url+"/api/v2/alerts/groups") {
		sizes[g.Labels["alertname"]] = len(g.Alerts)
	}
	check(t, "groups", sizes, map[string]int{"cpu": 2, "disk": 1})
	next := func(what string, is func(g *Group) bool) *Group {
		t.Helper()
		for {
			select {
			case b := <-bodies:
				if is(b.g) {
					check(t, "fields", fields(t, b.body), fields(t, webhookBody(&Receiver{}, &notification{}).body))
					return b.g
				}
			case <-time.After(30 * time.Second):
				t.Fatalf("waited in vain for %s", what)
			}
		}
	}
	g := next("both cpu alerts", func(g *Group) bool { return g.GroupLabels["alertname"] == "cpu" && len(g.Alerts) == 2 })
	check(t, "key", g.GroupKey, groupKey(labelSet{"alertname": "cpu"}))
	// It is told again before it would forget, and an end is an end.
	first := list[0].EndsAt
	await(t, "a later end", func() bool { return ask[[]shown](t, url+"/api/v2/alerts")[0].EndsAt.After(first) })
	r.publish(incident("cpu", "y", odd, alert.Resolved))
	await(t, "two alerts", func() bool { return len(ask[[]shown](t, url+"/api/v2/alerts")) == 2 })
	g = next("the end of one", func(g *Group) bool {
		return slices.ContainsFunc(g.Alerts, func(a GroupAlert) bool { return a.Status == alert.Resolved })
	})
	check(t, "status", g.Status, alert.Firing)
	r.publish(incident("cpu", "x", odd, alert.Resolved), incident("disk", "x", odd, alert.Resolved))
	await(t, "no alert", func() bool { return len(ask[[]shown](t, url+"/api/v2/alerts")) == 0 })
	check(t, "delivered", r.report("am").Delivered, int64(6))
	check(t, "refused", r.report("am").Refused, int64(0))
	r.close()
}
