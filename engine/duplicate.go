package engine

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/dedup"
	"github.com/nagare-stream/nagare/engine/scan"
	"github.com/nagare-stream/nagare/engine/state"
)

// idOp is the name of what a checkpoint keeps of a topic's ids.
func idOp(topic string) string { return "ids/" + topic }

// addDuplicates has a task look for duplicates, if its topic's are wanted.
func (t *task) addDuplicates() {
	for _, id := range t.flow.IDs {
		if id.Topic == t.topic {
			t.Duplicates = &scan.Duplicates{ID: id, Seen: dedup.New(id.Config.DedupHorizon)}
		}
	}
}

// cutIDs writes the ids that are new since the last checkpoint, and removes those that were forgotten.
func (t *task) cutIDs(d *state.Delta) {
	if t.Duplicates == nil {
		return
	}
	op := idOp(t.topic)
	var scratch []byte
	key := func(rest []byte) []byte {
		scratch = append(binary.BigEndian.AppendUint32(scratch[:0], uint32(t.partition)), rest...)
		return scratch
	}
	t.Duplicates.Seen.Cut(
		func(rest, value []byte) { d.Put(op, key(rest), value) },
		func(prefix []byte) { d.DeletePrefix(op, key(prefix)) })
}

// restoreIDs puts back what cutIDs wrote.
func (e *Engine) restoreIDs(topic string, key, value []byte) error {
	if len(key) < 4 {
		return fmt.Errorf("restore ids of %s: a key of %d bytes", topic, len(key))
	}
	partition := int32(binary.BigEndian.Uint32(key))
	for _, t := range e.tasks {
		if t.topic == topic && t.partition == partition && t.Duplicates != nil {
			if err := t.Duplicates.Seen.Restore(key[4:], value); err != nil {
				return fmt.Errorf("restore ids of %s partition %d: %w", topic, partition, err)
			}
			return nil
		}
	}
	return fmt.Errorf("restore ids of %s: it has no partition %d", topic, partition)
}

// idRows is how many ids are remembered, and the bytes that they take. The gate is held.
func (e *Engine) idRows() (rows, bytes int64) {
	for _, t := range e.tasks {
		if t.Duplicates != nil {
			rows += t.Duplicates.Seen.Len()
			bytes += t.Duplicates.Seen.Size()
		}
	}
	return rows, bytes
}

// remembersFrom is from when on records have to be read, so that duplicates of those appended at since
// or later are known.
func (t *task) remembersFrom(since int64) int64 {
	if t.Duplicates == nil {
		return since
	}
	return max(since, math.MinInt64+t.Duplicates.ID.Config.DedupHorizon) - t.Duplicates.ID.Config.DedupHorizon
}
