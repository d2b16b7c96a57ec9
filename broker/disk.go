package broker

import (
	"fmt"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
)

// diskLook is how old a look at the free disk may be.
const diskLook = 50 * time.Millisecond

// A diskWatch keeps appends from filling the disk. A nil one allows everything.
type diskWatch struct {
	dir   string
	floor uint64

	mu     sync.Mutex
	looked time.Time
	free   uint64 // at that time, less what was appended since
}

func newDiskWatch(dir string, cfg Config) *diskWatch {
	if cfg.MemoryOnly || cfg.MinFree < 0 {
		return nil
	}
	return &diskWatch{dir: dir, floor: uint64(cfg.MinFree)}
}

// take returns a *FullError if size bytes more would leave less free than the floor, else counts them.
func (d *diskWatch) take(topic string, size int) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); now.Sub(d.looked) > diskLook || d.free < d.floor+uint64(size) {
		d.look(now)
	}
	if err := d.allow(topic, size); err != nil {
		return err
	}
	d.free -= uint64(size)
	return nil
}

// room is take that looks at the disk now and counts nothing.
func (d *diskWatch) room(topic string, size int) error {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.look(time.Now())
	return d.allow(topic, size)
}

func (d *diskWatch) allow(topic string, size int) error {
	if d.free >= d.floor+uint64(size) {
		return nil
	}
	return &FullError{topic, fmt.Sprintf("the disk of %s has %d MiB free and %d MiB are kept for checkpoints; free some space and it goes on by itself", d.dir, d.free>>20, d.floor>>20)}
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
