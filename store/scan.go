package store

import (
	"bytes"
	"context"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// A chunk of a scan: what one short transaction reads.
const (
	chunkEntries = 1024
	chunkBytes   = 256 << 10
)

// TablePrefix starts the names of operators whose entries are rows of tables: read by Scan, not
// restored by Load.
const TablePrefix = "table/"

func sortEntries(e []entry) {
	slices.SortFunc(e, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
}

// eachState hands every entry of state to restore, by operator and key. Buckets lie in the order of
// their names.
func eachState(ctx context.Context, tx *bolt.Tx, restore func(op string, key, value []byte) error) error {
	return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		op, ok := opOf(name)
		if !ok || strings.HasPrefix(op, TablePrefix) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		w := newWalk(b, name, nil)
		for {
			key, value, err := w.next()
			if err != nil || key == nil {
				return err
			}
			if err := protect(func() error { return restore(op, key, value) }); err != nil {
				return err
			}
		}
	})
}

// protect marks a panic of a callback as the callback's own; see guard.
func protect(do func() error) error {
	defer func() {
		if r := recover(); r != nil {
			panic(callerPanic{r})
		}
	}()
	return do()
}

// Scan hands the entries of op with from <= key < to to visit; see state.Store. visit runs outside
// of any transaction and may use the store.
func (s *Store) Scan(ctx context.Context, op string, from, to []byte, visit func(key, value []byte) error) error {
	var c chunk
	from = append([]byte(nil), from...)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.reset()
		err := guard(s.path, func() error {
			return s.db.View(func(tx *bolt.Tx) error {
				b := tx.Bucket(bucketName(op))
				if b == nil {
					return nil
				}
				return s.damaged(c.fill(b, bucketName(op), from, to))
			})
		})
		if err != nil {
			return err
		}
		for _, e := range c.entries {
			if err := visit(e.key, e.value); err != nil {
				return err
			}
		}
		if !c.more {
			return nil
		}
		// The smallest key behind the last one.
		from = append(append(from[:0], c.entries[len(c.entries)-1].key...), 0)
	}
}

// A chunk is a copy of some entries.
type chunk struct {
	entries []entry
	buf     []byte
	size    int
	more    bool
}

func (c *chunk) reset() {
	if c.buf == nil {
		c.buf = make([]byte, 0, chunkBytes)
	}
	c.entries, c.buf, c.size, c.more = c.entries[:0], c.buf[:0], 0, false
}

func (c *chunk) fill(b *bolt.Bucket, name, from, to []byte) error {
	w := newWalk(b, name, from)
	for {
		key, value, err := w.next()
		if err != nil || key == nil {
			return err
		}
		if to != nil && bytes.Compare(key, to) >= 0 {
			return nil
		}
		if bytes.Compare(key, from) < 0 {
			continue // a long key that shares its beginning with from
		}
		if len(c.entries) == chunkEntries || c.size >= chunkBytes {
			c.more = true
			return nil
		}
		c.entries = append(c.entries, entry{c.keep(key), c.keep(value)})
		c.size += len(key) + len(value)
	}
}

func (c *chunk) keep(b []byte) []byte {
	if cap(c.buf)-len(c.buf) < len(b) {
		c.buf = make([]byte, 0, max(len(b), chunkBytes)) // older entries keep their memory
	}
	at := len(c.buf)
	c.buf = append(c.buf, b...)
	return c.buf[at:len(c.buf):len(c.buf)]
}
