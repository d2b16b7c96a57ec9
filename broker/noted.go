package broker

import (
	"fmt"
	"path/filepath"
)

// The server writes its index every other minute, and has none before. So it is noted beside it,
//
//	known/STREAM/index   what the blocks hold that are full, in the server's own form
//
// whenever noteEvery bytes more were acknowledged: each block is read first, and its records proven. A start
// takes the newer of the two indexes, and reads what lies behind. The note is never synced: after a power cut
// its checksum may be wrong, and then it is none.
const (
	knownIndex = "index"
	noteEvery  = 64 << 20 // bytes of all partitions together
)

// grew hears of bytes that were acknowledged.
func (b *Broker) grew(n int) {
	if b.cfg.MemoryOnly || b.cfg.NoSync || b.unnoted.Add(int64(n)) < noteEvery {
		return
	}
	b.unnoted.Store(0)
	select {
	case b.noting <- struct{}{}:
	default: // it is being done
	}
}

// noteLoop notes indexes when it is time, until the broker is closed.
func (b *Broker) noteLoop() {
	for {
		select {
		case <-b.stop:
			return
		case <-b.noting:
			for _, p := range b.partitions() {
				if err := b.noteIndex(p.stream); err != nil {
					b.cfg.Logger.Debug("note the index of a log", "topic", p.topic, "partition", p.number, "error", err)
				}
			}
		}
	}
}

// noteIndex notes what the full blocks of a stream hold. A log that is not plain has no note.
func (b *Broker) noteIndex(stream string) (err error) {
	p := b.proofOf(stream)
	if p.files, err = blockFiles(p.folder); err != nil || len(p.files) < 2 || !p.describe(p.folder) {
		return err
	}
	p.files = p.files[:len(p.files)-1] // the last one is being written
	p.synced, p.room = true, make(buffers, 1)
	p.room <- nil
	x, full := p.basis()
	if n := len(x.blocks); n == len(p.files) && p.files[n-1].size == x.blocks[n-1].bytes {
		return nil
	}
	p.reset(p.floor, p.base)
	p.skip(x, full)
	plain, err := p.extend(x, full)
	if plain && !p.writeIndex(x, filepath.Join(p.known, knownIndex)) {
		return fmt.Errorf("write %s", filepath.Join(p.known, knownIndex))
	}
	return err
}
