package store

import (
	"bytes"
	"encoding/binary"
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
	db, _, err := openLocked(s.path)
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

// addSums writes a store of the format before anew, with checksums. A crash leaves either the one or the
// other.
func (s *Store) addSums() error {
	tmp, err := tempName(s.path)
	if err != nil {
		return fmt.Errorf("add checksums to store %s: %w", s.path, err)
	}
	defer os.Remove(tmp)
	if err := s.sumTo(tmp); err != nil {
		return fmt.Errorf("add checksums to store %s: %w", s.path, err)
	}
	if err := s.replaceBy(tmp, "add checksums to"); err != nil {
		return err
	}
	return s.readMeta()
}

func (s *Store) sumTo(path string) error {
	dst, err := bolt.Open(path, fileMode, options())
	if err != nil {
		return err
	}
	err = guard(s.path, func() error {
		return s.db.View(func(from *bolt.Tx) error {
			sums := map[string]*opSum{}
			return from.ForEach(func(name []byte, b *bolt.Bucket) error { return sumBucket(dst, name, b, sums) })
		})
	})
	if err == nil {
		err = dst.Sync()
	}
	return errors.Join(err, dst.Close())
}

// sumBucket copies a bucket, a piece in each transaction; the one of the checkpoint, which comes before the
// operators', again after each of them with their sums.
func sumBucket(dst *bolt.DB, name []byte, b *bolt.Bucket, sums map[string]*opSum) error {
	op, isOp := opOf(name)
	sum := &opSum{}
	if isOp {
		sums[op] = sum
	}
	c := b.Cursor()
	k, v := c.First()
	for done := false; !done; {
		err := dst.Update(func(tx *bolt.Tx) error {
			to, err := tx.CreateBucketIfNotExists(name)
			if err != nil {
				return err
			}
			to.FillPercent = fillPercent
			for size := 0; k != nil && size < compactTxBytes; k, v = c.Next() {
				value := v
				if isOp || bytes.Equal(k, keyEpoch) || bytes.Equal(k, keyCheckpoint) {
					value = seal(name, k, bytes.Clone(v))
				}
				if bytes.Equal(k, keyVersion) && !isOp {
					value = binary.BigEndian.AppendUint32(nil, formatVersion)
				}
				if isOp {
					sum.add(storedSum(value))
				}
				if err := to.Put(k, value); err != nil {
					return err
				}
				size += len(k) + len(value)
			}
			if done = k == nil; done && isOp {
				return writeSums(tx.Bucket(metaBucket), sums)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
