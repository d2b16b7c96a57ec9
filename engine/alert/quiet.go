package alert

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A breach is quiet when it can be no row that a change of state shows, whatever else comes: its incident fires, has five
// breaches before it, and five more are known behind it before the incident could end. Of a quiet breach all that matters
// is that it was, and when. Breaches become quiet at a cut, so that a checkpoint does not write thousands of rows which
// nobody is ever shown; Current, which tells what is at a moment between two changes, has none of them.

// settle makes breaches that wait quiet, as far as they are.
func (x *Incidents) settle() {
	if len(x.waiting) == 0 {
		return
	}
	waiting := map[*incident][]*Breach{}
	for _, w := range x.waiting {
		if in := x.keys[w.Key]; in != nil && in.firedAt != None {
			waiting[in] = append(waiting[in], w.Breach)
		}
	}
	found := false
	for in, list := range waiting {
		found = x.settleOne(in, list) || found
	}
	if !found {
		return
	}
	x.waiting = slices.DeleteFunc(x.waiting, func(w waitingBreach) bool { return w.gone })
	x.waiting.order()
}

// settleOne does so for the breaches of one incident, and reports whether there were such.
func (x *Incidents) settleOne(in *incident, list []*Breach) bool {
	if len(list) <= MostEvidence/2 {
		return false
	}
	slices.SortFunc(list, compareBreaches)
	last, q, goesOn := in.last, 0, 0 // goesOn: how many of the list are surely of this incident
	for _, b := range list {
		for ; q < len(in.quiet) && in.quiet[q] <= b.Time; q++ {
			last = in.quiet[q]
		}
		if b.Time-last > x.rule.Interval {
			break
		}
		last = b.Time
		goesOn++
	}
	first := MostEvidence/2 - int(min(in.breaches, MostEvidence/2)) // the next ones are shown
	if goesOn-MostEvidence/2 <= first {
		return false
	}
	for _, b := range list[first : goesOn-MostEvidence/2] {
		in.quiet = append(in.quiet, b.Time)
		x.letGo(b)
	}
	slices.Sort(in.quiet)
	x.touch(list[0].Key)
	in.touched = true
	return true
}

// passQuiet counts the quiet breaches of an incident up to a time and has it end as much later, and reports whether there
// were such.
func (x *Incidents) passQuiet(key string, in *incident, to int64) bool {
	n := 0
	for n < len(in.quiet) && in.quiet[n] <= to {
		n++
	}
	if n == 0 {
		return false
	}
	in.breaches += int64(n)
	in.last = max(in.last, in.quiet[n-1])
	in.quiet = slices.Delete(in.quiet, 0, n)
	if !in.touched {
		in.touched = true
		x.touch(key)
	}
	x.schedule(key, in)
	return true
}

// quietMark begins the key of the entry with the times of an incident's quiet breaches; behind it is the incident's.
const quietMark = '$'

// cutQuiet puts the entry of an incident's quiet breaches, or removes it.
func (x *Incidents) cutQuiet(key string, in *incident, put func(key, value []byte), remove func(key []byte)) {
	entry := append([]byte{quietMark}, key...)
	if in == nil || len(in.quiet) == 0 {
		if x.quietKept[key] {
			remove(entry)
			delete(x.quietKept, key)
		}
		return
	}
	x.text = x.text[:0]
	before := int64(0)
	for _, at := range in.quiet {
		x.text = binary.AppendVarint(x.text, at-before)
		before = at
	}
	put(entry, x.text)
	x.quietKept[key] = true
}

// restoreQuiet reads what cutQuiet wrote.
func (x *Incidents) restoreQuiet(key string, src []byte) error {
	var times []int64
	for before := int64(0); len(src) > 0; {
		n, size := binary.Varint(src)
		if size <= 0 {
			return fmt.Errorf("restore alert %s, quiet breaches of key %s: the entry is cut off", x.rule.Name, key)
		}
		before += n
		times, src = append(times, before), src[size:]
	}
	x.restoredQuiet[key] = times
	x.quietKept[key] = true
	return nil
}
