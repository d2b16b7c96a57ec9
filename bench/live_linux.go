package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// canCount says why processes cannot be measured from outside.
func canCount() error {
	if _, err := readCounters(os.Getpid()); err != nil {
		return fmt.Errorf("measure a process from outside: %w; /proc has to be there", err)
	}
	return nil
}

// ownGroup has a command, and what it starts, killed together when its context ends.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// counters is what the kernel has counted for a process since its start.
type counters struct {
	user, system time.Duration
	written      int64 // wchar
	switches     int64 // of its threads, voluntary and not
	resident     int64 // now
	peak         int64
}

// tick is the unit of /proc/PID/stat; the kernel shows all programs hundredths.
const tick = 10 * time.Millisecond

func readCounters(pid int) (c counters, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return c, err
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // a name may have spaces
	if len(fields) < 13 {
		return c, fmt.Errorf("read %s/stat: it has %d fields behind the name", dir, len(fields))
	}
	for i, to := range []*time.Duration{&c.user, &c.system} {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return c, fmt.Errorf("read %s/stat: %w", dir, err)
		}
		*to = time.Duration(n) * tick
	}
	if err := readNamed(filepath.Join(dir, "status"), map[string]*int64{"VmRSS": &c.resident, "VmHWM": &c.peak}); err != nil {
		return c, err
	}
	c.resident, c.peak = c.resident<<10, c.peak<<10 // kB
	if err := readNamed(filepath.Join(dir, "io"), map[string]*int64{"wchar": &c.written}); err != nil {
		return c, err
	}
	// /proc/PID/status has the switches of the first thread alone.
	threads, err := os.ReadDir(filepath.Join(dir, "task"))
	if err != nil {
		return c, err
	}
	for _, t := range threads {
		var by, without int64
		err := readNamed(filepath.Join(dir, "task", t.Name(), "status"), map[string]*int64{"voluntary_ctxt_switches": &by, "nonvoluntary_ctxt_switches": &without})
		if err != nil && !os.IsNotExist(err) { // a thread may have ended
			return c, err
		}
		c.switches += by + without
	}
	return c, nil
}

// readNamed reads numbers of a file with a line "name: number …" each; those that are not there stay 0.
func readNamed(path string, to map[string]*int64) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if at := to[name]; at != nil {
			number, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			if *at, err = strconv.ParseInt(number, 10, 64); err != nil {
				return fmt.Errorf("read %s: %w", path, err)
			}
		}
	}
	return nil
}

// residentPause is between two looks at a process's memory.
const residentPause = time.Second

// count measures a process for a window.
func (c *child) count(ctx context.Context, window time.Duration, f *LiveFigures) error {
	before, err := readCounters(c.pid)
	if err != nil {
		return err
	}
	from := time.Now()
	var resident []int64
	err = every(ctx, residentPause, func() (bool, error) {
		now, err := readCounters(c.pid)
		resident = append(resident, now.resident)
		return time.Since(from) >= window, err
	})
	if err != nil {
		return err
	}
	after, err := readCounters(c.pid)
	if err != nil {
		return err
	}
	took := time.Since(from).Seconds()
	f.User = 100 * (after.user - before.user).Seconds() / took
	f.System = 100 * (after.system - before.system).Seconds() / took
	f.CPU = f.User + f.System
	f.Written = float64(after.written-before.written) / took
	f.Switches = float64(after.switches-before.switches) / took
	slices.Sort(resident)
	f.Resident, f.Peak = resident[len(resident)/2], after.peak
	f.Load = loadAverage()
	if f.Trouble == "" {
		st, err := c.status(ctx)
		if err != nil {
			return err
		}
		f.Trouble = st.unsettled(c.rate, time.Now())
	}
	return nil
}

// loadAverage is how many threads of the machine wanted to run in the last minute.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, _ := strconv.ParseFloat(first, 64)
	return load
}
