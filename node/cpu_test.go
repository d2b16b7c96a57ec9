//go:build unix

package node_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// TestBusyProcessorsAreToldOnceAndBackOnce has all processors work under a running process: health and the shipped
// alert (with shorter windows) tell it once, and once that it is over. It takes two minutes and a machine that has
// nothing else to do.
func TestBusyProcessorsAreToldOnceAndBackOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("two minutes of a busy machine")
	}
	host := monitor.NewHost(monitor.HostConfig{})
	elsewhere := func() float64 {
		host.Read(t.Context(), time.Now()) // what is measured is the span from here, and not the load below
		<-time.After(3 * time.Second)
		r := host.Read(t.Context(), time.Now())
		if r.CPU == nil {
			t.Skipf("the use of the processors cannot be read: %v", r.Failed)
		}
		return r.CPU.Percent
	}
	if busy := elsewhere(); busy > 50 {
		t.Skipf("the machine is busy with other things: %.0f %% of its processors", busy)
	}
	project := shippedWith(t, map[string][]string{
		"transformations/7_monitoring.sql": {"GROUP BY window(ts, '30 seconds'), host\nHAVING avg(cpu_percent)", "GROUP BY window(ts, '10 seconds'), host\nHAVING avg(cpu_percent)"},
		"spark-pipeline.yml":               {"alert.cpu_high.keepFiring: 30 seconds", "alert.cpu_high.keepFiring: 20 seconds"},
	})
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, true, "run", project, "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
	tells := func(firing bool) bool {
		state := monitor.State("")
		for _, h := range healthOf(t, p) {
			if h.Part == "cpu" {
				state = h.State
			}
		}
		if firing {
			return state == monitor.Degraded && slices.Contains(alertsOf(t, p), "cpu_high firing")
		}
		return state == monitor.KeepingUp && !slices.Contains(alertsOf(t, p), "cpu_high firing")
	}
	p.await("a first look", func() bool { return tells(false) })
	var over atomic.Bool
	defer over.Store(true)
	for range runtime.NumCPU() {
		go func() {
			for !over.Load() { // all that it does is take its time
			}
		}()
	}
	p.await("busy processors to be told", func() bool { return tells(true) })
	over.Store(true)
	if busy := elsewhere(); busy > 70 {
		t.Skipf("the machine is busy with other things meanwhile: %.0f %% of its processors", busy)
	}
	p.await("their end to be told", func() bool { return tells(false) })
	stop(t, p)
	look(t, data, func(n *node.Node) {
		var states, changes []string
		for _, r := range recordsOf(t, n, monitor.PipelineMetrics) {
			var rec struct{ Health []monitor.Health }
			if err := json.Unmarshal(r.Value, &rec); err != nil {
				t.Fatal(err)
			}
			for _, h := range rec.Health {
				if h.Part == "cpu" {
					states = append(states, string(h.State))
				}
			}
		}
		if got := slices.Compact(states); !slices.Equal(got, []string{"keeping up", "degraded", "keeping up"}) {
			t.Errorf("the processors were %q", got)
		}
		for _, r := range recordsOf(t, n, monitor.SystemAlerts) {
			var c struct{ Alert, State string }
			if err := json.Unmarshal(r.Value, &c); err != nil {
				t.Fatal(err)
			}
			if c.Alert == "cpu_high" {
				changes = append(changes, c.State)
			}
		}
		if !slices.Equal(changes, []string{"firing", "resolved"}) {
			t.Errorf("the alert was %q", changes)
		}
	})
}

// healthOf is how the parts of a process are.
func healthOf(t *testing.T, p *process) []monitor.Health {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.address+"/-/healthy", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil // asked again
	}
	defer resp.Body.Close()
	var answer web.HealthAnswer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer.Health
}

func recordsOf(t *testing.T, n *node.Node, topic string) []node.Record {
	t.Helper()
	all, err := n.Records(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Errorf("topic %s is empty", topic)
	}
	return all
}

// alertsOf is what is pending and firing, as "NAME STATE".
func alertsOf(t *testing.T, p *process) (all []string) {
	t.Helper()
	resp, err := http.Get("http://" + p.address + "/api/alerts")
	if err != nil {
		return nil // asked again
	}
	defer resp.Body.Close()
	var answer web.AlertsAnswer
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	for _, a := range answer.Alerts {
		for _, i := range a.Incidents {
			all = append(all, fmt.Sprint(i.Alert, " ", i.State))
		}
	}
	return all
}

// shippedCopy is a folder with the purchase project.
func shippedCopy(t *testing.T) string {
	t.Helper()
	fsys, err := pipelines.Open(pipelines.Default)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, fsys); err != nil {
		t.Fatal(err)
	}
	return dir
}

// shippedWith is a folder with the purchase project in which some text of some files is another.
func shippedWith(t *testing.T, changes map[string][]string) string {
	t.Helper()
	dir := shippedCopy(t)
	for name, change := range changes {
		path := filepath.Join(dir, filepath.FromSlash(name))
		text := read(t, path)
		if !strings.Contains(text, change[0]) {
			t.Fatalf("%s does not say %q", name, change[0])
		}
		if err := os.WriteFile(path, []byte(strings.Replace(text, change[0], change[1], 1)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
