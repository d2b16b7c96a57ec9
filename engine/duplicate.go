package engine

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/dedup"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/engine/window"
)

// Duplicates of a topic (nagare.topic.<name>.dedup): of the records of a partition that have the same id,
// only the first counts. The others are found when they are decoded, before any watermark or operator
// sees them, and are kept in TOPIC$invalid.
//
// A record whose event time no operator can use is not remembered: the same event may come again with a
// better time, or when its time has come.

// A duplicates finds them on one partition.
type duplicates struct {
	id      *dataflow.IDColumn
	seen    *dedup.Set
	found   []uint32 // of the step
	isFound []bool   // by row of the step
}

// idOp is the name of what a checkpoint keeps of a topic's ids.
func idOp(topic string) string { return "ids/" + topic }

// addDuplicates has a task look for duplicates, if its topic's are wanted.
func (t *task) addDuplicates() {
	for _, id := range t.flow.IDs {
		if id.Topic == t.topic {
			t.duplicates = &duplicates{id: id, seen: dedup.New(id.Config.DedupHorizon)}
		}
	}
}

// step takes duplicates out of the rows that the scan offers.
func (d *duplicates) step(t *task) {
	s := t.scan
	d.found = d.found[:0]
	ids := &s.batch.Cols[d.id.Index]
	for i := range s.batch.Len {
		d.seen.Advance(s.appended[i])
		if s.status[i].Reason == codec.OK && !ids.IsNull(i) && t.usable(uint32(i)) && d.seen.Add(ids.Bytes(i)) {
			d.found = append(d.found, uint32(i))
		}
	}
	if len(d.found) == 0 {
		return
	}
	d.isFound = grow(d.isFound, s.batch.Len)
	clear(d.isFound)
	for _, r := range d.found {
		d.isFound[r] = true
		t.refuse(r, "duplicate", d.reason(ids.Bytes(int(r))))
	}
	s.all, s.valid = d.others(s.all), d.others(s.valid)
}

// others removes the duplicates from rows.
func (d *duplicates) others(rows []uint32) []uint32 {
	kept := rows[:0]
	for _, r := range rows {
		if !d.isFound[r] {
			kept = append(kept, r)
		}
	}
	return kept
}

// mostShownID is how much of an id is shown.
const mostShownID = 100

func (d *duplicates) reason(id []byte) string {
	if len(id) > mostShownID {
		id = id[:mostShownID]
	}
	return fmt.Sprintf("%s %q was in a record before", d.id.Config.Dedup, id)
}

// usable reports whether some operator of the task's topic can use a row's event time, or needs none.
func (t *task) usable(r uint32) bool {
	if t.timeless {
		return true
	}
	for _, m := range t.marks {
		if m.lane != dataflow.NoLane && m.group.Made { // the times are not known before rows are made: the record is remembered
			return true
		}
		if m.lane != dataflow.NoLane && m.tracker.Judge(&t.scan.batch.Cols[m.group.TimeColumn], int(r), t.scan.appended[r]) == window.OK {
			return true
		}
	}
	return false
}

// cutIDs writes the ids that are new since the last checkpoint, and removes those that were forgotten.
func (t *task) cutIDs(d *state.Delta) {
	if t.duplicates == nil {
		return
	}
	op := idOp(t.topic)
	var scratch []byte
	key := func(rest []byte) []byte {
		scratch = append(binary.BigEndian.AppendUint32(scratch[:0], uint32(t.partition)), rest...)
		return scratch
	}
	t.duplicates.seen.Cut(
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
		if t.topic == topic && t.partition == partition && t.duplicates != nil {
			if err := t.duplicates.seen.Restore(key[4:], value); err != nil {
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
		if t.duplicates != nil {
			rows += t.duplicates.seen.Len()
			bytes += t.duplicates.seen.Size()
		}
	}
	return rows, bytes
}

// remembersFrom is from when on records have to be read, so that duplicates of those appended at since
// or later are known.
func (t *task) remembersFrom(since int64) int64 {
	if t.duplicates == nil {
		return since
	}
	return max(since, math.MinInt64+t.duplicates.id.Config.DedupHorizon) - t.duplicates.id.Config.DedupHorizon
}
