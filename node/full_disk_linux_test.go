package node_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/node"
)

// TestFullDiskIsToldOnceAndBackOnce fills the disk of a running process to its last byte. Events are refused; the
// process's own records go on, so health and the shipped alert (with shorter windows) tell it once while it lasts, and
// tell once that it is over.
func TestFullDiskIsToldOnceAndBackOnce(t *testing.T) {
	disk := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=128m", "tmpfs", disk).CombinedOutput(); err != nil {
		t.Skipf("needs root, for a small disk: mount: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", disk).Run() })
	project := shippedWith(t, map[string][]string{
		"transformations/7_monitoring.sql": {"part.state = 'stuck'\nGROUP BY window(ts, '10 seconds')", "part.state = 'stuck'\nGROUP BY window(ts, '2 seconds')"},
		"spark-pipeline.yml":               {"alert.disk_full.keepFiring: 20 seconds", "alert.disk_full.keepFiring: 4 seconds"},
	})
	data := filepath.Join(disk, "data")
	p := start(t, true, "run", project, "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
	sent := 0
	send := func() finished {
		sent++
		return publish(t, data, []byte(event(sent, "user_1", "2026-02-03T09:00:00Z")+"\n"))
	}
	if f := send(); f.code != 0 {
		t.Fatal(f.errors)
	}
	p.awaitRead(lifeTopic, 1)
	p.await("some of the ballast", func() bool {
		pieces, err := filepath.Glob(filepath.Join(data, "broker", "ballast", "*"))
		return err == nil && len(pieces) >= 6
	})
	junk, err := os.Create(filepath.Join(disk, "junk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{64 << 10, 1 << 10} {
		for block := make([]byte, size); err == nil; _, err = junk.Write(block) {
		}
		err = nil
	}
	firing := func() bool {
		for _, i := range alertsOf(t, p) {
			if i == "disk_full firing" {
				return true
			}
		}
		return false
	}
	p.await("the alert of a full disk, while it is full", firing)
	if f := send(); f.code == 0 || !strings.Contains(f.errors, "free some space and it goes on by itself") {
		t.Errorf("on a full disk an event is answered with %d: %s", f.code, f.errors)
	}
	if err := junk.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(junk.Name()); err != nil {
		t.Fatal(err)
	}
	p.await("its end", func() bool { return !firing() })
	if f := send(); f.code != 0 {
		t.Errorf("with room again: %s", f.errors)
	}
	p.awaitRead(lifeTopic, 2)
	stop(t, p)
	look(t, data, func(n *node.Node) {
		var states, changes []string
		for _, r := range recordsOf(t, n, "pipeline-metrics") {
			var rec struct {
				Health []struct{ Part, State string }
			}
			if err := json.Unmarshal(r.Value, &rec); err != nil {
				t.Fatal(err)
			}
			for _, h := range rec.Health {
				if h.Part == "disk" && h.State != "degraded" { // while it was filled it may have been seen nearly full
					states = append(states, h.State)
				}
			}
		}
		if got := slices.Compact(states); !slices.Equal(got, []string{"keeping up", "stuck", "keeping up"}) {
			t.Errorf("the disk was %q", got)
		}
		for _, r := range recordsOf(t, n, "system-alerts") {
			var c struct{ Alert, State, Description string }
			if err := json.Unmarshal(r.Value, &c); err != nil {
				t.Fatal(err)
			}
			if c.Alert == "disk_full" {
				changes = append(changes, c.State)
				if !strings.Contains(c.Description, "0 MiB are free") && !strings.Contains(c.Description, "1 MiB are free") && !strings.Contains(c.Description, "2 MiB are free") {
					t.Errorf("it says %q", c.Description)
				}
			}
		}
		if !slices.Equal(changes, []string{"firing", "resolved"}) {
			t.Errorf("the alert was %q", changes)
		}
	})
}
