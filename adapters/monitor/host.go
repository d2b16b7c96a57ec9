package monitor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/process"
)

// A Reading is what the machine and the process use at one moment. A part that could not be read is nil, and Failed
// says why.
type Reading struct {
	At        time.Time
	Host      string
	Container bool // the limits of a control group count for CPU or memory
	CPU       *CPUReading
	Memory    *MemoryReading
	Disk      *DiskReading
	Load      *LoadReading
	Process   *ProcessReading
	Failed    []Failure
}

// CPUReading is the use of the processors since the reading before, 0 to 100 of all that the process may use.
type CPUReading struct {
	Percent float64
	Cores   float64
}

// MemoryReading is bytes.
type MemoryReading struct{ Total, Available uint64 }

// Percent is the part that is in use, 0 to 100.
func (m *MemoryReading) Percent() float64 {
	if m.Total == 0 {
		return 0
	}
	return 100 * float64(m.Total-min(m.Available, m.Total)) / float64(m.Total)
}

// DiskReading is bytes of the disk that holds a folder. Percent is what is used of what this user may use, as df has it.
type DiskReading struct {
	Path        string
	Total, Free uint64
	Percent     float64
}

// LoadReading is the load averages of 1, 5 and 15 minutes.
type LoadReading struct{ One, Five, Fifteen float64 }

// ProcessReading is this process. Percent is CPU since the reading before, 100 for one core.
type ProcessReading struct {
	Percent   float64
	Memory    uint64 // resident, bytes
	OpenFiles int32
}

// A Failure is a collector that could not read what it is for.
type Failure struct {
	Collector string `json:"collector"`
	Reason    string `json:"reason"`
}

// Collectors is the names of all collectors.
var Collectors = []string{"cpu", "memory", "disk", "load", "process"}

// collectWait is how long a reading waits for its collectors: a disk that hangs keeps nobody else waiting.
const collectWait = time.Second

// HostConfig says what a Host reads.
type HostConfig struct {
	Data string // the folder whose disk counts; "": the working folder
	Root string // of the file system in which /proc and /sys are looked for; "": /
	// Collect replaces collectors by name: where tests put faults.
	Collect map[string]func(*Reading) error
}

// A Host reads the machine. It may be used by several goroutines.
type Host struct {
	cfg  HostConfig
	name string

	mu   sync.Mutex
	busy map[string]time.Time // collectors that do not answer, and since when
	last *Reading

	// Of the collectors, each of which runs alone.
	groups  container
	cpu     usage
	own     usage
	process *process.Process

	// Of the collector of CPU.
	cores   int
	counted time.Time
}

// countEvery is how often processors are counted: for each of them the system asks how fast it is.
const countEvery = time.Minute

// A usage turns a counter into a rate.
type usage struct {
	at    time.Time
	spent float64
}

// since is by how much the counter grew for each second since it was last told; false at first.
func (u *usage) since(now time.Time, spent float64) (rate float64, ok bool) {
	seconds := now.Sub(u.at).Seconds()
	ok = !u.at.IsZero() && seconds > 0
	if ok {
		rate = max(0, spent-u.spent) / seconds
	}
	u.at, u.spent = now, spent
	return rate, ok
}

// NewHost makes a Host. The first reading tells the use of CPU since then.
func NewHost(cfg HostConfig) *Host {
	name, err := os.Hostname()
	if err != nil {
		name = "unknown"
	}
	h := &Host{cfg: cfg, name: name, busy: map[string]time.Time{}, groups: newContainer(cfg.Root)}
	begin := &Reading{At: time.Now()}
	for _, counts := range []string{"cpu", "process"} {
		_ = h.collect(counts, begin) // who reads is told
	}
	return h
}

// Read asks all collectors, and returns what they told within a second.
func (h *Host) Read(ctx context.Context, now time.Time) *Reading {
	r := h.ask(ctx, now, Collectors)
	h.mu.Lock()
	h.last = r
	h.mu.Unlock()
	return r
}

// ReadDisk brings the disk of the newest reading up to date, which costs one call of the system; the rest of it stays.
func (h *Host) ReadDisk(ctx context.Context, now time.Time) {
	r := h.ask(ctx, now, []string{"disk"})
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		return
	}
	next := *h.last
	next.Disk = r.Disk
	next.Failed = slices.DeleteFunc(slices.Clone(next.Failed), func(f Failure) bool { return f.Collector == "disk" })
	next.Failed = append(next.Failed, r.Failed...)
	h.last = &next
}

// ask is what some collectors tell within a second.
func (h *Host) ask(ctx context.Context, now time.Time, collectors []string) *Reading {
	r := &Reading{At: now, Host: h.name, Container: h.groups.limited()}
	type told struct {
		name string
		part *Reading
		err  error
	}
	answers := make(chan told, len(collectors))
	asked := 0
	for _, name := range collectors {
		if since, silent := h.begin(name, now); silent {
			r.Failed = append(r.Failed, Failure{name, fmt.Sprintf("it has not answered since %s", since.UTC().Format(time.TimeOnly))})
			continue
		}
		asked++
		go func() {
			part := &Reading{At: now}
			err := h.collect(name, part)
			h.end(name)
			answers <- told{name, part, err}
		}()
	}
	wait := time.NewTimer(collectWait)
	defer wait.Stop()
	for range asked {
		select {
		case a := <-answers:
			if a.err != nil {
				r.Failed = append(r.Failed, Failure{a.name, a.err.Error()})
			}
			r.take(a.part)
			continue
		case <-wait.C:
		case <-ctx.Done():
		}
		break
	}
	for _, name := range collectors {
		if !r.has(name) && !r.failed(name) {
			if since, silent := h.isBusy(name); silent {
				r.Failed = append(r.Failed, Failure{name, fmt.Sprintf("it has not answered since %s", since.UTC().Format(time.TimeOnly))})
			}
		}
	}
	return r
}

// Last is the newest reading, nil if there is none.
func (h *Host) Last() *Reading {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

// begin takes a collector, unless an earlier reading still waits for it.
func (h *Host) begin(name string, now time.Time) (since time.Time, silent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if since, silent = h.busy[name]; !silent {
		h.busy[name] = now
	}
	return since, silent
}

func (h *Host) isBusy(name string) (since time.Time, silent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	since, silent = h.busy[name]
	return since, silent
}

func (h *Host) end(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.busy, name)
}

// take adds what one collector has read.
func (r *Reading) take(p *Reading) {
	switch {
	case p.CPU != nil:
		r.CPU = p.CPU
	case p.Memory != nil:
		r.Memory = p.Memory
	case p.Disk != nil:
		r.Disk = p.Disk
	case p.Load != nil:
		r.Load = p.Load
	case p.Process != nil:
		r.Process = p.Process
	}
}

func (r *Reading) has(collector string) bool {
	switch collector {
	case "cpu":
		return r.CPU != nil
	case "memory":
		return r.Memory != nil
	case "disk":
		return r.Disk != nil
	case "load":
		return r.Load != nil
	}
	return r.Process != nil
}

func (r *Reading) failed(collector string) bool {
	for _, f := range r.Failed {
		if f.Collector == collector {
			return true
		}
	}
	return false
}

// collect runs one collector; a panic is its failure.
func (h *Host) collect(name string, r *Reading) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v", p)
		}
	}()
	if replaced := h.cfg.Collect[name]; replaced != nil {
		return replaced(r)
	}
	switch name {
	case "cpu":
		return h.readCPU(r)
	case "memory":
		return h.readMemory(r)
	case "disk":
		return h.readDisk(r)
	case "load":
		return readLoad(r)
	}
	return h.readProcess(r)
}

// readCPU reads the use of the processors that the process may use: those of its control group if it has a limit,
// else those of the machine.
func (h *Host) readCPU(r *Reading) error {
	if cores, spent, ok := h.groups.cpu(); ok {
		if rate, ok := h.cpu.since(r.At, spent); ok {
			r.CPU = &CPUReading{min(100, 100*rate/cores), cores}
		}
		return nil
	}
	all, err := cpu.Times(false)
	if err != nil {
		return fmt.Errorf("read the times of the processors: %w", err)
	}
	if len(all) == 0 {
		return errors.New("read the times of the processors: the system tells none")
	}
	if r.At.Sub(h.counted) >= countEvery {
		if h.cores, err = cpu.Counts(true); err != nil {
			return fmt.Errorf("count the processors: %w", err)
		}
		h.counted = r.At
	}
	cores := h.cores
	t := all[0] // guest time is part of user time
	if rate, ok := h.cpu.since(r.At, t.User+t.Nice+t.System+t.Irq+t.Softirq+t.Steal); ok {
		r.CPU = &CPUReading{min(100, 100*rate/float64(cores)), float64(cores)}
	}
	return nil
}

func (h *Host) readMemory(r *Reading) error {
	m, err := mem.VirtualMemory()
	if err != nil {
		return fmt.Errorf("read the memory of the machine: %w", err)
	}
	if m.Total == 0 { // what cannot be understood of /proc/meminfo is left out without an error
		return errors.New("read the memory of the machine: the system tells none")
	}
	r.Memory = &MemoryReading{m.Total, m.Available}
	if limit, available, ok := h.groups.memory(); ok && limit < m.Total {
		r.Memory = &MemoryReading{limit, min(available, m.Available)}
	}
	return nil
}

func (h *Host) readDisk(r *Reading) error {
	dir := h.cfg.Data
	if dir == "" {
		dir = "."
	}
	u, err := disk.Usage(dir)
	if err != nil {
		return fmt.Errorf("read how full the disk of %s is: %w", dir, err)
	}
	r.Disk = &DiskReading{dir, u.Total, u.Free, u.UsedPercent}
	return nil
}

func readLoad(r *Reading) error {
	l, err := load.Avg()
	if err != nil {
		return fmt.Errorf("read the load averages: %w", err)
	}
	r.Load = &LoadReading{l.Load1, l.Load5, l.Load15}
	return nil
}

func (h *Host) readProcess(r *Reading) error {
	if h.process == nil {
		p, err := process.NewProcess(int32(os.Getpid()))
		if err != nil {
			return fmt.Errorf("look at this process: %w", err)
		}
		h.process = p
	}
	t, err := h.process.Times()
	if err != nil {
		return fmt.Errorf("read the CPU time of this process: %w", err)
	}
	m, err := h.process.MemoryInfo()
	if err != nil {
		return fmt.Errorf("read the memory of this process: %w", err)
	}
	files, err := h.process.NumFDs()
	if err != nil {
		return fmt.Errorf("count the open files of this process: %w", err)
	}
	rate, _ := h.own.since(r.At, t.User+t.System)
	r.Process = &ProcessReading{100 * rate, m.RSS, files}
	return nil
}
