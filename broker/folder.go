package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Where the server keeps its streams below its folder, and what describes one.
const (
	streamsFolder = "jetstream/$G/streams"
	streamMeta    = "meta.inf"
	streamSum     = "meta.sum" // of streamMeta, written after it
	streamBlocks  = "msgs"
	quarantine    = "quarantine"
)

// streamFolders returns the streams of ours that lie in the server's folder, and whether each has its
// description.
func (b *Broker) streamFolders() (map[string]bool, error) {
	entries, err := os.ReadDir(filepath.Join(b.dir, filepath.FromSlash(streamsFolder)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := make(map[string]bool)
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), streamPrefix) {
			continue
		}
		found[e.Name()] = isDescribed(b.streamFolder(e.Name()))
	}
	return found, nil
}

// isDescribed reports whether a stream has been made whole: the server writes the checksum last, and
// before there is any record.
func isDescribed(stream string) bool {
	if _, err := os.Stat(filepath.Join(stream, streamMeta)); err != nil {
		return false
	}
	if _, err := os.Stat(filepath.Join(stream, streamSum)); !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	blocks, err := os.ReadDir(filepath.Join(stream, streamBlocks))
	for _, e := range blocks {
		if info, err := e.Info(); err != nil || info.Size() > 0 {
			return true // it held records: its checksum was lost, and that is damage
		}
	}
	return err != nil && !errors.Is(err, fs.ErrNotExist)
}

// putAside moves streams without a description out of the server's way: a deletion or a creation was
// cut short. The server would give what they hold to the next stream of that name.
func (b *Broker) putAside() error {
	found, err := b.streamFolders()
	if err != nil {
		return fmt.Errorf("look for streams: %w", err)
	}
	for name, described := range found {
		if described {
			continue
		}
		to, err := b.aside(name)
		if err == nil {
			err = os.Rename(b.streamFolder(name), filepath.Join(to, name))
		}
		if err != nil {
			return fmt.Errorf("put %s aside: %w", placeOf(name), err)
		}
		b.cfg.Logger.Warn("a stream that was being made or deleted was put aside", "stream", name, "folder", to)
	}
	return nil
}

// checkFolders returns a *DamageError for a stream that lies in the folder and that the server did not
// find worth a word: its description is damaged. Made anew, the topic would be empty.
func (b *Broker) checkFolders(listed func(stream string) bool) error {
	found, err := b.streamFolders()
	if err != nil {
		return fmt.Errorf("look for streams: %w", err)
	}
	for name := range found {
		if !listed(name) {
			topic, partition, ok := partitionOf(name)
			if !ok {
				topic = strings.TrimPrefix(name, streamPrefix)
			}
			return &DamageError{Topic: topic, Partition: partition, Reason: fmt.Sprintf("the description of %s cannot be read", placeOf(name))}
		}
	}
	return nil
}
