package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	bolt "go.etcd.io/bbolt"
)

// A stored key is at most bolt.MaxKeySize (32,768) bytes; see the drawing in doc.go.
const (
	keyMark     = 0x01
	longKeyHead = 32000
	maxShortKey = longKeyHead // a stored key longer than 1+maxShortKey is a long one
	longKeySize = 1 + longKeyHead + sha256.Size
)

const opPrefix = "op:"

func bucketName(op string) []byte { return append([]byte(opPrefix), op...) }

func opOf(bucket []byte) (string, bool) {
	if !bytes.HasPrefix(bucket, []byte(opPrefix)) {
		return "", false
	}
	return string(bucket[len(opPrefix):]), true
}

// appendKey appends the stored form of key.
func appendKey(dst, key []byte) []byte {
	dst = append(dst, keyMark)
	if len(key) <= maxShortKey {
		return append(dst, key...)
	}
	dst = append(dst, key[:longKeyHead]...)
	sum := sha256.Sum256(key)
	return append(dst, sum[:]...)
}

// appendValue appends the stored form of the value of key.
func appendValue(dst, key, value []byte) []byte {
	if len(key) > maxShortKey {
		dst = binary.AppendUvarint(dst, uint64(len(key)))
		dst = append(dst, key...)
	}
	return append(dst, value...)
}

var errLongKey = errors.New("an entry with a long key is cut off")

// splitEntry returns the key and value of a stored entry. They are parts of k and v.
func splitEntry(k, v []byte) (key, value []byte, err error) {
	if len(k) != longKeySize {
		return k[1:], v, nil
	}
	n, w := binary.Uvarint(v)
	if w <= 0 || n > uint64(len(v)-w) {
		return nil, nil, errLongKey
	}
	v = v[w:]
	return v[:n:n], v[n:], nil
}

// seekKey returns a stored key from which a cursor meets every entry whose key is >= from.
func seekKey(from []byte) []byte {
	return append([]byte{keyMark}, from[:min(len(from), longKeyHead)]...)
}

// A walk goes over the entries of a bucket in the order of their keys. Long keys that share their
// first 32,000 bytes lie in the order of their hashes, so each such run is gathered and sorted.
type walk struct {
	name []byte // of the bucket
	c    *bolt.Cursor
	k, v []byte // what the cursor stands on
	run  []entry
}

type entry struct{ key, value []byte }

func newWalk(b *bolt.Bucket, name, from []byte) *walk {
	w := &walk{name: name, c: b.Cursor()}
	if len(from) == 0 {
		w.k, w.v = w.c.First()
	} else {
		w.k, w.v = w.c.Seek(seekKey(from))
	}
	return w
}

// next returns the next entry, or a nil key at the end. An empty key is not nil.
func (w *walk) next() (key, value []byte, err error) {
	if len(w.run) == 0 && len(w.k) == longKeySize {
		if err := w.gather(); err != nil {
			return nil, nil, err
		}
	}
	if len(w.run) > 0 {
		e := w.run[0]
		w.run = w.run[1:]
		return e.key, e.value, nil
	}
	if w.k == nil {
		return nil, nil, nil
	}
	key, value, err = w.entry()
	w.k, w.v = w.c.Next()
	return key, value, err
}

// entry is what the cursor stands on, if its checksum is right.
func (w *walk) entry() (key, value []byte, err error) {
	v, err := unseal(w.name, w.k, w.v)
	if err != nil {
		return nil, nil, err
	}
	return splitEntry(w.k, v)
}

func (w *walk) gather() error {
	head := w.k[:1+longKeyHead]
	w.run = w.run[:0]
	for len(w.k) == longKeySize && bytes.Equal(w.k[:1+longKeyHead], head) {
		key, value, err := w.entry()
		if err != nil {
			return err
		}
		w.run = append(w.run, entry{key, value})
		w.k, w.v = w.c.Next()
	}
	sortEntries(w.run)
	return nil
}
