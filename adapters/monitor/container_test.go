package monitor

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// groups writes files of control groups below a root of its own.
func groups(t *testing.T, own string, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	write := func(path, text string) {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("proc/self/cgroup", own)
	for path, text := range files {
		write("sys/fs/cgroup/"+path, text)
	}
	return root
}

const mib = 1 << 20

func TestContainerLimitsCount(t *testing.T) {
	for _, c := range []struct {
		name  string
		own   string
		files map[string]string

		cores, spent float64 // 0: the machine's
		limit, room  uint64
	}{
		{"in a container", "0::/\n", map[string]string{
			"cgroup.controllers": "cpu memory\n", "cpu.max": "150000 100000\n", "cpu.stat": "usage_usec 2500000\nuser_usec 1\n",
			"memory.max": "104857600\n", "memory.current": "83886080\n", "memory.stat": "anon 5\ninactive_file 20971520\nactive_file 7\n",
		}, 1.5, 2.5, 100 * mib, 40 * mib},
		{"without limits", "0::/\n", map[string]string{
			"cgroup.controllers": "cpu memory\n", "cpu.max": "max 100000\n", "cpu.stat": "usage_usec 2500000\n",
			"memory.max": "max\n", "memory.current": "83886080\n",
		}, 0, 0, 0, 0},
		{"the tightest of nested groups", "0::/pod/app\n", map[string]string{
			"cgroup.controllers": "cpu\n", "pod/cgroup.controllers": "cpu\n", "pod/app/cgroup.controllers": "cpu\n",
			"pod/cpu.max": "50000 100000\n", "pod/cpu.stat": "usage_usec 7000000\n", "pod/app/cpu.max": "200000 100000\n", "pod/app/cpu.stat": "usage_usec 1000000\n",
			"pod/memory.max": "209715200\n", "pod/memory.current": "199229440\n", "pod/app/memory.max": "104857600\n", "pod/app/memory.current": "31457280\n",
		}, 0.5, 7, 200 * mib, 10 * mib},
		{"a set of processors", "0::/app\n", map[string]string{
			"cgroup.controllers": "cpu\n", "cpuset.cpus.effective": "0-7\n", "app/cgroup.controllers": "cpu\n", "app/cpuset.cpus.effective": "0-1,5\n", "app/cpu.stat": "usage_usec 1000000\n",
		}, 3, 1, 0, 0},
		{"a group outside what is seen", "0::/../other\n", map[string]string{
			"cgroup.controllers": "cpu\n", "cpu.max": "100000 100000\n", "cpu.stat": "usage_usec 5\n",
		}, 1, 5e-6, 0, 0},
		{"version 1", "4:memory:/a\n3:cpu:/a\n", map[string]string{"memory/a/memory.limit_in_bytes": "1\n"}, 0, 0, 0, 0},
		{"damaged files", "0::/\n", map[string]string{
			"cgroup.controllers": "cpu memory\n", "cpu.max": "x\n", "cpu.stat": "\n", "memory.max": "104857600\n", "memory.current": "?\n",
		}, 0, 0, 0, 0},
		{"more in use than allowed", "0::/\n", map[string]string{
			"cgroup.controllers": "memory\n", "memory.max": "1048576\n", "memory.current": "2097152\n", "memory.stat": "inactive_file 4194304\n",
		}, 0, 0, mib, mib},
	} {
		g := newContainer(groups(t, c.own, c.files))
		cores, spent, bounded := g.cpu()
		if bounded != (c.cores > 0) || cores != c.cores || spent != c.spent {
			t.Errorf("%s: %v cores, %v s used, %v; want %v, %v", c.name, cores, spent, bounded, c.cores, c.spent)
		}
		limit, room, bounded := g.memory()
		if bounded != (c.limit > 0) || limit != c.limit || room != c.room {
			t.Errorf("%s: %d bytes, %d available, %v; want %d, %d", c.name, limit, room, bounded, c.limit, c.room)
		}
		if g.limited() != (c.cores > 0 || c.limit > 0) {
			t.Errorf("%s: limited is %v", c.name, g.limited())
		}
	}
	if g := newContainer(t.TempDir()); g.limited() {
		t.Error("a machine without control groups is bounded")
	}
}

// TestContainerReading: percentages are of the container's limits, from the first reading on.
func TestContainerReading(t *testing.T) {
	root := groups(t, "0::/\n", map[string]string{
		"cgroup.controllers": "cpu memory\n", "cpu.max": "50000 100000\n", "cpu.stat": "usage_usec 1000000\n",
		"memory.max": "67108864\n", "memory.current": "16777216\n",
	})
	h := NewHost(HostConfig{Root: root, Data: t.TempDir()})
	h.cpu.at = time.Unix(100, 0)
	if err := os.WriteFile(filepath.Join(root, "sys/fs/cgroup/cpu.stat"), []byte("usage_usec 1800000\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := h.Read(context.Background(), time.Unix(102, 0)) // 0.8 s in 2 s of half a core
	if len(r.Failed) > 0 || r.CPU == nil || r.CPU.Percent != 80 || r.CPU.Cores != 0.5 || !r.Container {
		t.Errorf("%+v %+v", r, r.CPU)
	}
	if m := r.Memory; m == nil || m.Total != 64*mib || m.Available != 48*mib || m.Percent() != 25 {
		t.Errorf("%+v", m)
	}
}
