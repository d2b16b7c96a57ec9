package scan

import (
	"fmt"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/dataflow"
	"github.com/nagare-stream/nagare/engine/dedup"
)

// Duplicates of a topic (nagare.topic.<name>.dedup): of the records of a partition that have the same id,
// only the first counts. The others are found when they are decoded, before any watermark or operator
// sees them, and are kept in TOPIC$invalid.
//
// A record whose event time no operator can use is not remembered: the same event may come again with a
// better time, or when its time has come.

// A Duplicates finds them on one partition.
type Duplicates struct {
	ID      *dataflow.IDColumn
	Seen    *dedup.Set
	Found   []uint32 // of the step
	isFound []bool   // by row of the step
}

// Step takes duplicates out of the rows that the scan offers.
func (d *Duplicates) Step(t *Step) {
	s := t.Scan
	d.Found = d.Found[:0]
	ids := &s.Batch.Cols[d.ID.Index]
	for i := range s.Batch.Len {
		d.Seen.Advance(s.Appended[i])
		if s.Status[i].Reason == codec.OK && !ids.IsNull(i) && t.usable(uint32(i)) && d.Seen.Add(ids.Bytes(i)) {
			d.Found = append(d.Found, uint32(i))
		}
	}
	if len(d.Found) == 0 {
		return
	}
	d.isFound = column.Sized(d.isFound, s.Batch.Len)
	clear(d.isFound)
	for _, r := range d.Found {
		d.isFound[r] = true
		t.Refuse(r, "duplicate", d.Reason(ids.Bytes(int(r))))
	}
	s.All, s.Valid = d.others(s.All), d.others(s.Valid)
}

// others removes the duplicates from rows.
func (d *Duplicates) others(rows []uint32) []uint32 {
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

// Reason tells of a duplicate by its id.
func (d *Duplicates) Reason(id []byte) string {
	if len(id) > mostShownID {
		id = id[:mostShownID]
	}
	return fmt.Sprintf("%s %q was in a record before", d.ID.Config.Dedup, id)
}
