package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// A Remedy is what is done about a damaged log.
type Remedy uint8

// The remedies.
const (
	// PassOver keeps what can be read where it is, and notes what is lost in the place where it was.
	PassOver Remedy = iota
	// Discard takes the whole topic away: it is made anew by whoever can compute its records.
	Discard
)

// A Repaired is a damaged log and what was done about it.
type Repaired struct {
	Topic     string
	Partition int32
	Remedy    Remedy
	Seq       uint64 // of the first message that was damaged
	Messages  uint64 // that were damaged or missing
	Records   int64  // of the topic that are lost; with Discard 0
	Copy      string // folder with the damaged files as they were
}

// Inspect reads all logs of a server's folder from end to end and returns a *DamageError for what is
// damaged. No server may run on the folder; the caller holds the lock of the data folder.
func Inspect(dir string, expect []LogState) error {
	b := offline(dir, expect)
	if err := b.tidy(); err != nil {
		return err
	}
	_, err := b.prove(true)
	return err
}

// Repair reads all logs of a server's folder and does what remedy says about those that are damaged. What
// is replaced is kept in the folder's quarantine. The conditions of Inspect hold.
func Repair(dir string, expect []LogState, remedy func(topic string) Remedy) ([]Repaired, error) {
	b := offline(dir, expect)
	if err := b.tidy(); err != nil {
		return nil, err
	}
	proofs, err := b.prove(true)
	var damaged *DamageError
	if err == nil || !errors.As(err, &damaged) {
		return nil, err
	}
	var done []Repaired
	for _, d := range append([]*DamageError{damaged}, damaged.Others...) {
		p := proofs[streamName(d.Topic, d.Partition)]
		r := Repaired{Topic: d.Topic, Partition: d.Partition, Remedy: remedy(d.Topic), Seq: d.Seq, Messages: d.Messages}
		if r.Remedy == PassOver {
			err = b.passOver(p, &r)
		} else {
			err = b.discard(d.Topic, proofs, &r)
		}
		if err != nil {
			return done, fmt.Errorf("repair topic %s partition %d: %w", d.Topic, d.Partition, err)
		}
		done = append(done, r)
	}
	return done, nil
}

// Incomplete names the topics of a server's folder whose records are not all there any more, because of
// their retention or a repair.
func Incomplete(dir string) ([]string, error) {
	proofs, err := offline(dir, nil).collect()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, stream := range slices.Sorted(maps.Keys(proofs)) {
		p := proofs[stream]
		if (p.base > 0 || exists(filepath.Join(dir, knownFolder, stream, knownLost))) && !slices.Contains(names, p.topic) {
			names = append(names, p.topic)
		}
	}
	return names, nil
}

func offline(dir string, expect []LogState) *Broker {
	return &Broker{cfg: Config{Dir: dir, Expect: expect}.withDefaults(), dir: dir}
}

// discard moves the streams of a topic away.
func (b *Broker) discard(topic string, proofs map[string]*proof, r *Repaired) error {
	for _, name := range slices.Sorted(maps.Keys(proofs)) {
		if proofs[name].topic != topic {
			continue
		}
		if err := b.forget(name); err != nil {
			return err
		}
		folder := b.streamFolder(name)
		if !exists(folder) {
			continue
		}
		aside, err := b.aside(name)
		if err != nil {
			return err
		}
		if err := os.Rename(folder, filepath.Join(aside, name)); err != nil {
			return err
		}
		if name == streamName(topic, r.Partition) {
			r.Copy = aside
		}
	}
	return nil
}

// aside makes a folder for what is put aside of a stream.
func (b *Broker) aside(stream string) (string, error) {
	dir := filepath.Join(b.dir, quarantine)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, stream+"-*")
}

// knownLost notes, beside what is known of a stream, what repairs have passed over: a line of JSON each.
const knownLost = "lost"

// passOver writes the blocks of a damaged log anew: what is whole stays where it is, and lost batches
// stand in the place of what is missing.
func (b *Broker) passOver(p *proof, r *Repaired) (err error) {
	if r.Copy, err = b.aside(p.stream); err != nil {
		return err
	}
	m := mender{p: p, offset: p.base}
	if err := m.plan(); err != nil {
		return err
	}
	r.Records = m.lost
	dir := filepath.Join(p.folder, streamBlocks)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(m.blocks)) {
		path := filepath.Join(dir, fmt.Sprintf("%d.blk", n))
		if exists(path) {
			if err := os.Link(path, filepath.Join(r.Copy, filepath.Base(path))); err != nil {
				return err
			}
		}
		if len(m.blocks[n]) == 0 {
			err = os.Remove(path)
		} else {
			err = replaceFile(path, m.blocks[n])
		}
		if err != nil {
			return err
		}
	}
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, streamIndex)), os.RemoveAll(filepath.Join(p.known, knownIndex)), syncFolder(dir)); err != nil {
		return err
	}
	return b.noteLost(p.stream, r)
}

func (b *Broker) noteLost(stream string, r *Repaired) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	dir := b.knownPath(stream)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, knownLost), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// A mender lays out the blocks of a damaged log.
type mender struct {
	p      *proof
	blocks map[int][]byte // by number: those that change; empty: it goes
	offset int64          // of the next record
	chain  uint32
	nanos  int64
	lost   int64

	number int // of the block that is laid out
	out    []byte
	block  *block
}

// plan lays out all blocks, and keeps those that become others.
func (m *mender) plan() error {
	p := m.p
	m.blocks = map[int][]byte{}
	next, kept := p.floor, p.records
	for i, f := range p.files {
		text, err := readBlock(f, nil)
		if err != nil {
			return err
		}
		m.begin(f.number)
		for len(kept) > 0 && kept[0].block == f.number {
			rec := kept[0]
			nanos := int64(binary.LittleEndian.Uint64(text[rec.at+12:]))
			if m.nanos == 0 {
				m.nanos = nanos
			}
			m.fill(next, rec.seq, kept)
			m.out, m.nanos = append(m.out, text[rec.at:rec.end]...), nanos
			m.offset += int64(rec.count)
			if rec.base >= 0 {
				m.offset, m.chain = rec.base+int64(rec.count), rec.chain
			}
			next, kept = rec.seq+1, kept[1:]
		}
		if len(kept) == 0 && i == len(p.files)-1 || len(kept) == 0 && len(m.out) > 0 {
			m.fill(next, p.want.LastSeq+1, nil)
			next = max(next, p.want.LastSeq+1)
		}
		if string(m.out) != string(text) {
			m.blocks[f.number] = m.out
		}
	}
	if next <= p.want.LastSeq {
		m.begin(1)
		m.fill(next, p.want.LastSeq+1, nil)
		m.blocks[1] = m.out
	}
	return nil
}

func (m *mender) begin(number int) {
	m.number, m.out, m.block = number, nil, newBlock(m.p.stream, subjectOf(m.p.topic, m.p.number), number)
}

// fill lays lost batches out in the place of messages [from, to); behind come what was kept.
func (m *mender) fill(from, to uint64, behind []kept) {
	if from >= to {
		return
	}
	end := m.p.want.Count
	if to <= m.p.want.LastSeq { // what is known at the end is less whatever follows
		end = m.offset + int64(to-from)
	}
	foreign := int64(0)
	for _, r := range behind {
		if r.base >= 0 {
			end = r.base - foreign
			break
		}
		foreign++
	}
	lost := max(end-m.offset, 0)
	m.lost += lost
	for seq := from; seq < to; seq++ {
		m.out = m.block.appendRecord(m.out, seq, m.nanos, producerSubject(m.block.subject, "repair"), natsHeaders+batchHeaders+"\r\n", lostBatch(m.offset, int(lost), m.chain))
		m.offset, lost = m.offset+lost, 0
	}
}
