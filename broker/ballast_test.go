package broker_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/broker"
	"github.com/nagare-stream/nagare/engine/record"
)

// smallDisk mounts a disk of its own of so many MiB, or skips.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("needs Linux and root, for a small tmpfs")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%dm", mib), "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("mount a small tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return dir
}

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 64<<10); err == nil; _, err = f.Write(block) {
	}
	for small := make([]byte, 1<<10); ; {
		if _, err := f.Write(small); err != nil {
			break
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLastTopicsGoOnWhenTheDiskIsFull: when others have taken all of the disk, the topics of Config.Last find what the
// ballast gives back, and no other topic does. When there is room again all go on, and the ballast is made again.
func TestLastTopicsGoOnWhenTheDiskIsFull(t *testing.T) {
	ctx, disk := t.Context(), smallDisk(t, 64)
	b := openBroker(t, broker.Config{Dir: filepath.Join(disk, "broker"), Last: []string{"own"}, Ballast: 4 << 20})
	createTopic(t, b, broker.TopicConfig{Name: "own"})
	createTopic(t, b, broker.TopicConfig{Name: "events"})
	own, events := writerOf(t, b, "own", "p"), writerOf(t, b, "events", "p")
	pieces := func() int {
		list, err := filepath.Glob(filepath.Join(disk, "broker", "ballast", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	await := func(what string, holds func() bool) {
		t.Helper()
		giveUp := time.After(time.Minute)
		for again := time.NewTicker(5 * time.Millisecond); !holds(); {
			select {
			case <-again.C:
			case <-giveUp:
				t.Fatalf("waited a minute for %s", what)
			}
		}
	}
	send := func(w broker.Writer) error {
		r := &record.Records{}
		r.Values.Append([]byte("x"))
		_, err := w.Append(ctx, 0, r, -1)
		return err
	}
	await("a whole ballast", func() bool { return pieces() == 4 && b.Floor() == broker.DefaultMinFree })
	junk := filepath.Join(disk, "junk")
	fill(t, junk)
	// Health looks at the disk now. An append may go by a look that is older than what filled the disk since, and the
	// server then meets the end of it; that is below.
	if full := (*broker.FullError)(nil); !errors.As(b.Healthy(), &full) {
		t.Fatalf("health on a full disk: %v", b.Healthy())
	}
	for n := range 3 {
		if err := send(own); err != nil {
			t.Fatalf("append %d to the last topic on a full disk: %v", n, err)
		}
		var full *broker.FullError
		if err := send(events); !errors.As(err, &full) {
			t.Fatalf("append %d to another topic on a full disk: %v", n, err)
		}
	}
	if n := pieces(); n != 2 {
		t.Errorf("%d pieces of the ballast are left, want 2: one to have room, one to leave some free", n)
	}
	if got, want := b.Floor(), uint64(broker.DefaultMinFree+2<<20); got != want {
		t.Errorf("other topics leave %d bytes free, want %d", got, want)
	}
	// Whoever fills the disk takes what was given back, too: the last topics use one piece after the other, and are then refused.
	for n := 0; pieces() > 0; n++ {
		fill(t, junk+fmt.Sprint(n))
		had := pieces()
		err := send(own)
		var down *broker.DownError
		if errors.As(b.Healthy(), &down) { // the server has met the end of the disk
			err = errors.Join(b.Restart(ctx), send(own))
		}
		if err != nil && pieces() > 0 {
			t.Fatalf("with %d of %d pieces left: %v", pieces(), had, err)
		}
	}
	fill(t, junk+"last")
	await("a refusal, without any ballast and room", func() bool { return send(own) != nil })
	left, err := filepath.Glob(junk + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if down := (*broker.DownError)(nil); errors.As(b.Healthy(), &down) {
		if err := b.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(send(own), send(events)); err != nil {
		t.Errorf("after space returned: %v", err)
	}
	await("a ballast that is whole again", func() bool { return pieces() == 4 && b.Floor() == broker.DefaultMinFree })
}
