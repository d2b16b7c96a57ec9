package node

import (
	"bytes"
	"context"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/mem"

	"github.com/nagare-stream/nagare/engine/batch"
)

// What queries may take beside their memory and time.
const (
	queriesRunning = 4
	queriesWaiting = 200
)

// openBudget makes the budget of the queries of this process.
func (n *Node) openBudget() {
	c := n.cfg.Pipeline.Config
	memory := c.QueryMemory
	if memory == 0 {
		memory = processMemory() / 4
	}
	n.queries = batch.NewBudget(batch.Limits{
		Memory:  memory,
		Running: queriesRunning,
		Working: max(1, runtime.NumCPU()/2), // the other processors are the pipeline's
		Waiting: queriesWaiting,
		Timeout: time.Duration(c.QueryTimeout) * time.Microsecond,
		Clock:   func() int64 { return int64(time.Since(n.cfg.Started)) },
		Share:   n.intake.share,
	})
}

// leastMemory is what is taken for the memory of the machine where it cannot be told, or where a limit is so
// small that a quarter of it would do for nothing.
const leastMemory = 256 << 20

// processMemory is how much memory this process can have: that of the machine, or a limit that is smaller.
func processMemory() int64 {
	least := int64(math.MaxInt64)
	if m, err := mem.VirtualMemory(); err == nil && m.Total > 0 {
		least = int64(m.Total)
	} else {
		least = 4 << 30
	}
	least = min(least, debug.SetMemoryLimit(-1)) // GOMEMLIMIT
	if text, err := os.ReadFile("/proc/self/limits"); err == nil {
		least = min(least, limitOfProcess(text))
	}
	if text, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		least = min(least, limitOfCgroup(os.DirFS("/sys/fs/cgroup").Open, text))
	}
	return max(least, leastMemory)
}

// limitOfProcess reads what ulimit has set, of addresses and of data, from /proc/self/limits.
func limitOfProcess(text []byte) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(text)) {
		for _, name := range []string{"Max address space", "Max data size"} {
			rest, ok := strings.CutPrefix(line, name)
			if fields := strings.Fields(rest); ok && len(fields) > 0 {
				least = min(least, limitText(fields[0]))
			}
		}
	}
	return least
}

// limitOfCgroup is the smallest limit of the process's control group and those around it, of version 2 and 1.
func limitOfCgroup(open func(string) (fs.File, error), groups []byte) int64 {
	least := int64(math.MaxInt64)
	read := func(path string) {
		f, err := open(path)
		if err != nil {
			return
		}
		defer f.Close()
		text, _ := io.ReadAll(io.LimitReader(f, 64))
		least = min(least, limitText(string(bytes.TrimSpace(text))))
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // 0::/a/b, or 4:memory:/a/b
		if len(parts) != 3 {
			continue
		}
		root, file := "", "memory.max"
		switch {
		case strings.Contains(","+parts[1]+",", ",memory,"):
			root, file = "memory", "memory.limit_in_bytes"
		case parts[1] != "":
			continue
		}
		for dir := strings.Trim(parts[2], "/"); ; dir = filepath.Dir(dir) {
			if dir == "." {
				dir = ""
			}
			read(strings.TrimPrefix(filepath.ToSlash(filepath.Join(root, dir, file)), "/"))
			if dir == "" {
				break
			}
		}
	}
	return least
}

// limitText is a limit as the kernel writes it; a word stands for none.
func limitText(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 {
		return math.MaxInt64
	}
	return n
}

// askedWriter writes the rows of a query to whoever asked, while another query computes.
type askedWriter struct {
	ctx context.Context
	w   io.Writer
}

// Write implements io.Writer.
func (a askedWriter) Write(p []byte) (n int, err error) {
	err = batch.Aside(a.ctx, func() error {
		n, err = a.w.Write(p)
		return err
	})
	return n, err
}
