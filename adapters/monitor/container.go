package monitor

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// A container is the control groups (version 2) that bound this process: its own and those around it, as far as they
// can be seen. Each has limits of its own, and what others in a group use counts against them.
type container struct {
	dirs []string // from the process's own to the outermost
}

// newContainer finds the groups of this process below root. Without any, nothing is bounded.
func newContainer(root string) container {
	if root == "" {
		root = "/"
	}
	text, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return container{}
	}
	var c container
	top := filepath.Join(root, "sys/fs/cgroup")
	for line := range strings.Lines(string(text)) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		// A path with .. is of a group outside what the process can see: it sees its own as the root.
		if path = filepath.Clean("/" + path); strings.Contains(line, "/..") {
			path = "/"
		}
		for {
			dir := filepath.Join(top, path)
			if _, err := os.Stat(filepath.Join(dir, "cgroup.controllers")); err == nil {
				c.dirs = append(c.dirs, dir)
			}
			if path == "/" {
				break
			}
			path = filepath.Dir(path)
		}
	}
	return c
}

// limited reports whether a limit of CPU or memory is in force.
func (c container) limited() bool {
	_, _, cpu := c.cpu()
	_, _, memory := c.memory()
	return cpu || memory
}

// cpu is how many cores the tightest group may use, and how many seconds of CPU it has used; false without a limit.
// A set of processors is a limit, too.
func (c container) cpu() (cores, spent float64, ok bool) {
	for _, dir := range c.dirs {
		limit := quota(dir)
		if set := countSet(readWord(dir, "cpuset.cpus.effective")); set > 0 && !c.isOutermost(dir) {
			limit = min(limit, float64(set))
		}
		used, known := readField(dir, "cpu.stat", "usage_usec")
		if math.IsInf(limit, 1) || !known || ok && limit >= cores {
			continue
		}
		cores, spent, ok = limit, float64(used)/1e6, true
	}
	return cores, spent, ok
}

// isOutermost reports the root of all that is seen: on a machine itself its set of processors is all there are.
func (c container) isOutermost(dir string) bool {
	return len(c.dirs) > 1 && dir == c.dirs[len(c.dirs)-1]
}

// quota is the cores that a group's cpu.max allows, +Inf for no limit.
func quota(dir string) float64 {
	fields := strings.Fields(readWord(dir, "cpu.max"))
	if len(fields) != 2 {
		return math.Inf(1)
	}
	most, err := strconv.ParseFloat(fields[0], 64)
	period, err2 := strconv.ParseFloat(fields[1], 64)
	if err != nil || err2 != nil || most <= 0 || period <= 0 { // "max" among others
		return math.Inf(1)
	}
	return most / period
}

// countSet counts the processors in a list as 0-3,7.
func countSet(list string) int {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		if err != nil {
			return 0
		}
		to := from
		if isRange {
			if to, err = strconv.Atoi(last); err != nil || to < from {
				return 0
			}
		}
		n += to - from + 1
	}
	return n
}

// memory is the limit of the group with the least room, and that room, in bytes; false without a limit. What files
// that nobody has used lately take in memory is room: the kernel gives it up before it refuses any.
func (c container) memory() (limit, available uint64, ok bool) {
	for _, dir := range c.dirs {
		most, err := strconv.ParseUint(readWord(dir, "memory.max"), 10, 64)
		if err != nil {
			continue // "max", or there is none
		}
		used, err := strconv.ParseUint(readWord(dir, "memory.current"), 10, 64)
		if err != nil {
			continue
		}
		if files, known := readField(dir, "memory.stat", "inactive_file"); known {
			used -= min(files, used)
		}
		room := most - min(used, most)
		if !ok || room < available {
			limit, available, ok = most, room, true
		}
	}
	return limit, available, ok
}

// readWord is the text of a file of a group without blanks around it, "" if there is none.
func readWord(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text))
}

// readField is a number of a file whose lines are a name and a number.
func readField(dir, file, name string) (uint64, bool) {
	for line := range strings.Lines(readWord(dir, file)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == name {
			n, err := strconv.ParseUint(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
