package alert

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// saved is an incident's entry in a checkpoint, under its key.
type saved struct {
	ActiveAt Time     `json:"activeAt"`
	FiredAt  Time     `json:"firedAt"`
	Last     Time     `json:"last"`
	Breaches int64    `json:"breaches"`
	Shown    []uint64 `json:"shown"` // entries of breaches
}

// breachMark begins the key of a breach's entry, which is written by appendTo. It comes before the bracket that begins the key of an incident, as quietMark does.
const breachMark = '#'

func breachKey(seq uint64) []byte { return binary.BigEndian.AppendUint64([]byte{breachMark}, seq) }

// Cut hands what changed since the last cut to put, with what Restore reads, or to remove.
func (x *Incidents) Cut(put func(key, value []byte), remove func(key []byte)) {
	x.settle()
	for _, b := range x.fresh {
		if b.gone {
			continue // it came and went between two checkpoints
		}
		x.seq++
		b.seq = x.seq
		x.text = b.appendTo(x.text[:0])
		put(breachKey(b.seq), x.text)
	}
	for _, seq := range x.gone {
		remove(breachKey(seq))
	}
	slices.Sort(x.dirty)
	for _, key := range x.dirty {
		in := x.keys[key]
		x.cutQuiet(key, in, put, remove)
		if in == nil {
			remove([]byte(key))
			continue
		}
		in.touched = false
		s := saved{in.activeAt, in.firedAt, Time(in.last), in.breaches, make([]uint64, len(in.shown))}
		for i, b := range in.shown {
			s.Shown[i] = b.seq
		}
		put([]byte(key), encode(s))
	}
	clear(x.fresh)
	x.fresh, x.gone, x.dirty = x.fresh[:0], x.gone[:0], x.dirty[:0]
	clear(x.marked)
}

// Restore puts an entry back as Cut wrote it. Entries come in order of their keys, and Restored after the last.
func (x *Incidents) Restore(key, value []byte) error {
	if len(key) == 9 && key[0] == breachMark {
		return x.restoreBreach(binary.BigEndian.Uint64(key[1:]), value)
	}
	if len(key) > 0 && key[0] == quietMark {
		return x.restoreQuiet(string(key[1:]), value)
	}
	var s saved
	if err := json.Unmarshal(value, &s); err != nil {
		return fmt.Errorf("restore alert %s, key %s: %w", x.rule.Name, key, err)
	}
	if err := x.checkKey(key); err != nil {
		return err
	}
	in := &incident{activeAt: s.ActiveAt, firedAt: s.FiredAt, last: int64(s.Last), breaches: s.Breaches, quiet: x.restoredQuiet[string(key)]}
	delete(x.restoredQuiet, string(key))
	for _, seq := range s.Shown {
		b := x.restored[seq]
		if b == nil || b.Key != string(key) {
			return fmt.Errorf("restore alert %s, key %s: its breach %d is not there", x.rule.Name, key, seq)
		}
		delete(x.restored, seq)
		in.shown = append(in.shown, b)
	}
	if len(in.shown) == 0 {
		return fmt.Errorf("restore alert %s, key %s: an incident without breaches", x.rule.Name, key)
	}
	x.keys[string(key)] = in
	x.schedule(string(key), in)
	return nil
}

func (x *Incidents) restoreBreach(seq uint64, value []byte) error {
	b := &Breach{seq: seq}
	if err := b.read(value); err != nil {
		return fmt.Errorf("restore alert %s, breach %d: %w", x.rule.Name, seq, err)
	}
	if err := x.checkKey([]byte(b.Key)); err != nil {
		return err
	}
	if x.restored == nil {
		x.restored = map[uint64]*Breach{}
	}
	x.restored[seq] = b
	x.seq = max(x.seq, seq)
	return nil
}

// Restored ends a restore: breaches that belong to no incident wait for the watermark.
func (x *Incidents) Restored() error {
	for key := range x.restoredQuiet {
		return fmt.Errorf("restore alert %s: the incident of key %s is not there", x.rule.Name, key)
	}
	for _, b := range x.restored {
		x.waiting.push(b)
	}
	x.restored = nil
	return nil
}

func (x *Incidents) checkKey(key []byte) error {
	var values []*string
	if err := json.Unmarshal(key, &values); err != nil || len(values) != len(x.rule.Labels) {
		return fmt.Errorf("restore alert %s: key %q is no array of %d values", x.rule.Name, key, len(x.rule.Labels))
	}
	return nil
}

// appendTo appends a breach's entry: its texts with their lengths before them, and its numbers. A breach is written
// once, so what an incident costs a checkpoint does not grow with the rows that it shows.
func (b *Breach) appendTo(dst []byte) []byte {
	for _, text := range []string{b.Key, b.Severity, b.Summary, b.Description, b.Evidence.Topic, b.Evidence.From} {
		dst = append(binary.AppendUvarint(dst, uint64(len(text))), text...)
	}
	for _, n := range []int64{b.Time, int64(b.Evidence.Time), int64(b.Evidence.Partition), b.Evidence.Offset} {
		dst = binary.AppendVarint(dst, n)
	}
	return append(dst, b.Evidence.Row...)
}

// read reads what appendTo wrote.
func (b *Breach) read(src []byte) error {
	for _, text := range []*string{&b.Key, &b.Severity, &b.Summary, &b.Description, &b.Evidence.Topic, &b.Evidence.From} {
		n, size := binary.Uvarint(src)
		if size <= 0 || n > uint64(len(src)-size) {
			return errors.New("the entry is cut off")
		}
		*text, src = string(src[size:size+int(n)]), src[size+int(n):]
	}
	var at, partition int64
	for _, number := range []*int64{&b.Time, &at, &partition, &b.Evidence.Offset} {
		n, size := binary.Varint(src)
		if size <= 0 {
			return errors.New("the entry is cut off")
		}
		*number, src = n, src[size:]
	}
	b.Evidence.Time, b.Evidence.Partition, b.Evidence.Row = Time(at), int32(partition), slices.Clone(src)
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
