package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// A start gives the streams what the journal has and they lack: after a kill what was not published yet, after a
// power cut what was not synced.

// A journaled is what a journal holds that is not known to be in the streams.
type journaled struct {
	generation uint64 // the newest; 0: there is none
	active     int    // file that has it
	streams    map[string][]entry
	damaged    bool // chunks lie behind one that cannot be read
}

// readJournal reads a journal's folder, which need not be there.
func readJournal(dir string) (*journaled, error) {
	found := &journaled{active: 1, streams: make(map[string][]entry)}
	var files [2][]chunk
	var damaged [2]bool
	floor := uint64(0)
	for n := range files {
		text, err := os.ReadFile(journalPath(dir, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[n], damaged[n] = readChunks(text)
		for _, c := range files[n] {
			floor = max(floor, c.floor)
			if c.generation > found.generation {
				found.generation, found.active = c.generation, n
			}
		}
	}
	for _, n := range []int{1 - found.active, found.active} {
		for _, c := range files[n] {
			if c.generation < floor {
				break
			}
			found.damaged = found.damaged || damaged[n]
			for _, e := range c.entries {
				found.add(e)
			}
		}
	}
	return found, nil
}

// add takes an entry in the place of those that were to stand there or behind it.
func (j *journaled) add(e entry) {
	list := j.streams[e.stream]
	at, _ := slices.BinarySearchFunc(list, e.seq, func(e entry, seq uint64) int { return int(min(1, max(-1, int64(e.seq-seq)))) })
	list = list[:at]
	if len(e.frame) > 0 {
		list = append(list, e)
	}
	if j.streams[e.stream] = list; len(list) == 0 {
		delete(j.streams, e.stream)
	}
}

// A chunk is what was made durable at once.
type chunk struct {
	generation, number, floor uint64
	entries                   []entry
}

// readChunks reads the chunks of a file; damaged means that some cannot be read, and others behind them can.
func readChunks(text []byte) (chunks []chunk, damaged bool) {
	next := uint64(0)
	for at := 0; at < len(text); {
		c, size, ok := readChunk(text[at:])
		if !ok || len(chunks) > 0 && c.generation != chunks[0].generation || c.number < next {
			at += chunkAlign // behind the newest generation lie older ones
			continue
		}
		damaged = damaged || c.number != next
		chunks, next = append(chunks, c), c.number+1
		at += size + -size&(chunkAlign-1)
	}
	return chunks, damaged
}

func readChunk(text []byte) (c chunk, size int, ok bool) {
	if len(text) < chunkHeader {
		return c, 0, false
	}
	size = chunkHeader + int(binary.LittleEndian.Uint32(text[4:]))
	if size > len(text) || crc32.Checksum(text[4:size], castagnoli) != binary.LittleEndian.Uint32(text) {
		return c, 0, false
	}
	c.generation, c.number, c.floor = binary.LittleEndian.Uint64(text[8:]), binary.LittleEndian.Uint64(text[16:]), binary.LittleEndian.Uint64(text[24:])
	if c.generation == 0 {
		return c, 0, false // zeros
	}
	in := indexReader{b: text[chunkHeader:size]}
	for len(in.b) > 0 {
		e := entry{stream: string(in.skip(in.uvarint())), seq: in.uvarint(), base: int64(in.uvarint())}
		if before := in.skip(4); before != nil {
			e.before = binary.LittleEndian.Uint32(before)
		}
		e.subject, e.frame = string(in.skip(in.uvarint())), in.skip(in.uvarint())
		c.entries = append(c.entries, e)
	}
	return c, size, !in.bad
}

func (b *Broker) journalPath() string { return filepath.Join(b.dir, journalFolder) }

// gathers reports whether appends go through the journal. Other clients do without it: what the server
// acknowledges to them has to be durable.
func (c *Config) gathers() bool { return !c.MemoryOnly && !c.NoSync && !c.Shared && c.Gather >= 0 }

// openJournal gives the streams what the journal holds, and has it go on behind.
func (b *Broker) openJournal(ctx context.Context, l *link) error {
	if b.cfg.MemoryOnly {
		return nil
	}
	found := b.journaled
	for _, stream := range slices.Sorted(maps.Keys(found.streams)) {
		if err := b.replay(ctx, l, stream, found.streams[stream]); err != nil {
			return err
		}
	}
	if err := b.syncStreams(found.keys()); err != nil {
		return err
	}
	if !b.cfg.gathers() {
		if found.generation == 0 {
			return nil
		}
		return errors.Join(os.RemoveAll(b.journalPath()), syncFolder(b.dir))
	}
	l.journal = startJournal(b.journalPath(), b.cfg.Gather, l, found, b.syncStreams, b.disk.hasRoom)
	if len(found.streams) > 0 {
		b.journaled = nil             // it may be large
		return l.journal.checkpoint() // its messages count no more: a topic of the same name may come
	}
	return nil
}

func (j *journaled) keys() map[string]bool {
	keys := make(map[string]bool, len(j.streams))
	for name := range j.streams {
		keys[name] = true
	}
	return keys
}

// replay gives a stream what it lacks. A stream that is gone was deleted.
func (b *Broker) replay(ctx context.Context, l *link, stream string, entries []entry) error {
	b.mu.RLock()
	p := b.byName[stream]
	b.mu.RUnlock()
	if p == nil {
		return nil
	}
	end, err := p.readTail(ctx, l)
	if err != nil {
		return err
	}
	before := end.seq
	for _, e := range entries {
		if e.seq <= end.seq {
			continue
		}
		if e.seq != end.seq+1 || e.base != end.next || e.before != end.chain {
			b.notice(fmt.Sprintf("topic %s partition %d ends at message %d, which is not where the journal goes on; what it has was left out", p.topic, p.number, end.seq))
			break
		}
		head, err := parseHead(e.frame)
		if err != nil {
			return p.damage(e.seq, err.Error())
		}
		if err := l.store(ctx, &e); err != nil {
			return fmt.Errorf("give topic %s partition %d what it lacks: %w", p.topic, p.number, err)
		}
		end = tail{e.seq, head.next(), head.chain}
	}
	if end.seq > before {
		p.acknowledged(PartitionState{end.seq, end.next, end.chain}, true)
		p.stored(end.seq)
	}
	return nil
}

// store publishes a message of the journal and waits for it.
func (l *link) store(ctx context.Context, e *entry) error {
	ctx, cancel := context.WithTimeout(ctx, requestWait)
	defer cancel()
	m, err := l.write.RequestMsgWithContext(ctx, newMessage(e.subject, e.frame, strconv.FormatUint(e.seq-1, 10)))
	if err != nil {
		return err
	}
	if r := parseReply(m); r.code != 0 || r.seq != e.seq {
		return fmt.Errorf("the broker refused message %d: %s (%d)", e.seq, r.text, r.code)
	}
	return nil
}

// isSame reports a block that was synced when it was as it is now, and whether its name was, too: the server writes anew
// what stays of a block, and gives it the name of the old one.
func isSame(was, now os.FileInfo) (block, name bool) {
	if was == nil || !os.SameFile(was, now) {
		return false, false
	}
	return was.Size() == now.Size() && was.ModTime().Equal(now.ModTime()), true
}

// syncStreams makes streams durable as they are in their files: the server has written what it has acknowledged,
// and syncs nothing.
func (b *Broker) syncStreams(streams map[string]bool) error {
	b.syncing.Lock()
	defer b.syncing.Unlock()
	for _, stream := range slices.Sorted(maps.Keys(streams)) {
		if err := b.syncStream(stream); err != nil && !errors.Is(err, fs.ErrNotExist) { // it may have been deleted
			return fmt.Errorf("sync %s: %w", placeOf(stream), err)
		}
	}
	return nil
}

// syncStream syncs the blocks that changed since it did so last, and their names if there are others.
func (b *Broker) syncStream(stream string) error {
	folder := b.streamFolder(stream)
	files, err := blockFiles(folder)
	if err != nil {
		return err
	}
	before := b.synced[stream]
	now := make(map[int]os.FileInfo, len(files))
	renamed := len(files) != len(before)
	for _, f := range files {
		info, err := os.Stat(f.path)
		if err != nil {
			return err
		}
		now[f.number] = info
		block, name := isSame(before[f.number], info)
		renamed = renamed || !name
		if block {
			continue
		}
		if err := syncPath(f.path); err != nil {
			return err
		}
	}
	if renamed {
		if err := syncFolder(filepath.Join(folder, streamBlocks)); err != nil {
			return err
		}
	}
	if b.synced == nil {
		b.synced = make(map[string]map[int]os.FileInfo)
	}
	b.synced[stream] = now
	return nil
}

func syncPath(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(syncData(f), f.Close())
}

// syncDescription makes the description of a stream and the names of its folders durable.
func (b *Broker) syncDescription(stream string) error {
	folder := b.streamFolder(stream)
	for _, name := range []string{streamMeta, streamSum} {
		if err := syncPath(filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	return errors.Join(syncFolder(folder), syncFolder(filepath.Dir(folder)))
}
