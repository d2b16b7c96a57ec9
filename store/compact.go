package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	bolt "go.etcd.io/bbolt"
)

// compactTxBytes bounds the memory that a compaction takes.
const compactTxBytes = 16 << 20

// wasteful reports that more than half of a file above limit bytes is free.
func (s *Store) wasteful(limit int64) bool {
	info, err := os.Stat(s.path)
	if err != nil || info.Size() <= limit {
		return false
	}
	used := int64(0)
	_ = s.db.View(func(tx *bolt.Tx) error {
		used = tx.Size()
		return nil
	})
	free := int64(s.db.Stats().FreePageN) * int64(s.db.Info().PageSize)
	return free*2 > used
}

// Compact writes the store to a new file without free pages and puts it in the place of the old
// one: bbolt itself never shrinks. A crash leaves either the one or the other. No scan or load may
// run meanwhile.
func (s *Store) Compact() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return fmt.Errorf("compact store %s: %w", s.path, s.failed)
	}
	tmp, err := tempName(s.path)
	if err != nil {
		return fmt.Errorf("compact store %s: %w", s.path, err)
	}
	defer os.Remove(tmp)
	if err := s.copyTo(tmp); err != nil {
		if isFull(err) {
			return nil // it can wait until there is room
		}
		return fmt.Errorf("compact store %s: %w", s.path, err)
	}
	return s.replaceBy(tmp, "compact")
}

// replaceBy puts another file in the place of the store's and opens it. The caller holds the lock.
func (s *Store) replaceBy(tmp, what string) error {
	var err error
	if runtime.GOOS == "windows" { // where an open file cannot be replaced
		err = errors.Join(s.db.Close(), os.Rename(tmp, s.path))
	} else {
		// Renamed while the old file is still locked: whoever waits for it finds, once it has the
		// lock, that the name is another file's.
		err = errors.Join(os.Rename(tmp, s.path), s.db.Close())
	}
	if err == nil {
		err = syncFolder(filepath.Dir(s.path))
	}
	if err != nil {
		s.failed = err
		return fmt.Errorf("%s store %s: %w", what, s.path, err)
	}
	db, err := openLocked(s.path)
	if err != nil {
		s.failed = err
		return err
	}
	s.db = db
	return nil
}

func (s *Store) copyTo(path string) error {
	dst, err := bolt.Open(path, fileMode, options())
	if err != nil {
		return err
	}
	err = guard(s.path, func() error { return bolt.Compact(dst, s.db, compactTxBytes) })
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}
