package node

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/nagare-stream/nagare/engine"
)

// poisonFile holds the records that made the pipeline panic again and again, and are kept as invalid: the rows behind
// them are numbered without them, in each run that computes them again.
const poisonFile = "poison.json"

type poisoned struct {
	engine.Place
	Reason string
}

// keepPoison makes durable which records are left out, before a row is made without them.
func (n *Node) keepPoison() error {
	if n.cfg.Memory != nil || len(n.defects.poison) == 0 {
		return nil
	}
	var list []poisoned
	for place, reason := range n.defects.poison {
		list = append(list, poisoned{place, reason})
	}
	slices.SortFunc(list, func(a, b poisoned) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	text, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		return fmt.Errorf("write %s: %w", poisonFile, err)
	}
	return keepFile(filepath.Join(n.cfg.Data, poisonFile), text)
}

// loadPoison finds the records that earlier runs have left out, once. Who only looks makes no rows.
func (n *Node) loadPoison() error {
	if n.cfg.Memory != nil || n.cfg.Look || n.defects.count != nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(n.cfg.Data, poisonFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list []poisoned
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return fmt.Errorf("read %s of data folder %s, which names the records that the pipeline leaves out: %w; `nagare checkpoint reset` computes everything anew", poisonFile, n.cfg.Data, err)
	}
	n.defects.count, n.defects.poison = map[engine.Place]int{}, map[engine.Place]string{}
	for _, p := range list {
		n.defects.poison[p.Place] = p.Reason
	}
	return nil
}
