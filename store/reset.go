package store

import (
	"errors"
	"fmt"
	"os"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// Reset drops the checkpoint and all state. The next epoch is 1. It puts an empty file in the place of
// the old one, of which it reads nothing.
func (s *Store) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return fmt.Errorf("reset store %s: %w", s.path, s.failed)
	}
	tmp, err := s.emptyFile()
	if isFull(err) && s.reserve.release() {
		tmp, err = s.emptyFile()
	}
	if err != nil {
		return fmt.Errorf("reset store %s: %w", s.path, err)
	}
	if err := s.replaceBy(tmp, "reset"); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	s.epoch, s.sums = 0, map[string]*opSum{}
	return nil
}

func (s *Store) emptyFile() (string, error) {
	tmp, err := tempName(s.path)
	if err != nil {
		return "", err
	}
	if err := writeEmpty(tmp); err != nil {
		return "", errors.Join(err, os.Remove(tmp))
	}
	return tmp, nil
}

// Renew opens an empty store at cfg.Path, in the place of the one that is there. A file that
// cannot be opened is kept: aside is its new name. Its errors are *InUseError and *FolderError.
func Renew(cfg Config) (s *Store, aside string, err error) {
	s, err = Open(cfg)
	if err == nil {
		if err := s.Reset(); err != nil {
			return nil, "", errors.Join(err, s.Close())
		}
		return s, "", nil
	}
	if !IsDamage(err) {
		return nil, "", err
	}
	if err := checkUnused(cfg.Path); err != nil {
		return nil, "", err
	}
	if aside, err = putAside(cfg.Path); err != nil {
		return nil, "", fmt.Errorf("put the damaged store %s aside: %w", cfg.Path, err)
	}
	s, err = Open(cfg)
	return s, aside, err
}

// IsDamage reports an error of Open that only an empty store mends: the file is damaged, or none that
// this version can read.
func IsDamage(err error) bool {
	var corrupt *CorruptError
	var format *FormatError
	return errors.As(err, &corrupt) || errors.As(err, &format)
}

// checkUnused finds out whether a process has a damaged file open: it is locked before it is read.
func checkUnused(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() || info.Size() == 0 { // bbolt would fill an empty one
		return nil
	}
	err = guard(path, func() error {
		db, err := bolt.Open(path, fileMode, &bolt.Options{Timeout: lockWait, ReadOnly: true})
		if err == nil {
			err = db.Close()
		}
		return err
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return readOwner(path)
	}
	return nil
}

// putAside gives a file a name beside its own that is not in use.
func putAside(path string) (string, error) {
	for n := 1; ; n++ {
		aside := fmt.Sprintf("%s.damaged-%d", path, n)
		if _, err := os.Lstat(aside); err == nil {
			continue
		}
		return aside, os.Rename(path, aside)
	}
}
