package broker

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Each stream has files of its own, and a sync of each for each append would be all that a disk does. So
// appends are gathered: what several producers append to any partitions becomes one chunk of a journal, and one
// sync of it makes all of them durable. Only then do their streams get them, which sync nothing themselves, and
// readers see them. Every checkpointEvery, or when the file is full, the other file goes on, and the streams that
// the first one has messages of are synced; its chunks are then of no use any more. A start gives the streams
// what they lack (see replay.go).
//
//	journal/0, journal/1   chunks, each from a multiple of chunkAlign on
//
//	 0  CRC-32C of all that follows
//	 4  length of the body
//	 8  generation: of all chunks of a file that count, and greater than the other file's
//	16  number of the chunk in its generation, from 0
//	24  generation whose messages, and later ones', are not known to be synced
//	32  body: for each message the stream, its sequence there, the offset of its first record, the chain before
//	    it, the subject and the batch; without a batch: what was to stand there was refused
//
// Files are filled with zeros before they are used, but for long chunks, and never shrink, so that a sync has no
// length to write.
const (
	journalFolder = "journal"
	chunkHeader   = 32
	chunkAlign    = 4096
	journalStep   = 1 << 20  // bytes that a file grows by
	journalMost   = 16 << 20 // bytes after which the other file goes on; one chunk may be longer
	gatherBytes   = 256 << 10
)

// DefaultGather is how long after an append was made durable the next ones are gathered.
const DefaultGather = 20 * time.Millisecond

// checkpointEvery is how long messages are in the journal before their streams are synced.
const checkpointEvery = 10 * time.Second

// A journal makes appends durable, of all partitions together. Nil: the server syncs each by itself.
type journal struct {
	dir      string
	interval time.Duration
	link     *link
	sync     func(streams map[string]bool) error // makes streams durable
	room     func(bytes int) bool                // on the disk, so that the files may grow

	mu      sync.Mutex
	queue   []*pending
	bytes   int
	wanted  []chan error // of checkpoint
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}

	// Of the loop alone:
	files      [2]*journalFile
	active     int
	generation uint64
	number     uint64
	floor      uint64
	isEmpty    bool            // it holds nothing that counts
	since      time.Time       // of the first message in the active file
	streams    map[string]bool // that it has messages of
	syncing    chan error      // not nil: the streams of the other file are being synced
	last       time.Time       // when the last chunk was begun
	chunk      []byte
}

type journalFile struct {
	f    *os.File
	at   int64
	size int64
}

// startJournal goes on behind what was found in the journal's folder.
func startJournal(dir string, interval time.Duration, l *link, found *journaled, sync func(map[string]bool) error, room func(int) bool) *journal {
	j := &journal{dir: dir, interval: interval, link: l, sync: sync, room: room, generation: found.generation, floor: found.generation + 1, isEmpty: len(found.streams) == 0,
		active: found.active, streams: make(map[string]bool), wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	j.turn()
	go j.loop()
	return j
}

// turn goes on with the other file, and a new generation.
func (j *journal) turn() {
	j.active = 1 - j.active
	j.generation, j.number = j.generation+1, 0
	j.since, j.streams = time.Time{}, make(map[string]bool)
	if f := j.files[j.active]; f != nil {
		f.at = 0
	}
}

// add has a message made durable and then published. Messages of one stream are added in order.
func (j *journal) add(m *pending) {
	j.mu.Lock()
	j.queue = append(j.queue, m)
	j.bytes += len(m.frame)
	first, full := len(j.queue) == 1, j.bytes >= gatherBytes
	j.mu.Unlock()
	if first || full {
		j.signal()
	}
}

func (j *journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// checkpoint syncs all streams; when it returns nil no message is needed from the journal any more that was
// published before.
func (j *journal) checkpoint() error {
	done := make(chan error, 1)
	j.mu.Lock()
	j.wanted = append(j.wanted, done)
	j.mu.Unlock()
	j.signal()
	select {
	case err := <-done:
		return err
	case <-j.stopped:
		return &DownError{Reason: "it was stopped"}
	}
}

// close ends the journal; what is in the queue stays unwritten.
func (j *journal) close() {
	close(j.stop)
	<-j.stopped
	for _, f := range j.files {
		if f != nil {
			_ = f.f.Close()
		}
	}
}

// loop writes chunks until the journal is closed, or cannot be written any more.
func (j *journal) loop() {
	defer close(j.stopped)
	defer func() {
		if j.syncing != nil {
			<-j.syncing
		}
	}()
	for n := range j.files {
		_ = j.open(n) // it is tried again when it is needed
	}
	for {
		select {
		case <-j.stop:
			return
		case <-j.wake:
		}
		j.mu.Lock()
		asked := len(j.wanted) > 0
		j.mu.Unlock()
		if !asked && !j.pace() {
			return
		}
		j.mu.Lock()
		queue, wanted := j.queue, j.wanted
		j.queue, j.bytes, j.wanted = nil, 0, nil
		j.mu.Unlock()
		err := j.commit(queue)
		if err == nil && len(wanted) > 0 {
			err = j.checkpointNow()
		}
		for _, done := range wanted {
			done <- err
		}
		if err != nil {
			j.link.writeFailed(err.Error())
			return
		}
	}
}

// pace waits until the next chunk is due: at once behind a pause, else an interval after the one before, or when
// much has come. It returns false when the journal is closed.
func (j *journal) pace() bool {
	for {
		wait := j.interval - time.Since(j.last)
		j.mu.Lock()
		ready := j.bytes >= gatherBytes || len(j.wanted) > 0
		j.mu.Unlock()
		if wait <= 0 || ready {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-j.stop:
			timer.Stop()
			return false
		case <-timer.C:
			return true
		case <-j.wake:
			timer.Stop()
		}
	}
}

// commit makes messages durable and publishes them.
func (j *journal) commit(queue []*pending) error {
	if len(queue) == 0 {
		return nil
	}
	size := 0
	for _, m := range queue {
		size += len(m.frame) + entryMost
	}
	if err := j.makeRoom(size); err != nil {
		return err
	}
	j.last = time.Now()
	if j.since.IsZero() {
		j.since = j.last
	}
	j.begin()
	for _, m := range queue {
		j.streams[m.partition.stream] = true
		j.chunk = appendEntry(j.chunk, &entry{stream: m.partition.stream, seq: m.seq, base: m.base, before: m.before, subject: m.subject, frame: m.frame})
	}
	if err := j.write(); err != nil {
		return err
	}
	for _, m := range queue {
		if m.message != nil {
			m.sent = time.Now()
			if err := j.link.publish(m, m.message); err != nil {
				j.link.giveUp(err.Error())
			}
			m.message = nil
		}
		close(m.durable)
	}
	return nil
}

// makeRoom turns to the other file when it is time, or when this one would have to grow and the disk is full.
func (j *journal) makeRoom(size int) error {
	if j.syncing != nil {
		select {
		case err := <-j.syncing:
			if err := j.synced(err); err != nil {
				return err
			}
		default:
		}
	}
	f := j.files[j.active]
	full := f != nil && f.at > 0 && (f.at >= journalMost || f.at+int64(size) > f.size && !j.room(size+journalStep))
	if !full && (j.since.IsZero() || time.Since(j.since) < checkpointEvery || j.syncing != nil) {
		return nil
	}
	if j.syncing != nil {
		if err := j.synced(<-j.syncing); err != nil {
			return err
		}
	}
	j.startSync()
	return nil
}

// startSync turns to the other file and begins to sync the streams that this one has messages of.
func (j *journal) startSync() {
	streams := j.streams
	j.turn()
	done := make(chan error, 1)
	j.syncing = done
	go func() { done <- j.sync(streams) }()
}

// synced hears how a sync of streams ended.
func (j *journal) synced(err error) error {
	j.syncing = nil
	if err == nil {
		j.floor = j.generation
	}
	return err
}

// checkpointNow syncs all streams and says so in the journal.
func (j *journal) checkpointNow() error {
	if j.syncing != nil {
		if err := j.synced(<-j.syncing); err != nil {
			return err
		}
	}
	if len(j.streams) == 0 && j.isEmpty {
		return nil // nothing was written since the start, and nothing was there
	}
	j.startSync()
	if err := j.synced(<-j.syncing); err != nil {
		return err
	}
	j.begin()
	return j.write()
}

// begin begins a chunk.
func (j *journal) begin() {
	j.chunk = append(j.chunk[:0], make([]byte, chunkHeader)...)
	binary.LittleEndian.PutUint64(j.chunk[8:], j.generation)
	binary.LittleEndian.PutUint64(j.chunk[16:], j.number)
	binary.LittleEndian.PutUint64(j.chunk[24:], j.floor)
}

// write writes the chunk behind the one before and makes it durable.
func (j *journal) write() error {
	sealChunk(j.chunk)
	if err := j.open(j.active); err != nil {
		return fmt.Errorf("open the journal: %w", err)
	}
	if err := j.files[j.active].append(j.chunk); err != nil {
		return fmt.Errorf("write the journal: %w", err)
	}
	j.number++
	j.isEmpty = false
	return nil
}

func sealChunk(chunk []byte) {
	binary.LittleEndian.PutUint32(chunk[4:], uint32(len(chunk)-chunkHeader))
	binary.LittleEndian.PutUint32(chunk, crc32.Checksum(chunk[4:], castagnoli))
}

// open opens a file of the journal, if it is not open yet.
func (j *journal) open(n int) (err error) {
	if j.files[n] == nil {
		j.files[n], err = openJournalFile(j.dir, n)
	}
	return err
}

func openJournalFile(dir string, n int) (*journalFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := journalPath(dir, n)
	isNew := !exists(path)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journalFile{f: f}
	info, err := f.Stat()
	if err == nil {
		j.size = info.Size()
		err = j.grow(journalStep)
	}
	if err == nil && isNew {
		err = errors.Join(syncFolder(dir), syncFolder(filepath.Dir(dir)))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func journalPath(dir string, n int) string { return filepath.Join(dir, fmt.Sprint(n)) }

// append writes a chunk and makes it durable.
func (f *journalFile) append(chunk []byte) error {
	end := f.at + int64(len(chunk))
	end += -end & (chunkAlign - 1)
	if end > f.size && len(chunk) >= journalStep/8 { // zeros before it would be bytes and a sync more, for one sync less
		chunk = append(chunk, make([]byte, end-f.at-int64(len(chunk)))...)
		f.size = end
	} else if err := f.grow(end); err != nil {
		return err
	}
	if _, err := f.f.WriteAt(chunk, f.at); err != nil {
		return err
	}
	f.at = end
	return syncData(f.f)
}

// grow fills the file with zeros up to size bytes or more.
func (f *journalFile) grow(size int64) error {
	if size <= f.size {
		return nil
	}
	grown := size + -size&(journalStep-1)
	if _, err := f.f.WriteAt(make([]byte, grown-f.size), f.size); err != nil {
		return err
	}
	f.size = grown
	return f.f.Sync()
}

// entryMost is about what an entry takes beside its batch.
const entryMost = 256

// An entry is a message in the journal.
type entry struct {
	stream  string
	seq     uint64
	base    int64  // offset of its first record
	before  uint32 // chain of the batch before it
	subject string
	frame   []byte // empty: it was refused
}

func appendEntry(dst []byte, e *entry) []byte {
	dst = appendSized(dst, []byte(e.stream))
	dst = binary.AppendUvarint(dst, e.seq)
	dst = binary.AppendUvarint(dst, uint64(e.base))
	dst = binary.LittleEndian.AppendUint32(dst, e.before)
	dst = appendSized(dst, []byte(e.subject))
	return appendSized(dst, e.frame)
}

func appendSized(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// newMessage is the message of a batch that is to stand behind another one.
func newMessage(subject string, frame []byte, behind string) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Header.Set(headerBatch, batchFormat)
	msg.Header.Set(headerExpect, behind)
	msg.Data = frame
	return msg
}
