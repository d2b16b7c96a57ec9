package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/store"
)

// resetFile says that a reset of the folder began. Its first line is "keep" when output topics stay; the
// others are the topics that it removes.
const (
	resetFile  = "reset"
	resetAll   = "all"
	resetKeeps = "keep"
)

// A Loss is what a reset of a data folder forgets.
type Loss struct {
	Summary    engine.Summary
	Open       int64       // rows of open windows
	Unreadable error       // why nothing is known of the checkpoint
	Topics     []LostTopic // those of the folder that are read, emptied or removed, by name
	Uncounted  error       // why their records are not known
}

// A LostTopic is a topic as a reset finds it.
type LostTopic struct {
	Name    string
	Role    string // "source", "output", "table"
	Records int64
	Expired int64 // records that retention has removed
}

// LookAtLoss reads what a reset would forget. It decodes no state: whatever became of the project or
// of the folder's files, it tells what can be told.
func LookAtLoss(ctx context.Context, cfg Config) (l *Loss, err error) {
	cfg.Look = true
	n := &Node{cfg: cfg, log: slog.New(slog.DiscardHandler), trouble: map[string]*trouble{}}
	if n.roles, err = n.resetRoles(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	l = &Loss{}
	switch err := n.openStore(ctx); {
	case store.IsDamage(err):
		l.Unreadable = err
	case err != nil:
		return nil, err
	default:
		l.readCheckpoint(ctx, n.store)
	}
	l.Uncounted = l.readTopics(ctx, n)
	return l, nil
}

// readCheckpoint reads all but the values of the state.
func (l *Loss) readCheckpoint(ctx context.Context, s *store.Store) {
	cp, err := s.Load(ctx, nil)
	if err == nil {
		l.Summary, err = engine.Summarize(cp)
	}
	if err == nil {
		l.Open, err = engine.CountOpen(ctx, s)
	}
	l.Unreadable = err
}

// countTime is how long the topics may take to be counted; nothing depends on it.
const countTime = 10 * time.Second

func (l *Loss) readTopics(ctx context.Context, n *Node) error {
	names, err := broker.TopicsIn(filepath.Join(n.cfg.Data, brokerFolder))
	if err != nil {
		return err
	}
	for _, name := range names {
		if role := n.role(name); role != "other" {
			l.Topics = append(l.Topics, LostTopic{Name: name, Role: role})
		}
	}
	if n.store == nil {
		return l.Unreadable // without the store's lock the server is not started
	}
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	if err := n.openBroker(ctx); err != nil {
		return err
	}
	for i := range l.Topics {
		t := &l.Topics[i]
		info, err := n.broker.Topic(ctx, t.Name)
		if err != nil {
			return err
		}
		for _, p := range info.Parts {
			t.Records += p.Next - p.First
			t.Expired += p.First
		}
	}
	return nil
}

// Reset forgets the checkpoint, the tables and, unless keepOutputs, the records of the output topics
// of a data folder, so that the next run builds all of it anew from the source topics. It decodes
// nothing: the queries may have changed and files may be damaged. Of a store that cannot be opened it
// keeps the file, whose name it returns. Once it has begun it is finished by whoever opens the folder next.
func Reset(ctx context.Context, cfg Config, keepOutputs bool) (aside string, err error) {
	n := &Node{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	if n.cfg.Started.IsZero() {
		n.cfg.Started = time.Now()
	}
	if n.roles, err = n.resetRoles(); err != nil {
		return "", err
	}
	if _, err := checkFolder(cfg.Data, cfg.Project, true); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	// The lock, before anything is noted.
	if err := n.openStore(ctx); err != nil && !store.IsDamage(err) {
		return "", err
	}
	if err := n.noteReset(keepOutputs, nil); err != nil {
		return "", err
	}
	if n.store == nil {
		if n.store, aside, err = store.Renew(n.storeConfig()); err != nil {
			return "", err
		}
		n.onClose(n.store.Close)
	} else if err := n.store.Reset(); err != nil {
		return "", err
	}
	return aside, n.finishReset()
}

// noteReset begins a reset: from now on whoever opens the folder does the rest of it. Further topics go too.
func (n *Node) noteReset(keepOutputs bool, further []string) error {
	names, err := broker.TopicsIn(filepath.Join(n.cfg.Data, brokerFolder))
	if err != nil {
		return err
	}
	note := []string{resetAll}
	if keepOutputs {
		note[0] = resetKeeps
	}
	for _, name := range names {
		if role := n.role(name); role == "table" || role == "output" && !keepOutputs || slices.Contains(further, name) {
			note = append(note, name)
		}
	}
	return writeFile(filepath.Join(n.cfg.Data, resetFile), []byte(strings.Join(note, "\n")+"\n"))
}

// resetRoles is the roles of the project as it is now; what was a table for the queries that made the
// checkpoint goes too.
func (n *Node) resetRoles() (roles, error) {
	r, err := findRoles(n.cfg.Pipeline)
	if err != nil {
		return r, err
	}
	if made, err := Queries(n.cfg.Data); err == nil {
		if old, err := findRoles(made); err == nil {
			for _, name := range old.tables {
				if !slices.Contains(slices.Concat(r.tables, r.sources, r.outputs), name) {
					r.tables = append(r.tables, name)
				}
			}
		}
	}
	return r, nil
}

// isResetting reports a reset that was begun.
func (n *Node) isResetting() bool {
	_, err := os.Stat(filepath.Join(n.cfg.Data, resetFile))
	return err == nil
}

// finishReset does the rest of a reset, if one has begun: openStore has made the store empty. The rows of
// tables and outputs are numbered from 0 again after it, so what has their old numbers goes before
// anything is read or written. The server is not running.
func (n *Node) finishReset() error {
	path := filepath.Join(n.cfg.Data, resetFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finish the reset of data folder %s: %w", n.cfg.Data, err)
	}
	note := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if err := broker.RemoveFiles(filepath.Join(n.cfg.Data, brokerFolder), note[1:]); err != nil {
		return err
	}
	if note[0] != resetKeeps {
		for _, name := range []string{instanceFile, poisonFile} {
			if err := os.Remove(filepath.Join(n.cfg.Data, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return os.Remove(path)
}
