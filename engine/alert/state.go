package alert

import (
	"bytes"
	"container/heap"
	"encoding/json"
	"fmt"
	"slices"
)

// saved is a key's entry in a checkpoint.
type saved struct {
	ActiveAt    Time       `json:"activeAt"`
	FiredAt     Time       `json:"firedAt"`
	Last        Time       `json:"last"`
	Breaches    int64      `json:"breaches,omitempty"` // 0: no incident yet
	Severity    string     `json:"severity,omitempty"`
	Summary     string     `json:"summary,omitempty"`
	Description string     `json:"description,omitempty"`
	Evidence    []Evidence `json:"evidence,omitempty"`
	Waiting     []saving   `json:"waiting,omitempty"`
}

// saving is a breach that waits for the watermark.
type saving struct {
	Time        Time     `json:"time"`
	Severity    string   `json:"severity,omitempty"`
	Summary     string   `json:"summary,omitempty"`
	Description string   `json:"description,omitempty"`
	Evidence    Evidence `json:"evidence"`
}

// Cut hands each key that changed since the last cut to put, with what Restore reads, or to remove where nothing is
// known of it any more. Keys come in order.
func (x *Incidents) Cut(put func(key, value []byte), remove func(key []byte)) {
	if len(x.dirty) == 0 {
		return
	}
	slices.Sort(x.dirty)
	wait := map[string][]saving{}
	for _, b := range x.waiting {
		if x.marked[b.Key] {
			wait[b.Key] = append(wait[b.Key], saving{Time(b.Time), b.Severity, b.Summary, b.Description, b.Evidence})
		}
	}
	for _, key := range x.dirty {
		in := x.keys[key]
		if in == nil && len(wait[key]) == 0 {
			remove([]byte(key))
			continue
		}
		s := saved{ActiveAt: None, FiredAt: None, Last: None, Waiting: wait[key]}
		if in != nil {
			s = saved{in.activeAt, in.firedAt, Time(in.last), in.breaches, in.severity, in.summary, in.description, in.evidence, wait[key]}
		}
		put([]byte(key), encode(s))
	}
	x.dirty = x.dirty[:0]
	clear(x.marked)
}

// Restore puts a key back as Cut wrote it.
func (x *Incidents) Restore(key, value []byte) error {
	var s saved
	if err := json.Unmarshal(value, &s); err != nil {
		return fmt.Errorf("restore alert %s, key %s: %w", x.rule.Name, key, err)
	}
	var values []*string
	if err := json.Unmarshal(key, &values); err != nil || len(values) != len(x.rule.Labels) {
		return fmt.Errorf("restore alert %s: key %q is no array of %d values", x.rule.Name, key, len(x.rule.Labels))
	}
	for _, w := range s.Waiting {
		heap.Push(&x.waiting, Breach{int64(w.Time), string(key), w.Severity, w.Summary, w.Description, w.Evidence})
	}
	if s.Breaches == 0 {
		return nil
	}
	in := &incident{activeAt: s.ActiveAt, firedAt: s.FiredAt, last: int64(s.Last), breaches: s.Breaches,
		severity: s.Severity, summary: s.Summary, description: s.Description, evidence: s.Evidence}
	x.keys[string(key)] = in
	x.schedule(string(key), in)
	return nil
}

// encode writes JSON as it is, < and > too.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("BUG: " + err.Error()) // no type in it can fail
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// Append appends a change as topic system-alerts has it.
func (c *Change) Append(dst []byte) []byte { return append(dst, encode(c)...) }
