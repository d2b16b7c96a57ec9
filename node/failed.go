package node

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// failedFile holds why the last run ended by itself, until the next run begins.
const failedFile = "failed.txt"

const mostFailed = 4 << 10 // bytes of it that are shown

// keepFailure notes why this run ends by itself. It is not synced: a disk that failed takes no sync any more, and what it
// says helps whoever looks next, and no more than that.
func (n *Node) keepFailure(err error) {
	if n.cfg.Memory != nil || err == nil {
		return
	}
	if err := os.WriteFile(filepath.Join(n.cfg.Data, failedFile), []byte(err.Error()+"\n"), 0o600); err != nil {
		n.log.Warn("why the run ended cannot be noted in the data folder", "error", err)
	}
}

// forgetFailure is for a run that begins.
func (n *Node) forgetFailure() {
	if n.cfg.Memory == nil {
		_ = os.Remove(filepath.Join(n.cfg.Data, failedFile))
	}
}

// lastFailure is why the last run on a data folder ended by itself, "" if it was stopped.
func lastFailure(data string) string {
	f, err := os.Open(filepath.Join(data, failedFile))
	if err != nil {
		return ""
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostFailed))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(text), "?"))
}
