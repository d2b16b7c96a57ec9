package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/store"
)

// notifyKept has how much notifyFile keeps, for who finds that gone.
const notifyKept = "notify.kept"

// findLost says what a folder kept in its notifyFile, where that is gone; "": it is there, or there was none.
func findLost(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, notifyKept))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read how much %s has: %w", notifyFile, err)
	}
	if _, err := os.Stat(filepath.Join(data, notifyFile)); !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	var kept notify.Kept
	what := "how much it had is not known"
	if json.Unmarshal(text, &kept) == nil {
		if what = kept.Lost(time.Now()); what == "" {
			what = "nothing of it would count now"
		}
	}
	return fmt.Sprintf("%s is gone from data folder %s, with silences and what webhooks were told: %s; webhooks are told once more of what fires", notifyFile, data, what), nil
}

// lostNotes is what was gone of silences and of what webhooks were told when the folder was opened; "": nothing.
func (n *Node) lostNotes() string {
	n.telling.mu.Lock()
	defer n.telling.mu.Unlock()
	if n.telling.lost == "" && n.cfg.Look && n.cfg.Memory == nil {
		n.telling.lost, _ = findLost(n.cfg.Data)
	}
	return n.telling.lost
}

// noteKept notes how much is kept. It is information, and not synced: after a power cut it may be an older one.
func (n *Node) noteKept(k notify.Kept) {
	if n.cfg.Look {
		return
	}
	text, err := json.Marshal(k)
	path := filepath.Join(n.cfg.Data, notifyKept)
	if err == nil {
		err = os.WriteFile(path+".new-1", append(text, '\n'), 0o600)
	}
	if err == nil {
		err = os.Rename(path+".new-1", path)
	}
	if err != nil {
		n.log.Warn("how much is kept of silences and webhooks cannot be noted", "error", err)
	}
}

// NotesError says that the notes of what webhooks were told are damaged. A reset, which is the advice of other stores,
// leaves them as they are.
type NotesError struct {
	Path string
	Err  error
}

func (e *NotesError) Error() string {
	reason := e.Err.Error()
	var corrupt *store.CorruptError
	var format *store.FormatError
	switch {
	case errors.As(e.Err, &corrupt):
		reason = "it is damaged: " + corrupt.Reason
	case errors.As(e.Err, &format):
		reason, _, _ = strings.Cut(format.Reason, ";")
	}
	return fmt.Sprintf("read what webhooks were told from %s: %s; %s", e.Path, reason, e.Fix())
}

// Fix is what lets the pipeline run again, and its price.
func (e *NotesError) Fix() string {
	return fmt.Sprintf("run `mv %s %s.damaged` and start again: silences are forgotten, and webhooks are told once more of what fires", e.Path, e.Path)
}

func (e *NotesError) Unwrap() error { return e.Err }
