//go:build unix

package bench

import (
	"os"
	"runtime"
	"syscall"
)

// peakBytes is the most memory that a process had resident.
func peakBytes(p *os.ProcessState) int64 {
	usage, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss)
	}
	return int64(usage.Maxrss) << 10 // others count kilobytes
}
