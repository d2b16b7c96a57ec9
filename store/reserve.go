package store

import (
	"os"
	"path/filepath"

	"github.com/shirou/gopsutil/v4/disk"
)

// A reserve is a file of some megabytes that does nothing but take room. When the disk is full it is
// removed, so that a last checkpoint finds a place; later it is made again.
type reserve struct {
	path string
	size int64
	full bool   // the file is there
	next uint64 // epoch from which on it is made again
}

// reserveWait is how many commits pass before a released reserve is made again.
const reserveWait = 100

// reserveRoom is what the disk has to have free beside a reserve that is made again: on a full disk it would take
// what others still write to.
const reserveRoom = 32 << 20

func newReserve(path string, size int64) *reserve {
	r := &reserve{path: path + ".reserve", size: size}
	if info, err := os.Stat(r.path); err == nil && info.Size() == size {
		r.full = true
		return r
	}
	r.fill()
	return r
}

func (r *reserve) held() bool { return r.full }

// fill writes the file. Its bytes differ from page to page and from zero, so that no file system
// stores it in less room than it shows.
func (r *reserve) fill() {
	if r.size <= 0 {
		return
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return
	}
	page := make([]byte, 64<<10)
	x := uint64(1)
	for left := r.size; left > 0 && err == nil; left -= int64(len(page)) {
		page = page[:min(int64(len(page)), left)]
		for i := range page {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
			page[i] = byte(x)
		}
		_, err = f.Write(page)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(r.path)
		return
	}
	r.full = true
}

// release gives the room back to the disk and reports whether there was any.
func (r *reserve) release() bool {
	if !r.full {
		return false
	}
	r.full = false
	r.next = 0
	return os.Remove(r.path) == nil
}

// restore makes the file again some commits after it was released, if the disk has room.
func (r *reserve) restore(epoch uint64) {
	if r.full || r.size <= 0 {
		return
	}
	if r.next == 0 {
		r.next = epoch + reserveWait
	}
	if epoch >= r.next {
		r.next = epoch + reserveWait
		if usage, err := disk.Usage(filepath.Dir(r.path)); err != nil || usage.Free >= uint64(r.size)+reserveRoom {
			r.fill()
		}
	}
}
