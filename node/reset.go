package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// resetFile says that a reset of the folder began. Its text is "keep" when output topics stay.
const resetFile = "reset"

// Reset forgets the checkpoint, the tables and, unless keepOutputs, the records of the output topics
// of a data folder, so that the next run builds all of it anew from the source topics. Once it has
// begun it is finished by whoever opens the folder next.
func Reset(ctx context.Context, cfg Config, keepOutputs bool) (err error) {
	n := &Node{cfg: cfg, log: slog.New(slog.DiscardHandler)}
	if n.cfg.Started.IsZero() {
		n.cfg.Started = time.Now()
	}
	if n.roles, err = findRoles(cfg.Pipeline); err != nil {
		return err
	}
	if _, err := checkFolder(cfg.Data, cfg.Project, true); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	if err := n.openStore(); err != nil {
		return err
	}
	if err := n.openBroker(ctx); err != nil {
		return err
	}
	text := "all\n"
	if keepOutputs {
		text = "keep\n"
	}
	if err := writeFile(filepath.Join(cfg.Data, resetFile), []byte(text)); err != nil {
		return err
	}
	return n.finishReset(ctx)
}

// finishReset does what a reset does, if one has begun. The rows of tables and outputs are numbered
// from 0 again after it, so what has their old numbers goes first.
func (n *Node) finishReset(ctx context.Context) error {
	path := filepath.Join(n.cfg.Data, resetFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("finish the reset of data folder %s: %w", n.cfg.Data, err)
	}
	topics, err := n.broker.Topics(ctx)
	if err != nil {
		return err
	}
	for _, t := range topics {
		role := n.role(t.Name)
		if role == "table" || role == "output" && string(text) != "keep\n" {
			if err := n.broker.DeleteTopic(ctx, t.Name); err != nil {
				return err
			}
		}
	}
	if string(text) != "keep\n" {
		if err := os.Remove(filepath.Join(n.cfg.Data, instanceFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := n.store.Reset(); err != nil {
		return err
	}
	return os.Remove(path)
}
