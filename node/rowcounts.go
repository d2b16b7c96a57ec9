package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/nagare-stream/nagare/adapters/notify"
)

// rowCountsFile has how many rows each webhook took and refused, for who looks after a restart.
const rowCountsFile = "webhooks.json"

// rowCounts is its content.
type rowCounts struct {
	mu    sync.Mutex
	read  bool
	sinks map[string]notify.RowCounts
}

// keptCounts is the form of the file; see checksumOf.
type keptCounts struct {
	Sinks    map[string]notify.RowCounts `json:"sinks"`
	Checksum string                      `json:"checksum"`
}

// countRows has a sink go on counting where an earlier process ended.
func (n *Node) countRows(name string, sink *notify.RowSink) error {
	c := &n.rowCounts
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.read {
		var damage string
		var err error
		if c.sinks, damage, err = readRowCounts(n.cfg.Data); err != nil {
			return err
		}
		if damage != "" {
			n.notices = append(n.notices, fmt.Sprintf("%s is damaged (%s): what webhooks took and refused of rows is counted from 0 on", rowCountsFile, damage))
		}
		c.read = true
	}
	sink.Count(c.sinks[name], func(counts notify.RowCounts) { n.noteRows(name, counts) })
	return nil
}

// readRowCounts reads what a folder knows, or how its file is damaged. It always returns a map.
func readRowCounts(data string) (sinks map[string]notify.RowCounts, damage string, err error) {
	none := map[string]notify.RowCounts{}
	text, err := os.ReadFile(filepath.Join(data, rowCountsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return none, "", nil
	}
	if err != nil {
		return none, "", fmt.Errorf("read how many rows webhooks took: %w", err)
	}
	var kept keptCounts
	if err := json.Unmarshal(text, &kept); err != nil {
		return none, err.Error(), nil
	}
	if kept.Sinks == nil || kept.Checksum == "" || kept.Checksum != checksumOf(text, kept.Checksum) {
		return none, "its checksum is another one", nil
	}
	return kept.Sinks, "", nil
}

// noteRows writes the counts with those of a sink. They are information and not synced: a kill loses none, and after a
// power cut they may be older ones.
func (n *Node) noteRows(name string, counts notify.RowCounts) {
	c := &n.rowCounts
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sinks[name] = counts
	text, err := withChecksum(keptCounts{c.sinks, noChecksum})
	if err != nil {
		return // counts are numbers and texts
	}
	path := filepath.Join(n.cfg.Data, rowCountsFile)
	if err = os.WriteFile(path+".new-1", text, 0o600); err == nil {
		err = os.Rename(path+".new-1", path)
	}
	if err != nil && !n.troubled("broker") { // a disk that is full is told there
		n.log.Warn("how many rows webhooks took cannot be noted", "sink", name, "error", err)
	}
}
