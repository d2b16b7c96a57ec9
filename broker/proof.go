package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/nats-io/nats.go/jetstream"
)

// A LogState is the state of a partition's log.
type LogState struct {
	Topic     string
	Partition int32
	PartitionState
}

// A proof is what the files of a stream hold, compared with what they have to hold. Where the server
// trusts its index, only the last block is read, and of the others it is known that they are there and
// long enough; where its index is older than the log, or not there, what lies behind the newest index is read
// (see grown.go and noted.go); where it would read all blocks and cut them at a fault, all of them are read.
type proof struct {
	stream    string
	folder    string
	known     string // folder of what is known of it
	topic     string
	number    int32
	floor     uint64 // first message that retention has left
	base      int64  // its offset
	noted     PartitionState
	want      PartitionState // noted, or what the caller knows, whichever is later
	chained   uint64         // see block.chained
	journaled []entry        // what the journal holds of it, in order without gaps

	next    uint64 // message that comes next
	offset  int64  // of its first record; -1: not known
	chain   uint32
	deep    bool // all blocks are read, and records filled
	room    buffers
	synced  bool     // what was acknowledged is on the disk
	tallied []*tally // of the blocks that are read; nil: nobody asks
	behind  uint64   // see tally
	records []kept   // of messages, in order
	files   []blockFile
	holes   map[int][]blockHole // by number of the block
	gaps    []gap
}

// Buffers are what all proofs read blocks into: one for each processor, so that so many blocks are read at a
// time, of whichever stream.
type buffers chan []byte

// A kept is a record that stays, and the block that it lies in.
type kept struct {
	blockRecord
	block int
}

// A gap is messages [from, to) that are not there as they should be.
type gap struct {
	from, to uint64
	reason   string
}

// prove reads what the server is going to take over, before it can cut anything off; all of it if it is to
// be deep. It returns the proofs by stream, and a *DamageError when something is not there.
func (b *Broker) prove(deep bool) (map[string]*proof, error) {
	proofs, err := b.collect()
	if err != nil {
		return nil, fmt.Errorf("look at the logs: %w", err)
	}
	room := make(buffers, runtime.GOMAXPROCS(0))
	for range cap(room) {
		room <- nil
	}
	var g errgroup.Group
	for _, p := range proofs {
		p.deep, p.room, p.synced = deep, room, !b.cfg.NoSync
		g.Go(func() error {
			err := p.read()
			if err == nil && len(p.journaled) > 0 && p.damage() != nil {
				err = p.cutTail()
			}
			if err != nil {
				return fmt.Errorf("look at %s: %w", placeOf(p.stream), err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var all []*DamageError
	for _, name := range slices.Sorted(maps.Keys(proofs)) {
		if d := proofs[name].damage(); d != nil {
			all = append(all, d)
		}
	}
	if len(all) == 0 {
		return proofs, nil
	}
	first := *all[0]
	first.Others = all[1:]
	return proofs, &first
}

// collect names the streams that are in the folder, that were made once, and that the caller knows.
func (b *Broker) collect() (map[string]*proof, error) {
	proofs := make(map[string]*proof)
	streams, err := b.allStreams()
	if err != nil {
		return nil, err
	}
	for _, name := range streams {
		p := b.proofOf(name)
		if !p.describe(p.folder) && !p.describe(b.knownPath(name)) {
			continue // nobody knows what it was; checkFolders sees it
		}
		end := endFile{path: filepath.Join(b.knownPath(name), knownEnd)}
		s, ok, err := end.read()
		if err != nil {
			return nil, err
		}
		if !ok && exists(end.path) {
			b.notice(fmt.Sprintf("the note of the end of topic %s partition %d was damaged; its log was compared with the checkpoint instead", p.topic, p.number))
		}
		p.noted, p.want = s, s
		if b.journaled != nil {
			p.journaled = b.journaled.streams[name]
		}
		proofs[name] = p
	}
	for _, e := range b.cfg.Expect {
		name := streamName(e.Topic, e.Partition)
		p := proofs[name]
		if p == nil {
			p = b.proofOf(name)
			p.topic, p.number = e.Topic, e.Partition
			proofs[name] = p
		}
		p.chained = e.LastSeq
		if e.LastSeq > p.want.LastSeq {
			p.want = e.PartitionState
		}
	}
	return proofs, nil
}

func (b *Broker) proofOf(stream string) *proof {
	return &proof{stream: stream, folder: b.streamFolder(stream), known: b.knownPath(stream)}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// describe takes over what the description in a folder says.
func (p *proof) describe(folder string) bool {
	if !isSummed(folder, p.stream) {
		return false
	}
	text, err := os.ReadFile(filepath.Join(folder, streamMeta))
	if err != nil {
		return false
	}
	var d struct {
		Metadata map[string]string `json:"metadata"`
	}
	if json.Unmarshal(text, &d) != nil || d.Metadata[metaTopic] == "" {
		return false
	}
	n, err := strconv.Atoi(d.Metadata[metaPartition])
	if err != nil {
		return false
	}
	p.topic, p.number, p.floor, p.base = d.Metadata[metaTopic], int32(n), 1, 0
	if text := d.Metadata[metaFirst]; text != "" {
		if _, err := fmt.Sscan(text, &p.floor, &p.base); err != nil {
			return false
		}
	}
	return true
}

// read reads the blocks that have to be read.
func (p *proof) read() (err error) {
	if p.files, err = blockFiles(p.folder); err != nil {
		return err
	}
	p.reset(p.floor, p.base)
	if p.deep {
		return p.readBlocks(p.files)
	}
	if x, err := readIndex(p.indexPath(), p.stream); err == nil && x.fits(p.files) && p.mayTrust(x.blocks[:len(x.blocks)-1]) && p.placed(x) {
		if err := p.readBlocks(p.files[len(p.files)-1:]); err != nil {
			return err
		}
		if len(p.gaps) == 0 && len(p.holes) == 0 {
			return nil
		}
		p.reset(p.floor, p.base) // what exactly is missing is told by all blocks
		return p.readBlocks(p.files)
	}
	x, full := p.basis()
	if grown, err := p.grow(x, full); grown || full == 0 || err != nil {
		return err
	}
	p.reset(p.floor, p.base)
	return p.readBlocks(p.files)
}

func (p *proof) indexPath() string { return filepath.Join(p.folder, streamBlocks, streamIndex) }

func (p *proof) reset(next uint64, offset int64) {
	p.next, p.offset, p.chain, p.holes, p.gaps, p.records, p.tallied = next, offset, 0, map[int][]blockHole{}, nil, nil, nil
}

// placed goes to where the last block begins, if all that is wanted lies before its end.
func (p *proof) placed(x *index) bool {
	if x.last < p.want.LastSeq || x.first > p.floor || x.messages == 0 {
		return false
	}
	last := x.blocks[len(x.blocks)-1]
	if last.last < last.first || p.want.LastSeq > 0 && p.want.LastSeq < last.first {
		return false
	}
	if last.first > p.floor {
		p.next, p.offset = last.first, -1
	}
	return true
}

// readBlocks goes over blocks in their order. They are read side by side, a few ahead.
func (p *proof) readBlocks(files []blockFile) error {
	for ahead := range slices.Chunk(files, 4*cap(p.room)) {
		blocks := make([]*block, len(ahead))
		var g errgroup.Group
		for i, f := range ahead {
			g.Go(func() (err error) {
				buf := <-p.room
				defer func() { p.room <- buf }()
				if buf, err = readBlock(f, buf); err != nil {
					return err
				}
				b := newBlock(p.stream, subjectOf(p.topic, p.number), f.number)
				b.chained = p.chained
				if p.tallied != nil {
					b.tally = &tally{behind: p.behind, counts: make(map[string]*uint64), plain: true}
				}
				b.read(buf)
				blocks[i] = b
				return nil
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for i, b := range blocks {
			if len(b.holes) > 0 {
				p.holes[ahead[i].number] = b.holes
			}
			for _, r := range b.records {
				p.take(r, ahead[i].number)
			}
			if b.tally != nil {
				p.tallied = append(p.tallied, b.tally)
			}
		}
	}
	if p.next <= p.want.LastSeq {
		p.miss(p.want.LastSeq+1, "")
	}
	return nil
}

// miss notes that messages from p.next up to another one are not there.
func (p *proof) miss(to uint64, reason string) {
	if reason == "" {
		reason = p.reason()
	}
	p.gaps = append(p.gaps, gap{p.next, to, reason})
	p.next, p.offset = to, -1
}

// reason is why something is missing: what stands in its place, if anything does.
func (p *proof) reason() string {
	for _, n := range slices.Sorted(maps.Keys(p.holes)) {
		return fmt.Sprintf("block %d: %s", n, p.holes[n][0].reason)
	}
	return "it is gone"
}

// take goes over the next record.
func (p *proof) take(r blockRecord, block int) {
	if r.deletes || r.seq < p.next {
		return
	}
	if r.seq > p.next {
		p.miss(r.seq, "")
	}
	switch {
	case r.base < 0:
		if p.offset >= 0 {
			p.offset += int64(r.count)
		}
	case p.offset >= 0 && r.base != p.offset:
		p.miss(r.seq+1, fmt.Sprintf("it begins at offset %d, and offset %d comes next", r.base, p.offset))
		return
	default:
		p.offset, p.chain = r.base+int64(r.count), r.chain
	}
	p.next = r.seq + 1
	if w := p.want; r.seq == w.LastSeq && (p.offset >= 0 && p.offset != w.Count || r.base >= 0 && !r.lost && r.chain != w.Chain) {
		p.next--
		p.miss(r.seq+1, fmt.Sprintf("the log ended at offset %d and sum %08x there, and had %d and %08x", p.offset, r.chain, w.Count, w.Chain))
		return
	}
	if p.deep {
		p.records = append(p.records, kept{r, block})
	}
}

// damage is what is missing, nil for nothing. What lies behind everything that was acknowledged and was
// not written to its end is nobody's loss: the server cuts it off.
func (p *proof) damage() *DamageError {
	messages := uint64(0)
	for _, g := range p.gaps {
		messages += g.to - g.from
	}
	if len(p.gaps) > 0 {
		return &DamageError{Topic: p.topic, Partition: p.number, Seq: p.gaps[0].from, Messages: messages, Reason: p.gaps[0].reason}
	}
	for _, n := range slices.Sorted(maps.Keys(p.holes)) {
		for _, h := range p.holes[n] {
			if h.cut && n == p.files[len(p.files)-1].number || p.noted.LastSeq > 0 && p.next > p.want.LastSeq && n == p.files[len(p.files)-1].number {
				continue
			}
			return &DamageError{Topic: p.topic, Partition: p.number, Seq: p.next, Messages: 1, Reason: fmt.Sprintf("block %d: %s", n, h.reason)}
		}
	}
	return nil
}

// state is the end of the log, if the proof has seen it.
func (p *proof) state() (s PartitionState, ok bool) {
	if p.offset < 0 || p.next <= p.floor && p.next <= 1 {
		return s, false
	}
	return PartitionState{p.next - 1, p.offset, p.chain}, true
}

// proven compares what the server has found with the proofs.
func proven(info *jetstream.StreamInfo, p *proof) error {
	st := &info.State
	switch {
	case p == nil || p.next <= 1:
		return nil
	case st.LastSeq < p.next-1:
		return &DamageError{Topic: p.topic, Partition: p.number, Seq: st.LastSeq + 1, Messages: p.next - 1 - st.LastSeq, Reason: "the server does not find it"}
	case st.Msgs != st.LastSeq-st.FirstSeq+1:
		return &DamageError{Topic: p.topic, Partition: p.number, Seq: st.FirstSeq, Messages: st.LastSeq - st.FirstSeq + 1 - st.Msgs, Reason: "the server does not find it"}
	}
	return nil
}

// Ends returns the ends of all logs that this process knows: what was acknowledged last. They belong into
// a checkpoint, and come back as Config.Expect.
func (b *Broker) Ends() []LogState {
	return b.keeper.ends()
}

func (b served) ends() []LogState {
	var list []LogState
	for _, p := range b.partitions() {
		if s := p.acked.Load(); s != nil {
			list = append(list, LogState{p.topic, p.number, *s})
		}
	}
	return list
}

// notice keeps a sentence for whoever opened the broker.
func (b *Broker) notice(text string) {
	b.cfg.Logger.Warn(text)
	b.noticed.Lock()
	defer b.noticed.Unlock()
	b.notices = append(b.notices, text)
}

// Notices are sentences about what was found and mended at the start.
func (b *Broker) Notices() []string {
	b.noticed.Lock()
	defer b.noticed.Unlock()
	return slices.Clone(b.notices)
}

// adoptProofs takes over where the logs end, and notes it where it was not noted.
func (b *Broker) adoptProofs(proofs map[string]*proof) error {
	if b.cfg.MemoryOnly {
		return nil
	}
	for _, part := range b.partitions() {
		if err := b.know(part.stream); err != nil {
			return err
		}
		p := proofs[part.stream]
		if p == nil {
			continue
		}
		s, ok := p.state()
		if !ok {
			continue
		}
		part.acked.Store(&s)
		if s != p.noted {
			if err := part.end.write(s); err != nil {
				return fmt.Errorf("note the end of topic %s partition %d: %w", part.topic, part.number, err)
			}
		}
	}
	return nil
}
