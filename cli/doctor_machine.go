package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/node"
)

// checkClock: lateness and the guard against future times are judged against the clock.
func checkClock(now time.Time) finding {
	if now.Year() < 2025 || now.Year() > 2100 {
		return finding{bad, "the clock of this machine says " + now.UTC().Format(time.RFC3339), "set the clock: events ahead of it are kept apart as future"}
	}
	return finding{good, "the clock says " + now.UTC().Format(time.RFC3339), ""}
}

func checkTemp() finding {
	f, err := os.CreateTemp("", "nagare-doctor-*")
	if err != nil {
		return finding{bad, fmt.Sprintf("temporary files cannot be made in %s: %v", os.TempDir(), err), "set TMPDIR to a folder that can be written to; runs from files need it"}
	}
	_ = f.Close()
	_ = os.Remove(f.Name())
	return finding{good, "temporary files can be made in " + os.TempDir(), ""}
}

// lowSpace is the free space below which a full disk is near.
const lowSpace = 1 << 30

func checkSpace(data string) finding {
	free, err := node.FreeBytes(data)
	if err != nil {
		return finding{doubt, err.Error(), "see that there is some"}
	}
	text := fmt.Sprintf("the disk of the data folder has %d MB free", free>>20)
	switch {
	case free < node.MinFreeBytes:
		return finding{bad, text, fmt.Sprintf("free some: %d MB are needed to start", node.MinFreeBytes>>20)}
	case free < lowSpace:
		return finding{doubt, text, "free some, or give topics a retention: nagare.topic.<name>.retention"}
	}
	return finding{good, text, ""}
}

// checkProject looks whether the project of a folder can be run as it is now.
func checkProject(data string) finding {
	id, err := node.ReadIdentity(data)
	if err != nil {
		return finding{bad, err.Error(), otherData}
	}
	p, err := loadProject(id.Folder())
	switch {
	case err != nil:
		return finding{bad, err.Error(), "put the project back to " + id.Folder() + ", or run it from where it is now: `nagare run PROJECT --data " + data + "`"}
	case len(p.faults) > 0:
		return finding{bad, fmt.Sprintf("project %s has %s", id.Folder(), plural(len(p.faults), "fault")), "see them with `nagare check " + id.Folder() + "`"}
	}
	if p.id.Name != id.Name {
		return finding{bad, fmt.Sprintf("project %s is called %q now, and the folder belongs to %q", id.Folder(), p.id.Name, id.Name), "give it its name back, or run it on another folder with --data"}
	}
	return finding{good, "project " + id.Folder() + " is in order", ""}
}

const otherData = "name another folder with --data"

func (a *app) checkStore(t *target) finding {
	var notes *node.NotesError
	if _, err := t.local.OpenNotifier(context.Background(), false); errors.As(err, &notes) {
		return finding{bad, notes.Error(), notes.Fix()}
	}
	if err := t.local.CheckStore(); err != nil {
		return finding{bad, err.Error(), "keep a copy of the folder, then run `nagare checkpoint reset`: it builds the tables anew from the topics"}
	}
	return finding{good, "every page of the store is in order", ""}
}

// checkMachine judges what the process may use: of the process pid where one runs, else of this one.
func checkMachine(ctx context.Context, data string, m *web.MonitorAnswer, pid int) []finding {
	var rec monitor.SystemRecord
	if m != nil && m.Machine != nil {
		rec = *m.Machine
	} else {
		rec = monitor.NewHost(monitor.HostConfig{Data: data}).Read(ctx, time.Now()).Record()
	}
	list := []finding{checkMemory(&rec)}
	for _, f := range rec.Failed {
		if pid == 0 { // of one that runs, part monitor says so
			list = append(list, finding{doubt, fmt.Sprintf("how this machine is cannot be read in full: collector %s: %s", f.Collector, f.Reason), "see the message; /proc and /sys have to be readable"})
		}
	}
	if pid == 0 {
		pid = os.Getpid()
	}
	if used, soft, ok := fileLimit(ctx, pid); ok {
		list = append(list, checkFiles(used, soft))
	}
	return list
}

// Memory is short below these, and open files are few below this.
const (
	shortMemory  = 0.25 // GiB
	shortPercent = 95
	fewFiles     = 1024
)

func checkMemory(rec *monitor.SystemRecord) finding {
	if rec.MemoryAvailableGB == nil || rec.MemoryTotalGB == nil || rec.MemoryPercent == nil {
		return finding{doubt, "how much memory is free cannot be told", "see that there is some"}
	}
	whose := "of this machine"
	if rec.Container {
		whose = "of the control group's limit"
	}
	text := fmt.Sprintf("%.1f of %.1f GiB of memory %s are available", *rec.MemoryAvailableGB, *rec.MemoryTotalGB, whose)
	if *rec.MemoryAvailableGB < shortMemory || *rec.MemoryPercent >= shortPercent {
		fix := "stop what else uses it, or lower nagare.query.memory and nagare.state.maxRows"
		if rec.Container {
			fix = "raise the limit of the container (memory.max), or lower nagare.query.memory and nagare.state.maxRows"
		}
		return finding{doubt, text, fix}
	}
	return finding{good, text, ""}
}

// fileLimit is how many files a process has open, and how many it may have.
func fileLimit(ctx context.Context, pid int) (used, soft uint64, ok bool) {
	p, err := process.NewProcessWithContext(ctx, int32(pid))
	if err != nil {
		return 0, 0, false
	}
	limits, err := p.RlimitUsageWithContext(ctx, true)
	if err != nil {
		return 0, 0, false
	}
	for _, l := range limits {
		if l.Resource == process.RLIMIT_NOFILE {
			return l.Used, l.Soft, true
		}
	}
	return 0, 0, false
}

func checkFiles(used, soft uint64) finding {
	text := fmt.Sprintf("%s files may be open at once, and %s are", grouped(int64(min(soft, 1<<53))), grouped(int64(used)))
	switch {
	case soft < fewFiles:
		return finding{doubt, text, fmt.Sprintf("raise the limit: `ulimit -n %d` before `nagare run`, or LimitNOFILE=%d in its systemd unit", 16*fewFiles, 16*fewFiles)}
	case used > soft/10*8:
		return finding{bad, text, "clients that hold connections open count: end some, or raise the limit (ulimit -n) and start again"}
	}
	return finding{good, text, ""}
}

// checkPorts looks whether a run gets its addresses. Those of the process pid are its own.
func checkPorts(ports doctorPorts, pid int) []finding {
	var list []finding
	for _, p := range []struct{ flag, address string }{{"--http", ports.http}, {"--kafka-listen", ports.kafka}, {"--redis-listen", ports.redis}} {
		if p.address == node.HTTPOff || p.address == "" && (p.flag != "--http" || pid != 0) {
			continue
		}
		list = append(list, checkPort(p.flag, p.address, pid))
	}
	return list
}

func checkPort(flag, address string, pid int) finding {
	named := address != ""
	if !named {
		address = node.DefaultHTTP
	}
	err := node.ProbePort(address, flag)
	var taken *node.PortError
	switch {
	case err == nil:
		return finding{good, "port " + address + " is free", ""}
	case !errors.As(err, &taken):
		return finding{bad, err.Error(), "give " + flag + " a PORT, or 127.0.0.1:PORT"}
	case taken.Owner == "" && !strings.Contains(err.Error(), "in use"):
		return finding{bad, err.Error(), "name another port with " + flag}
	case pid != 0 && strings.HasPrefix(taken.Owner, fmt.Sprintf("process %d ", pid)):
		return finding{good, "port " + taken.Address + " is this pipeline's own", ""}
	}
	owner := taken.Owner
	if owner == "" {
		owner = "a process that this user may not see"
	}
	if !named {
		return finding{doubt, fmt.Sprintf("port %s is in use by %s: the next free one will be taken", taken.Address, owner), "stop that, or choose one with --http"}
	}
	return finding{bad, fmt.Sprintf("port %s is in use by %s", taken.Address, owner), "stop that, or name another port with " + flag}
}

// folderUse is how many bytes lie in a data folder, by what is directly in it.
func folderUse(data string) (total int64, by map[string]int64) {
	by = map[string]int64{}
	_ = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // gone meanwhile, or none of ours
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		rel, _ := filepath.Rel(data, path)
		top, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		by[top] += info.Size()
		total += info.Size()
		return nil
	})
	return total, by
}
