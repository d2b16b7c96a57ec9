package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/state"
	bolt "go.etcd.io/bbolt"
)

// fillPercent is how full bbolt makes a leaf page that it splits. State is updated in place and
// tables grow at their end, in order: both want fuller pages than bbolt's half.
const fillPercent = 0.8

// Commit makes a checkpoint and the changes that belong to it durable in one transaction; see
// state.Store. Its errors are *EpochError, after which the store can go on, and *FullError,
// *DiskError, *CorruptError and others, which are final.
func (s *Store) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return fmt.Errorf("commit epoch %d to store %s: %w", cp.Epoch, s.path, s.failed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if cp.Epoch != s.epoch+1 {
		return &EpochError{s.epoch, cp.Epoch}
	}
	err := s.commitOnce(cp, d)
	if isFull(err) && s.reserve.release() {
		// Nothing of it is on the disk yet as far as the file's first pages know, so this is no
		// second try of a sync that went wrong.
		err = s.commitOnce(cp, d)
	}
	switch {
	case isFull(err):
		err = &FullError{s.path, err}
	case isDisk(err):
		err = &DiskError{s.path, err}
	}
	if err != nil {
		s.failed = err
		return fmt.Errorf("commit epoch %d to store %s: %w", cp.Epoch, s.path, err)
	}
	s.epoch = cp.Epoch
	s.reserve.restore(cp.Epoch)
	return nil
}

func (s *Store) commitOnce(cp state.Checkpoint, d *state.Delta) error {
	sums := make(map[string]*opSum, len(s.sums)+1)
	for op, sum := range s.sums {
		of := *sum
		sums[op] = &of
	}
	err := guard(s.path, func() error {
		return s.db.Update(func(tx *bolt.Tx) error {
			if d != nil {
				if err := s.apply(tx, d, sums); err != nil {
					return err
				}
			}
			meta := tx.Bucket(metaBucket)
			if err := meta.Put(keyEpoch, seal(metaBucket, keyEpoch, binary.BigEndian.AppendUint64(nil, cp.Epoch))); err != nil {
				return err
			}
			if err := writeSums(meta, sums); err != nil {
				return err
			}
			return meta.Put(keyCheckpoint, seal(metaBucket, keyCheckpoint, cp.Data[:len(cp.Data):len(cp.Data)]))
		})
	})
	if err == nil {
		s.sums = sums
	}
	return err
}

// apply makes the changes, operator by operator.
func (s *Store) apply(tx *bolt.Tx, d *state.Delta, sums map[string]*opSum) error {
	s.sorter.byOp(d.Ops)
	s.values = s.values[:0]
	for _, g := range s.sorter.groups {
		if sums[g.op] == nil {
			sums[g.op] = &opSum{}
		}
		if err := s.applyOp(tx, d.Ops, g, sums[g.op]); err != nil {
			return fmt.Errorf("write operator %q: %w", g.op, err)
		}
	}
	return nil
}

func (s *Store) applyOp(tx *bolt.Tx, ops []state.DeltaOp, g *opGroup, sum *opSum) error {
	name := bucketName(g.op)
	b, err := tx.CreateBucketIfNotExists(name)
	if err != nil {
		return err
	}
	b.FillPercent = fillPercent
	for run := g.at; len(run) > 0; {
		if first := &ops[run[0]]; first.Kind == state.DeletePrefix {
			if b, err = deletePrefix(tx, b, first, sum); err != nil {
				return err
			}
			run = run[1:]
			continue
		}
		n := 0
		for n < len(run) && ops[run[n]].Kind != state.DeletePrefix {
			n++
		}
		if err := s.applyRun(b, name, ops, run[:n], sum); err != nil {
			return err
		}
		run = run[n:]
	}
	return nil
}

// applyRun makes single puts and deletes of one operator: in the order of their keys, so that bbolt
// fills page after page, and of several changes of a key only the last.
func (s *Store) applyRun(b *bolt.Bucket, name []byte, ops []state.DeltaOp, run []int32, sum *opSum) error {
	slices.SortFunc(run, func(i, j int32) int {
		if c := bytes.Compare(ops[i].Key, ops[j].Key); c != 0 {
			return c
		}
		return int(i - j)
	})
	for n, i := range run {
		op := &ops[i]
		if n+1 < len(run) && bytes.Equal(op.Key, ops[run[n+1]].Key) {
			continue
		}
		key := appendKey(s.sorter.key[:0], op.Key)
		s.sorter.key = key
		sum.removeStored(b.Get(key))
		if op.Kind == state.Delete {
			if err := b.Delete(key); err != nil {
				return err
			}
			continue
		}
		value := s.sealed(name, key, op)
		sum.add(storedSum(value))
		if err := b.Put(key, value); err != nil { // copies the key
			return err
		}
	}
	return nil
}

// valuesPiece is how much memory values of a commit get at a time.
const valuesPiece = 256 << 10

// sealed is the stored value of a put, in memory that is valid until the next commit.
func (s *Store) sealed(name, key []byte, op *state.DeltaOp) []byte {
	if size := len(op.Key) + len(op.Value) + 16; cap(s.values)-len(s.values) < size {
		s.values = make([]byte, 0, max(valuesPiece, size)) // bbolt holds what was there before until the commit ends
	}
	at := len(s.values)
	s.values = appendValue(s.values, op.Key, op.Value)
	sum := entrySum(name, key, s.values[at:])
	s.values = binary.LittleEndian.AppendUint32(s.values, sum)
	return s.values[at:len(s.values):len(s.values)]
}

// deletePrefix returns the operator's bucket, which is a new one when all keys went.
func deletePrefix(tx *bolt.Tx, b *bolt.Bucket, op *state.DeltaOp, sum *opSum) (*bolt.Bucket, error) {
	if len(op.Key) == 0 {
		*sum = opSum{}
		if err := tx.DeleteBucket(bucketName(op.Op)); err != nil {
			return nil, err
		}
		b, err := tx.CreateBucket(bucketName(op.Op))
		if err != nil {
			return nil, err
		}
		b.FillPercent = fillPercent
		return b, nil
	}
	var keys [][]byte // copies: a delete may move what a cursor stands on
	w := newWalk(b, bucketName(op.Op), op.Key)
	for {
		key, _, err := w.next()
		if err != nil {
			return nil, err
		}
		if key == nil || bytes.Compare(key, op.Key) > 0 && !bytes.HasPrefix(key, op.Key) {
			break
		}
		if bytes.HasPrefix(key, op.Key) {
			keys = append(keys, appendKey(nil, key))
		}
	}
	for _, k := range keys {
		sum.removeStored(b.Get(k))
		if err := b.Delete(k); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// A sorter groups the changes of a delta by operator. Its memory is used again.
type sorter struct {
	groups []*opGroup
	named  map[string]*opGroup
	key    []byte
}

// opGroup is the places in Delta.Ops of one operator's changes, in order.
type opGroup struct {
	op string
	at []int32
}

func (s *sorter) byOp(ops []state.DeltaOp) {
	if s.named == nil {
		s.named = make(map[string]*opGroup)
	}
	for _, g := range s.groups {
		g.at = g.at[:0]
	}
	s.groups = s.groups[:0]
	var last *opGroup
	for i := range ops {
		if last == nil || last.op != ops[i].Op {
			last = s.group(ops[i].Op)
		}
		last.at = append(last.at, int32(i))
	}
	slices.SortFunc(s.groups, func(a, b *opGroup) int { return strings.Compare(a.op, b.op) })
}

func (s *sorter) group(op string) *opGroup {
	g := s.named[op]
	if g == nil {
		g = &opGroup{op: op}
		s.named[op] = g
	}
	if len(g.at) == 0 {
		s.groups = append(s.groups, g)
	}
	return g
}
