package broker

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
)

// diskLook is how old a look at the free disk may be: where so much is left that no disk takes it meanwhile, longer.
const (
	diskLook   = 50 * time.Millisecond
	roomyLook  = time.Second
	roomyBytes = 16 << 30
)

// What the topics of Config.Last find on a full disk.
const (
	lastFree     = 1 << 20 // bytes that they, too, leave free: the server may not meet the end of the disk
	mostReleased = 4       // pieces of the ballast for one append
	fillEvery    = time.Second
)

// A diskWatch keeps appends from filling the disk. Those of most topics leave floor bytes free; those of the last
// topics use them, and then the ballast. A nil one allows everything.
type diskWatch struct {
	dir   string
	floor uint64
	last  []string // topics

	mu      sync.Mutex
	looked  time.Time
	free    uint64 // at that time, less what was appended since
	ballast *ballast
}

func newDiskWatch(dir, ballastDir string, cfg Config) *diskWatch {
	if cfg.MemoryOnly || cfg.MinFree < 0 {
		return nil
	}
	d := &diskWatch{dir: dir, floor: uint64(cfg.MinFree), last: cfg.Last, ballast: &ballast{}}
	if len(cfg.Last) > 0 {
		d.ballast = newBallast(ballastDir, cfg.Ballast)
	}
	return d
}

// take returns a *FullError if size bytes more would leave less free than they have to, else counts them.
func (d *diskWatch) take(topic string, size int) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	age := diskLook
	if d.free > roomyBytes {
		age = roomyLook
	}
	if now := time.Now(); now.Sub(d.looked) > age || d.free < d.kept(topic)+uint64(size) {
		d.look(now)
	}
	d.giveBack(topic, size)
	if err := d.allow(topic, size); err != nil {
		return err
	}
	d.free -= uint64(size)
	return nil
}

// room is take that looks at the disk now, and counts and gives back nothing.
func (d *diskWatch) room(topic string, size int) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look(time.Now())
	return d.allow(topic, size)
}

// hasRoom reports whether so many bytes of the disk can be taken beside appends.
func (d *diskWatch) hasRoom(size int) bool { return d.room("", size) == nil }

// restartBytes is what the server may write when it starts.
const restartBytes = 256 << 10

// restartRoom is room for a restart of the server, which the last topics need, too, if there are any.
func (d *diskWatch) restartRoom() error {
	if d == nil || len(d.last) == 0 {
		return d.room("", MaxBatchBytes)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look(time.Now())
	d.giveBack(d.last[0], restartBytes)
	return d.allow(d.last[0], restartBytes)
}

// giveBack has the ballast make room for what is appended to one of the last topics.
func (d *diskWatch) giveBack(topic string, size int) {
	if !slices.Contains(d.last, topic) {
		return
	}
	for n := 0; d.free < d.kept(topic)+uint64(size) && n < mostReleased && d.ballast.release(); n++ {
		d.look(time.Now())
	}
}

// kept is the bytes that appends to a topic leave free. What the ballast has given back is nobody else's.
func (d *diskWatch) kept(topic string) uint64 {
	if slices.Contains(d.last, topic) {
		return lastFree
	}
	return d.floor + d.ballast.missing()
}

// allow judges by the newest look.
func (d *diskWatch) allow(topic string, size int) error {
	if d.free >= d.kept(topic)+uint64(size) {
		return nil
	}
	return &FullError{topic, fmt.Sprintf("the disk of %s has %d MiB free and %d MiB are kept for checkpoints; free some space and it goes on by itself", d.dir, d.free>>20, d.kept(topic)>>20)}
}

// look asks the system. Where it does not answer, nothing is refused.
func (d *diskWatch) look(now time.Time) {
	d.looked = now
	usage, err := disk.Usage(d.dir)
	if err != nil {
		d.free = 1 << 62
		return
	}
	d.free = usage.Free
}

// refill takes room for a piece of the ballast that is missing, if that refuses no append which was allowed before.
// Appends do not wait for it.
func (d *diskWatch) refill() error {
	d.mu.Lock()
	missing, piece := d.ballast.missing(), d.ballast.held
	if missing > 0 {
		d.look(time.Now())
	}
	isFull := d.free < d.floor+missing
	d.mu.Unlock()
	if missing == 0 || isFull {
		return nil
	}
	if err := d.ballast.write(piece); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ballast.held != piece { // one was given back meanwhile
		return os.Remove(d.ballast.path(piece))
	}
	d.ballast.held++
	return nil
}

// fillLoop keeps the ballast whole until the broker is closed: a piece a second, so that it is in nobody's way.
func (b *Broker) fillLoop() {
	ticker := time.NewTicker(fillEvery)
	defer ticker.Stop()
	told := ""
	for {
		select {
		case <-b.stop:
			return
		case <-ticker.C:
		}
		if err := b.disk.refill(); err != nil && err.Error() != told {
			told = err.Error()
			b.cfg.Logger.Warn("keep room for the time when the disk is full", "error", err)
		}
	}
}

// Floor is the bytes of the disk that appends to most topics leave free now; see Config.MinFree and Config.Last.
func (b *Broker) Floor() uint64 {
	if b.disk == nil {
		return 0
	}
	b.disk.mu.Lock()
	defer b.disk.mu.Unlock()
	return b.disk.kept("")
}
