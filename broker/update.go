package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/nats-io/nats.go/jetstream"
)

// The server writes a stream's description and its checksum as two files, and does not know a stream
// again whose checksum is that of another description: a process that is killed between the two would
// lose the topic. So both are kept under keptFolder/STREAM while an update is under way, and a start
// that finds them there puts them back: the update then never happened, and nobody was told that it had.
const keptFolder = "updating"

func (b *Broker) streamFolder(stream string) string {
	return filepath.Join(b.dir, filepath.FromSlash(streamsFolder), stream)
}

// updateStream changes the settings of a stream. It is durable when it returns nil.
func (b *Broker) updateStream(ctx context.Context, l *link, cfg jetstream.StreamConfig) error {
	kept, err := b.keepDescription(cfg.Name)
	if err != nil {
		return fmt.Errorf("keep the description of %s: %w", placeOf(cfg.Name), err)
	}
	if _, err := l.js.UpdateStream(ctx, cfg); err != nil {
		return err // what is kept stays: it is not known how far the update came
	}
	if kept == "" {
		return nil
	}
	if err := errors.Join(b.know(cfg.Name), os.RemoveAll(kept), syncFolder(filepath.Dir(kept))); err != nil {
		return fmt.Errorf("finish the update of %s: %w", placeOf(cfg.Name), err)
	}
	return nil
}

// keepDescription copies a stream's description and returns where to, "" for a stream without files.
func (b *Broker) keepDescription(stream string) (string, error) {
	kept := filepath.Join(b.dir, keptFolder, stream)
	if _, err := os.Stat(filepath.Join(b.streamFolder(stream), streamMeta)); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if _, err := os.Stat(kept); err == nil {
		return kept, nil // of an update that failed: a start would put that one back
	}
	part := kept + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o700)); err != nil {
		return "", err
	}
	if err := copyDescription(part, b.streamFolder(stream)); err != nil {
		return "", err
	}
	if err := os.Rename(part, kept); err != nil {
		return "", err
	}
	return kept, errors.Join(syncFolder(filepath.Dir(kept)), syncFolder(b.dir))
}

// undoUpdates puts back the descriptions of streams whose update was cut short. The server is not
// running.
func (b *Broker) undoUpdates() error {
	dir := filepath.Join(b.dir, keptFolder)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for updates that were cut short: %w", err)
	}
	for _, e := range entries {
		kept, stream := filepath.Join(dir, e.Name()), b.streamFolder(e.Name())
		if filepath.Ext(e.Name()) != ".part" {
			err = copyDescription(stream, kept)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // the stream was deleted since
		}
		if err = errors.Join(err, os.RemoveAll(kept)); err != nil {
			return fmt.Errorf("put back the description of %s: %w", placeOf(e.Name()), err)
		}
	}
	return syncFolder(dir)
}

// copyDescription replaces the two files in a folder by those in another one.
func copyDescription(to, from string) error {
	for _, name := range []string{streamMeta, streamSum} {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := replaceFile(filepath.Join(to, name), text); err != nil {
			return err
		}
	}
	return syncFolder(to)
}

func replaceFile(path string, text []byte) error {
	f, err := os.OpenFile(path+".kept", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), path)
}

// syncFolder makes the names in a folder durable, where a system can.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
