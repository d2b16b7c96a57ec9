package node_test

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

var powerCuts = flag.Int("powercuts", 6, "how often TestPowerCuts cuts the power, a third of it in a life with phases")

// loopDisks is what says "required" where a disk whose power can be cut has to be there.
const loopDisks = "NAGARE_TEST_LOOP"

// A cutDisk is an ext4 on a loop device. Its power is cut as Linux lets root do it: nothing is written any more, and what
// was not synced, of data and of names, is gone with the next mount.
type cutDisk struct {
	t          testing.TB
	image, dir string
	before     map[string]int64

	mu         sync.Mutex
	running    int // lives so far
	down       bool
	cuts, took int // how often, and how often a file was gone behind it, or shorter
}

func newCutDisk(t testing.TB) *cutDisk {
	t.Helper()
	d := &cutDisk{t: t, image: filepath.Join(t.TempDir(), "disk"), dir: filepath.Join(t.TempDir(), "mount")}
	err := errors.Join(os.Mkdir(d.dir, 0o700), os.WriteFile(d.image, nil, 0o600), os.Truncate(d.image, 2<<30))
	if err == nil {
		err = system("mkfs.ext4", "-q", "-F", d.image)
	}
	if err == nil {
		err = d.mount()
	}
	if err != nil && os.Getenv(loopDisks) == "" {
		t.Skipf("a disk whose power can be cut needs root and a loop device: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := system("umount", d.dir); err != nil {
			t.Error(err)
		}
	})
	return d
}

// system runs a program of the system.
func system(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w: %s", name, args, err, out)
	}
	return nil
}

func (d *cutDisk) mount() error { return system("mount", "-o", "loop", d.image, d.dir) }

func (d *cutDisk) folder() string { return d.dir }

// cut is EXT4_IOC_SHUTDOWN without a flush, of its journal neither. It is for the life that begins now.
func (d *cutDisk) cut() func() {
	d.mu.Lock()
	defer d.mu.Unlock()
	life := d.running
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if life == d.running {
			d.cutNow()
		}
	}
}

func (d *cutDisk) cutNow() {
	const shutdown, withoutFlush = 0x8004587D, 2
	d.before = d.sizes()
	f, err := os.Open(d.dir)
	if err != nil {
		d.t.Error(err)
		return
	}
	defer f.Close()
	how := uint32(withoutFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		d.t.Errorf("cut the power of %s: %v", d.dir, errno)
		return
	}
	d.down = true
	d.cuts++
}

// back mounts the disk again.
func (d *cutDisk) back() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.running++
	if !d.down {
		return
	}
	d.down = false
	if err := errors.Join(system("umount", d.dir), d.mount()); err != nil {
		d.t.Fatal(err)
	}
	now := d.sizes()
	for path, size := range d.before {
		if now[path] < size {
			d.took++
			return
		}
	}
}

// sizes is how long the files are, and 1 more, so that one that is there has a size.
func (d *cutDisk) sizes() map[string]int64 {
	found := map[string]int64{}
	_ = filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // it goes as it is looked at
		}
		if info, err := e.Info(); err == nil {
			found[path] = info.Size() + 1
		}
		return nil
	})
	return found
}

// TestPowerCuts cuts the power under the process of one logical run at random instants: what it had not synced, store and
// topics together, is gone. Tables, ledger and topics are then what an undisturbed run gives.
func TestPowerCuts(t *testing.T) {
	seed := *killSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("%d cuts at instants of seed %d (repeat with -killseed)", *powerCuts, seed)
	d := newCutDisk(t)
	amid := *powerCuts / 3
	t.Run("phases", func(t *testing.T) { phases(t, seed, amid, d) })

	whole := life{Data: filepath.Join(t.TempDir(), "undisturbed"), Events: killEvents / 3}
	undisturbed := runLife(t, self(t), whole, nil)
	if undisturbed.killed || undisturbed.last() != atDone {
		t.Fatalf("the undisturbed run ended at %q; stderr:\n%s", undisturbed.last(), undisturbed.errors)
	}
	k := &killer{t: t, exe: self(t), pace: undisturbed, random: rand.New(rand.NewPCG(seed, 3)), disk: d,
		life: life{Data: filepath.Join(d.dir, "cut"), Events: whole.Events}}
	k.run(*powerCuts - amid)
	t.Log(k.summary())
	tell(t, "after the cuts", foldersDiffer(t, whole.Data, k.life.Data))
	checkEvents(t, k.life)
	t.Logf("the power was cut %d times, and %d times a file was gone or shorter behind it", d.cuts, d.took)
	if 3*d.took < d.cuts {
		t.Errorf("only %d of %d cuts took something: the test shows little", d.took, d.cuts)
	}
}

// TestPowerCutCatchesBrokenBuild cuts the power under a build whose checkpoints come before their outputs, between the
// two. The next start has to refuse what it finds, or the comparison of TestPowerCuts to fail.
func TestPowerCutCatchesBrokenBuild(t *testing.T) {
	d := newCutDisk(t)
	exe := brokenBuild(t)
	good := life{Data: filepath.Join(t.TempDir(), "good"), Events: brokenEvents}
	if l := runLife(t, self(t), good, nil); l.last() != atDone {
		t.Fatalf("the run of the good build ended at %q; stderr:\n%s", l.last(), l.errors)
	}
	cut := life{Data: filepath.Join(d.dir, "cut"), Events: brokenEvents}
	l := runLife(t, exe, cut, &instant{told: brokenSays, cut: d.cut()}, "BROKEN_CHECKPOINT=pause")
	d.back()
	if d.cuts != 1 || !strings.Contains(l.errors, brokenSays) {
		t.Fatalf("the power was cut %d times; the broken build reached %q; stderr:\n%s", d.cuts, l.last(), l.errors)
	}
	if l := runLife(t, self(t), cut, nil); l.last() != atDone {
		if !strings.Contains(l.errors, "rows are lost") {
			t.Fatalf("the start after the cut ended at %q; stderr:\n%s", l.last(), l.errors)
		}
		return
	}
	if found := foldersDiffer(t, good.Data, cut.Data); !strings.Contains(strings.Join(found, "\n"), "topic ") {
		t.Fatalf("a checkpoint was durable before its outputs, and the comparison saw no topic that differs; it saw:\n%s", strings.Join(found, "\n"))
	}
}
