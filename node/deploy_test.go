//go:build unix

package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/adapters/web"
)

// tool finds a program that a test needs; where it is not, the test is skipped, or fails if the environment requires it.
func tool(t testing.TB, name, required, pkg string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	how := fmt.Sprintf("there is no %s on this machine: apt-get install %s", name, pkg)
	if os.Getenv(required) == "required" {
		t.Fatal(how)
	}
	t.Skip(how)
	return ""
}

var (
	promStrings = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	promBraces  = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`)
	promGroups  = regexp.MustCompile(`\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)`)
	promName    = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
	promWords   = []string{"and", "or", "unless", "offset", "bool"}
)

// metricsOf is the names of metrics in an expression of PromQL: identifiers that are no function, word, label or text.
func metricsOf(expr string) (names []string) {
	expr = promStrings.ReplaceAllString(expr, "")
	expr = promBraces.ReplaceAllString(expr, "")
	expr = promGroups.ReplaceAllString(expr, "")
	for _, word := range promName.FindAllString(expr, -1) {
		if word = strings.TrimSpace(word); !strings.HasSuffix(word, "(") && !slices.Contains(promWords, word) {
			names = append(names, word)
		}
	}
	return names
}

func TestMetricsOfAnExpression(t *testing.T) {
	for expr, want := range map[string]string{
		`up{job="nagare"} == 0`: "up",
		`histogram_quantile(0.99, sum by (a, le) (rate(x_bucket{i=~"$i"}[$__rate_interval]))) > 30`: "x_bucket",
		`time() - x > 1.5 and on (instance) sum by (instance) (y{a="{not_this}"}) > 0`:              "x y",
		`a unless b`: "a b",
	} {
		got := strings.Join(metricsOf(expr), " ")
		if got != want {
			t.Errorf("%s: %s, want %s", expr, got, want)
		}
	}
}

// shippedExpressions is the expressions of the rules and of the dashboard in deploy.
func shippedExpressions(t *testing.T) (all []string) {
	t.Helper()
	rules := regexp.MustCompile(`(?m)^ +expr: '(.*)'$`).FindAllStringSubmatch(read(t, root("deploy", "prometheus", "nagare.rules.yml")), -1)
	for _, m := range rules {
		all = append(all, strings.ReplaceAll(m[1], "''", "'"))
	}
	var board struct {
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Type, Definition string }
		}
		Panels []struct {
			Title, Type string
			Datasource  struct{ UID string }
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, root("deploy", "grafana", "nagare.json"))), &board); err != nil {
		t.Fatal(err)
	}
	for _, v := range board.Templating.List {
		if metric, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			name, _, _ := strings.Cut(metric, ",")
			all = append(all, name)
		}
	}
	for _, p := range board.Panels {
		if p.Type != "row" && (p.Datasource.UID != "${datasource}" || len(p.Targets) == 0) {
			t.Errorf("panel %q asks nothing, or not the variable's data source", p.Title)
		}
		for _, target := range p.Targets {
			all = append(all, target.Expr)
		}
	}
	if len(rules) < 20 || len(all) < len(rules)+30 {
		t.Fatalf("%d rules and %d expressions: they are not read", len(rules), len(all))
	}
	return all
}

// deployed is a project with all that the rules and the dashboard look at: late rows, a sink that fails, alerts of its
// own, which a webhook and an Alertmanager are told.
const deployed = `name: deployed
storage: file:///tmp/deployed
libraries:
  - glob:
      include: transformations/**
configuration:
  spark.sql.session.timeZone: UTC
  source.events_raw.format: kafka
  source.events_raw.option.subscribe: EVENTS
  source.events_raw.option.startingOffsets: earliest
  sink.copies_out.format: kafka
  sink.copies_out.from: copies_json
  sink.copies_out.option.topic: OUT
  sink.broken_out.format: webhook
  sink.broken_out.from: copies
  sink.broken_out.option.url: http://BROKEN/
  sink.nobody.format: webhook
  sink.nobody.option.url: http://127.0.0.1:1/
  sink.am.format: webhook
  sink.am.option.form: alertmanager
  sink.am.option.url: http://ALERTMANAGER
  alert.large.from: large
  alert.large.key: id
  alert.large.severity: warning
  alert.large.summary: "${id} is large"
  alert.large.notify: am, nobody
`

const deployedSQL = `
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT e.id, e.amount, try_to_timestamp(e.at) AS ts
  FROM (SELECT from_json(CAST(value AS STRING), 'id STRING, amount INT, at STRING') AS e FROM STREAM(events_raw))
) WATERMARK ts DELAY OF INTERVAL 10 SECONDS WHERE ts IS NOT NULL;
CREATE STREAMING TABLE copies AS SELECT id, amount FROM STREAM(event);
CREATE TEMPORARY VIEW copies_json AS SELECT to_json(struct(*)) AS value FROM STREAM(copies);
CREATE STREAMING TABLE minutes AS
SELECT window.end AS at, count(*) AS n FROM STREAM(event) GROUP BY window(ts, '1 minute');
CREATE STREAMING TABLE large AS SELECT id, amount, ts FROM STREAM(event) WHERE amount > 1000;
`

// startDeployed runs the project on a cluster and gives it events, of which some are late and one is a breach.
func startDeployed(t *testing.T, hosts, address, data, alertmanager, broken string) *process {
	t.Helper()
	suffix := fmt.Sprint(time.Now().UnixNano())
	settings := strings.NewReplacer("EVENTS", "events-"+suffix, "OUT", "out-"+suffix, "ALERTMANAGER", alertmanager, "BROKEN", broken).Replace(deployed)
	on := []string{"--kafka", hosts, "--data", data}
	succeed(t, "topics", "create", "events-"+suffix, "--partitions", "1", "--kafka", hosts, "--data", filepath.Join(t.TempDir(), "other"))
	p := start(t, false, append([]string{"run", projectFolder(t, settings, deployedSQL), "--http", address}, on...)...)
	var events bytes.Buffer
	now := time.Now().UTC()
	for i := range 400 {
		at, amount := now.Add(-5*time.Minute).Add(time.Duration(i)*time.Millisecond), i
		switch {
		case i == 398: // a breach that the watermark passes and that is not over
			at, amount = now.Add(-20*time.Second), 5000
		case i > 200 && i < 398 && i%10 == 0:
			at = at.Add(-time.Hour)
		}
		if i == 399 {
			at = now
		}
		fmt.Fprintf(&events, `{"id":"e%d","amount":%d,"at":%q}`+"\n", i, amount, at.Format(time.RFC3339Nano))
	}
	if f := nagare(t, events.Bytes(), append([]string{"publish", "events-" + suffix}, on...)...); f.code != 0 {
		t.Fatal(f.errors)
	}
	return p
}

func getText(t testing.TB, address, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + address + path)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// freeAddress is one at which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestShippedRulesAndDashboard: each metric that they name is in a real scrape. What waits for a webhook that is down,
// rows and changes of alerts, is in metrics, status and top, while other sinks have theirs.
func TestShippedRulesAndDashboard(t *testing.T) {
	expressions := shippedExpressions(t)
	onEachKafka(t, func(t *testing.T, hosts string) {
		data := filepath.Join(t.TempDir(), "data")
		p := startDeployed(t, hosts, "127.0.0.1:0", data, freeAddress(t), "127.0.0.1:1")
		missing := func() (names []string) {
			has := map[string]bool{"up": true, "ALERTS": true} // Prometheus' own
			scrape := getText(t, p.address, "/metrics")
			for line := range strings.Lines(scrape) {
				has[regexp.MustCompile(`^[a-zA-Z0-9_:]*`).FindString(line)] = true
			}
			for _, expr := range expressions {
				for _, name := range metricsOf(expr) {
					if !has[name] && !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
			}
			for _, line := range []string{
				`nagare_sink_failing\{sink="broken_out"\} 1`, `nagare_late_records_total\{table="minutes"\} [1-9]\d*`, `nagare_sink_waiting_rows\{sink="broken_out"\} 400`,
				`nagare_sink_rows_total\{sink="copies_out"\} 400`, `nagare_webhook_waiting_changes\{webhook="nobody"\} [1-9]\d*`, `nagare_webhook_failing\{webhook="nobody"\} 1`,
				`nagare_alerts_total\{alert="large",state="firing"\} 1`, `nagare_alerts_total\{alert="large",state="resolved"\} 0`,
			} {
				if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(scrape) {
					names = append(names, line)
				}
			}
			return names
		}
		var names []string
		giveUp := time.Now().Add(deadline / 2)
		p.await("all metrics that deploy names", func() bool {
			names = missing()
			if len(names) > 0 && time.Now().After(giveUp) {
				t.Fatalf("not in the scrape: %s", strings.Join(names, ", "))
			}
			return len(names) == 0
		})
		lint(t, getText(t, p.address, "/metrics"))
		for command, want := range map[string][]string{
			"status": {`sink/broken_out: degraded: .*connection refused; 400 rows wait for it`, `(?m)^webhook +nobody at http://127.0.0.1:1: failing.* waiting`},
			"top":    {`(?m)^broken_out +degraded +0 +400 `, `(?m)^nobody +failing +0 +[1-9]`, `(?m)^copies_out +[a-z ]+ +400 +0 `},
		} {
			out := nagare(t, nil, command, "--data", data).out
			for _, w := range want {
				if !regexp.MustCompile(w).MatchString(out) {
					t.Errorf("%s does not show %s:\n%s", command, w, out)
				}
			}
		}
	})
}

// TestShippedRulesInPromtool has the files checked and the rules run over series.
func TestShippedRulesInPromtool(t *testing.T) {
	promtool := tool(t, "promtool", "NAGARE_TEST_PROMETHEUS", "prometheus")
	dir := root("deploy", "prometheus")
	for _, args := range [][]string{
		{"check", "rules", filepath.Join(dir, "nagare.rules.yml")}, {"check", "config", filepath.Join(dir, "prometheus.yml")},
		{"test", "rules", filepath.Join(dir, "nagare.test.yml")},
	} {
		out, err := exec.Command(promtool, args...).CombinedOutput()
		if err != nil || bytes.Contains(out, []byte("FAILED")) {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	amtool := tool(t, "amtool", "NAGARE_TEST_ALERTMANAGER", "prometheus-alertmanager")
	if out, err := exec.Command(amtool, "check-config", filepath.Join(dir, "alertmanager.yml")).CombinedOutput(); err != nil {
		t.Errorf("amtool check-config: %v\n%s", err, out)
	}
}

// startTool runs a server until the test ends and waits until it answers.
func startTool(t *testing.T, address, ready, program string, args ...string) {
	t.Helper()
	var log listener
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s:\n%s", program, log.String())
		}
	})
	giveUp := time.After(deadline)
	for {
		if resp, err := http.Get("http://" + address + ready); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ended:
			t.Fatalf("%s ended: %s", program, log.String())
		case <-giveUp:
			t.Fatalf("%s does not answer at %s: %s", program, address, log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestRealPrometheusAndAlertmanager: Prometheus scrapes a running nagare and runs the shipped rules until one fires;
// Alertmanager gets it, beside nagare's own alert, and hands it to nagare, which shows it, and its own not twice.
func TestRealPrometheusAndAlertmanager(t *testing.T) {
	prometheus := tool(t, "prometheus", "NAGARE_TEST_PROMETHEUS", "prometheus")
	alertmanager := tool(t, "prometheus-alertmanager", "NAGARE_TEST_ALERTMANAGER", "prometheus-alertmanager")
	dir, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	ours, theirs, server := freeAddress(t), freeAddress(t), freeAddress(t)
	adapt := func(name string, pairs ...string) string {
		text := read(t, root("deploy", "prometheus", name))
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(text, pairs[i]) {
				t.Fatalf("%s has no %s", name, pairs[i])
			}
		}
		path := filepath.Join(dir, name)
		write(t, path, strings.NewReplacer(pairs...).Replace(text))
		return path
	}
	adapt("nagare.rules.yml")
	am := adapt("alertmanager.yml", "localhost:7575", ours, "/PATH/TO/DATA", data, "receiver: nagare", "receiver: nagare\n  group_wait: 100ms\n  group_interval: 1s")
	startTool(t, theirs, "/-/ready", alertmanager, "--config.file="+am, "--storage.path="+filepath.Join(dir, "am"), "--web.listen-address="+theirs, "--cluster.listen-address=")
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	broken := freeAddress(t)
	p := startDeployed(t, c.ListenAddrs()[0], ours, data, theirs, broken)
	config := adapt("prometheus.yml", "localhost:7575", ours, "localhost:9093", theirs, "15s", "1s")
	startTool(t, server, "/-/ready", prometheus, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "tsdb"), "--web.listen-address="+server, "--rules.alert.resend-delay=1s")
	p.await("the end of what was scraped", func() bool {
		return strings.Contains(getText(t, server, "/api/v1/targets"), `"health":"up"`)
	})
	p.await("the rule of Prometheus and nagare's own alert at Alertmanager", func() bool {
		all := getText(t, theirs, "/api/v2/alerts")
		return strings.Contains(all, `"alertname":"NagareSinkFailing"`) && strings.Contains(all, `"alertname":"large"`)
	})
	var shown web.AlertsAnswer
	p.await("the rule of Prometheus at nagare", func() bool {
		shown = web.AlertsAnswer{}
		if err := json.Unmarshal([]byte(getText(t, ours, "/api/alerts")), &shown); err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(shown.External, func(e notify.External) bool {
			return e.Labels["alertname"] == "NagareSinkFailing" && e.Labels["sink"] == "broken_out" && e.Status == "firing"
		})
	})
	for _, e := range shown.External {
		if e.Labels["alertname"] == "large" {
			t.Errorf("nagare's own alert is shown as another program's: %+v", e)
		}
	}
	// What the dashboard asks, with its variables filled in, Prometheus answers.
	fill := strings.NewReplacer("$instance", ".*", "$topic", ".*", "$__rate_interval", "1m", "$__interval", "15s")
	for _, expr := range shippedExpressions(t) {
		if got := getText(t, server, "/api/v1/query?query="+url.QueryEscape(fill.Replace(expr))); !strings.Contains(got, `"status":"success"`) {
			t.Errorf("%s: %s", expr, got)
		}
	}
	// It is silenced here, and ends when the webhook is there.
	succeed(t, "alerts", "silence", "alertname=NagareSinkFailing", "--data", data)
	if out := succeed(t, "alerts", "list", "--data", data).out; !regexp.MustCompile(`NagareSinkFailing +[a-z]+ +firing, silenced `).MatchString(out) {
		t.Errorf("it is not shown as silenced:\n%s", out)
	}
	l, err := net.Listen("tcp", broken)
	if err != nil {
		t.Fatal(err)
	}
	well := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })}
	t.Cleanup(func() { _ = well.Close() })
	go func() { _ = well.Serve(l) }()
	p.await("the end of the rule of Prometheus at nagare", func() bool {
		return regexp.MustCompile(`NagareSinkFailing,[a-z]+,resolved,`).MatchString(succeed(t, "alerts", "list", "--all", "--data", data, "-o", "csv").out)
	})
}
