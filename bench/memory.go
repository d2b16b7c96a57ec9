package bench

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// measureMemory runs over the file in a process of its own and asks the system for its peak.
func (b *bench) measureMemory(ctx context.Context) error {
	if b.Executable == "" {
		return nil
	}
	cmd := exec.CommandContext(ctx, b.Executable, "run", filepath.Join(b.dir, "three"), "--once", "--from", topic+"="+b.file)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", cmd, err, text)
	}
	b.r.PeakBytes = peakBytes(cmd.ProcessState)
	return nil
}
