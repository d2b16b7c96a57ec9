package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestReadingOfThisMachine: every collector tells something that can be true.
func TestReadingOfThisMachine(t *testing.T) {
	dir := t.TempDir()
	r := NewHost(HostConfig{Data: dir}).Read(context.Background(), time.Now())
	if len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	if r.CPU == nil || r.CPU.Percent < 0 || r.CPU.Percent > 100 || r.CPU.Cores <= 0 {
		t.Errorf("cpu %+v", r.CPU)
	}
	if p := r.Memory.Percent(); r.Memory.Total == 0 || p <= 0 || p >= 100 {
		t.Errorf("memory %+v", r.Memory)
	}
	if d := r.Disk; d.Path != dir || d.Total == 0 || d.Free > d.Total || d.Percent < 0 || d.Percent > 100 {
		t.Errorf("disk %+v", d)
	}
	if p := r.Process; p.Memory == 0 || p.OpenFiles <= 0 {
		t.Errorf("process %+v", p)
	}
}

// TestFailedCollectorStopsNothing: it is named with its reason, its columns are null, and the others are there.
func TestFailedCollectorStopsNothing(t *testing.T) {
	hangs := make(chan struct{})
	defer close(hangs)
	h := NewHost(HostConfig{Data: t.TempDir(), Collect: map[string]func(*Reading) error{
		"disk":   func(*Reading) error { return errors.New("the disk is gone") },
		"load":   func(*Reading) error { panic("no averages") },
		"memory": func(*Reading) error { <-hangs; return nil },
	}})
	for range 2 { // the second one does not wait for what hangs
		r := h.Read(context.Background(), time.Now())
		why := map[string]string{}
		for _, f := range r.Failed {
			why[f.Collector] = f.Reason
		}
		if len(why) != 3 || why["disk"] != "the disk is gone" || why["load"] != "it panicked: no averages" || !strings.HasPrefix(why["memory"], "it has not answered since") {
			t.Fatalf("failed: %v", r.Failed)
		}
		var rec map[string]any
		if err := json.Unmarshal(r.record("shop"), &rec); err != nil {
			t.Fatal(err)
		}
		for _, column := range []string{"disk_percent", "disk_free_gb", "disk_total_gb", "disk_path", "load_1", "memory_percent", "memory_available_gb"} {
			if v, ok := rec[column]; !ok || v != nil {
				t.Errorf("%s is %v (%v), not null", column, v, ok)
			}
		}
		if rec["process_open_files"] == nil || rec["cpu_percent"] == nil || len(rec["failed"].([]any)) != 3 {
			t.Errorf("the others: %v", rec)
		}
	}
}

// TestHungCollectorComesBack: once it answers it is asked again.
func TestHungCollectorComesBack(t *testing.T) {
	hang := make(chan struct{})
	h := NewHost(HostConfig{Data: t.TempDir(), Collect: map[string]func(*Reading) error{
		"disk": func(r *Reading) error { <-hang; r.Disk = &DiskReading{Percent: 50}; return nil },
	}})
	if r := h.Read(context.Background(), time.Now()); !r.failed("disk") {
		t.Fatalf("%+v", r)
	}
	close(hang)
	for deadline := time.Now().Add(5 * time.Second); ; {
		if r := h.Read(context.Background(), time.Now()); r.Disk != nil && !r.failed("disk") {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("%+v", r)
		}
	}
}

// TestMemoryThatCannotBeRead: what is no text of /proc/meminfo is a collector that failed, not a machine without memory.
func TestMemoryThatCannotBeRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems have no /proc")
	}
	proc := t.TempDir()
	if err := os.WriteFile(filepath.Join(proc, "meminfo"), []byte("garbage\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOST_PROC", proc)
	var r Reading
	if err := NewHost(HostConfig{Data: t.TempDir()}).readMemory(&r); err == nil || r.Memory != nil {
		t.Errorf("memory %+v, error %v: want none, and an error", r.Memory, err)
	}
}
