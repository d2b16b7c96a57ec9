package broker

import (
	"encoding/binary"
	"fmt"
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
// Rows that are made of other records again after a crash (Config.Remade) need no sync of their own: they are
// published at once, and their entries go into the next chunk, whoever needs it, or into that of flush. Before that,
// one message of their stream is in the journal's present generation, so that a start knows from where on the
// stream's files may hold what was never written.
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

// checkpointEvery is how long messages are in the journal before their streams are synced: a sync of each stream, for
// what a start reads of the journal.
const checkpointEvery = time.Minute

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
	early   early
	owed    bool              // something was published early and is not durable yet
	begun   map[string]*begun // by stream
	present uint64            // generation
	wanted  []chan error      // of checkpoint
	flushes []chan error      // of flush
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

// An early is entries of messages that were published before they are durable.
type early struct {
	entries []byte
	streams map[string]bool
}

// A begun is where a stream stands with the journal.
type begun struct {
	generation uint64 // the newest that has something of it
	waiting    int    // messages in the queue, or written and not published
}

// startJournal goes on behind what was found in the journal's folder.
func startJournal(dir string, interval time.Duration, l *link, found *journaled, sync func(map[string]bool) error, room func(int) bool) *journal {
	j := &journal{dir: dir, interval: interval, link: l, sync: sync, room: room, generation: found.generation, floor: found.generation + 1, isEmpty: len(found.streams) == 0,
		active: found.active, streams: make(map[string]bool), begun: make(map[string]*begun), wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	j.turn()
	go j.loop()
	return j
}

// turn goes on with the other file, and a new generation.
func (j *journal) turn() {
	j.active = 1 - j.active
	j.generation, j.number = j.generation+1, 0
	j.since, j.streams = time.Time{}, make(map[string]bool)
	j.mu.Lock()
	j.present = j.generation
	j.mu.Unlock()
	if f := j.files[j.active]; f != nil {
		f.at = 0
	}
}

// add has a message made durable and then published. Messages of one stream are added in order.
func (j *journal) add(m *pending) {
	j.mu.Lock()
	j.queue = append(j.queue, m)
	j.bytes += len(m.frame)
	j.of(m.partition.stream).waiting++
	first, full := len(j.queue) == 1, j.bytes >= gatherBytes
	j.mu.Unlock()
	if first || full {
		j.signal()
	}
}

// addEarly takes a message that its caller publishes at once, and that is durable behind the next flush. It returns
// false, and takes nothing, where it has to wait for its sync: others of its stream do, or it is the first one of its
// stream in this generation.
func (j *journal) addEarly(m *pending) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if at := j.of(m.partition.stream); at.generation != j.present || at.waiting > 0 {
		return false
	}
	if j.early.streams == nil {
		j.early.streams = make(map[string]bool)
	}
	j.early.streams[m.partition.stream], j.owed = true, true
	had := len(j.early.entries)
	j.early.entries = appendEntry(j.early.entries, entryOf(m))
	j.bytes += len(j.early.entries) - had
	if j.bytes >= gatherBytes {
		j.signal()
	}
	return true
}

// of is where a stream stands. The lock is held.
func (j *journal) of(stream string) *begun {
	at := j.begun[stream]
	if at == nil {
		at = &begun{}
		j.begun[stream] = at
	}
	return at
}

// take takes what is to be written next.
func (j *journal) take() (queue []*pending, e early) {
	j.mu.Lock()
	defer j.mu.Unlock()
	queue, e = j.queue, j.early
	j.queue, j.early, j.bytes = nil, early{}, 0
	return queue, e
}

func (j *journal) signal() {
	select {
	case j.wake <- struct{}{}:
	default:
	}
}

// checkpoint syncs all streams; when it returns nil no message is needed from the journal any more that was
// published before.
func (j *journal) checkpoint() error { return j.ask(&j.wanted) }

// flush makes durable what was added before.
func (j *journal) flush() error {
	j.mu.Lock()
	owed := j.owed
	j.mu.Unlock()
	if !owed {
		return nil
	}
	return j.ask(&j.flushes)
}

func (j *journal) ask(list *[]chan error) error {
	done := make(chan error, 1)
	j.mu.Lock()
	*list = append(*list, done)
	j.mu.Unlock()
	j.signal()
	select {
	case err := <-done:
		return err
	case <-j.stopped:
		if err := j.link.unwritable.err(); err != nil {
			return err // it ended because of that
		}
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
		if !j.pace() {
			return
		}
		j.mu.Lock()
		wanted, flushes := j.wanted, j.flushes
		j.wanted, j.flushes = nil, nil
		j.mu.Unlock()
		err := j.commit(j.take())
		if err == nil && len(wanted) > 0 {
			err = j.checkpointNow()
		}
		if err != nil {
			j.link.writeFailed(err.Error())
			return // which is the answer to whoever asked
		}
		for _, done := range append(wanted, flushes...) {
			done <- nil
		}
	}
}

// together is the part of the interval that the first append behind a pause waits for those that come with it: a
// producer's of several partitions are one chunk then.
const together = 16

// pace waits until the next chunk is due: nearly at once behind a pause, else an interval after the one before, or when
// much has come, or somebody asks. It returns false when the journal is closed.
func (j *journal) pace() bool {
	for least := j.interval / together; ; least = 0 {
		wait := max(j.interval-time.Since(j.last), least)
		j.mu.Lock()
		ready := j.bytes >= gatherBytes || len(j.wanted)+len(j.flushes) > 0
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

// commit makes messages durable, and publishes those that wait for it.
func (j *journal) commit(queue []*pending, early early) error {
	if len(queue)+len(early.streams) == 0 {
		return nil
	}
	size := len(early.entries)
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
	j.put(early)
	for _, m := range queue {
		j.streams[m.partition.stream] = true
		j.chunk = appendEntry(j.chunk, entryOf(m))
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
	j.published(queue, early)
	return nil
}

// put appends what was published early to the chunk. Of each stream it lies before what is in the queue.
func (j *journal) put(early early) {
	j.chunk = append(j.chunk, early.entries...)
	for stream := range early.streams {
		j.streams[stream] = true
	}
}

// published notes that streams have something in this generation, and what is in front of whatever is added now.
func (j *journal) published(queue []*pending, early early) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.owed = j.early.streams != nil
	for stream := range early.streams {
		j.of(stream).generation = j.generation
	}
	for _, m := range queue {
		at := j.of(m.partition.stream)
		at.generation, at.waiting = j.generation, at.waiting-1
	}
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
	j.mu.Lock()
	e := j.early // published while the streams were being synced, maybe behind it
	j.early = early{}
	j.mu.Unlock()
	j.begin()
	j.put(e)
	if err := j.write(); err != nil {
		return err
	}
	j.published(nil, e)
	return nil
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

// newMessage is the message of a batch that is to stand behind another one.
func newMessage(subject string, frame []byte, behind string) *nats.Msg {
	msg := nats.NewMsg(subject)
	msg.Header.Set(headerBatch, batchFormat)
	msg.Header.Set(headerExpect, behind)
	msg.Data = frame
	return msg
}
