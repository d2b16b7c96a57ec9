package monitor

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestDiskWithRoomAgainIsSeenAtOnce: a disk that fills up, and one that has room again, is seen by the next look, though
// nobody asks for the machine's records.
func TestDiskWithRoomAgainIsSeenAtOnce(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, for a small tmpfs")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("mount a small tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	m := New(Config{Project: "p", Started: time.Now(), Host: HostConfig{Data: dir}})
	at := time.Date(2026, 2, 3, 9, 0, 0, 0, time.UTC)
	junk := filepath.Join(dir, "junk")
	look := func() State {
		t.Helper()
		at = at.Add(time.Second)
		m.Observe(t.Context(), &Sample{At: at, Floor: 1 << 20})
		if got := m.host.Last(); got.Memory == nil {
			t.Error("a look at the disk has forgotten the rest of the machine")
		}
		all := m.Health()
		i := slices.IndexFunc(all, func(h Health) bool { return h.Part == "disk" })
		if i < 0 {
			t.Fatalf("nothing is known of the disk: %v", all)
		}
		return all[i].State
	}
	if got := look(); got != KeepingUp {
		t.Errorf("an empty disk is %s", got)
	}
	for range 2 {
		if err := os.WriteFile(junk, make([]byte, 31<<20+512<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := look(); got != Stuck {
			t.Errorf("a full disk is %s", got)
		}
		if err := os.Remove(junk); err != nil {
			t.Fatal(err)
		}
		if got := look(); got != KeepingUp {
			t.Errorf("a disk that has room again is %s", got)
		}
	}
}
