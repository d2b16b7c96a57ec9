package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nagare-stream/nagare/node"
)

// TestFolderWithoutPermission starts on folders that cannot be written to. As root, who may write
// everywhere, the processes run as another user.
func TestFolderWithoutPermission(t *testing.T) {
	root := os.Geteuid() == 0
	bin, dir := openToAll(t), openToAll(t)
	exe := filepath.Join(bin, "nagare") // the binary of go test lies where others may not look
	copyFile(t, self(t), exe)

	readable := usedFolder(t, dir)
	setModes(t, readable, 0o555, 0o444)
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{"one that may only be read": readable, "an empty one": locked, "a new one": filepath.Join(locked, "new", "deep")}
	if root { // else nobody else's folder can be made here
		private := filepath.Join(dir, "private")
		if err := os.Mkdir(private, 0o700); err != nil {
			t.Fatal(err)
		}
		cases["one of somebody else"] = usedFolder(t, private)
	}
	before := listing(t, dir)
	for name, data := range cases {
		for _, args := range [][]string{{"run", "--data", data, "--http", "off"}, {"run", "--once", "--data", data}} {
			p := asAnother(t, exe, args...)
			t.Logf("%s: %s", name, strings.TrimSpace(p.errors))
			refused(t, p, node.ExitData, data, "give yourself the right", "--data")
		}
	}
	unchanged(t, before, dir)
	setModes(t, dir, 0o700, 0o600) // to be removed
}

// openToAll is a temporary folder that other users can look into.
func openToAll(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "nagare-folders-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func setModes(t *testing.T, dir string, folders, files os.FileMode) {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			all = append(all, path)
			return os.Chmod(path, folders|0o700) // until its content is seen
		}
		return os.Chmod(path, files)
	})
	for _, path := range all {
		err = errors.Join(err, os.Chmod(path, folders))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// nobody is a user who owns nothing.
const nobody = 65534

// asAnother runs a command line as somebody who is not root.
func asAnother(t *testing.T, exe string, args ...string) finished {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Dir = filepath.Dir(exe)
	cmd.Env = []string{childEnv + "=cli", "XDG_STATE_HOME=" + cmd.Dir, "PATH=" + os.Getenv("PATH")}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatalf("run nagare %q: %v", args, err)
	}
	return finished{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
	}
}

// smallDisk mounts a disk of 64 MB.
func smallDisk(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounts a disk of 64 MB, which only root may do")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("mounts a disk of 64 MB, which is not possible here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill writes a file until its disk has no byte left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 64<<10))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill the disk: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestFullDisk starts on a disk without room: it says so and touches nothing.
func TestFullDisk(t *testing.T) {
	disk := smallDisk(t)
	used := usedFolder(t, disk)
	fill(t, filepath.Join(disk, "ballast"))
	before := listing(t, disk)
	for _, data := range []string{used, filepath.Join(disk, "new")} {
		for _, args := range [][]string{{"run", "--data", data, "--http", "off"}, {"run", "--once", "--data", data}} {
			refused(t, nagare(t, nil, args...), node.ExitData, data, "0 MB free", "free some space", "--data")
		}
	}
	unchanged(t, before, disk)
}

// TestDiskFills fills the disk under a running process. Appends are refused with the reason, what was
// acknowledged stays and is counted, and when there is room again everything goes on by itself.
func TestDiskFills(t *testing.T) {
	disk := smallDisk(t)
	data, ballast := filepath.Join(disk, "data"), filepath.Join(disk, "ballast")
	p := start(t, false, "run", "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
	lines := func(from int) []byte {
		var b bytes.Buffer
		for i := from; i < from+100; i++ {
			fmt.Fprintln(&b, event(i, fmt.Sprintf("user_%d", i%7), fmt.Sprintf("2026-02-03T09:%02d:%02dZ", i/60, i%60)))
		}
		return b.Bytes()
	}
	if sent := publish(t, data, lines(0)); sent.code != 0 {
		t.Fatalf("publish: exit %d; stderr:\n%s", sent.code, sent.errors)
	}
	p.awaitRead(lifeTopic, 100)

	fill(t, ballast)
	refused(t, publish(t, data, lines(100)), node.ExitFailed, "MiB free", "free some space")
	p.await("the trouble to be shown", func() bool {
		st := p.status()
		return st.State == "degraded" && strings.Contains(st.Reason, "free some space")
	})

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	p.await("the process to go on", func() bool { return p.status().State != "degraded" })
	if sent := publish(t, data, lines(200)); sent.code != 0 {
		t.Fatalf("publish after there was room again: exit %d; stderr:\n%s", sent.code, sent.errors)
	}
	p.awaitRead(lifeTopic, 200)
	p.stop()
	if c := summary(t, p); c.Read != 200 || c.Counted != 200 {
		t.Errorf("ledger: got %+v, want the 200 records that were acknowledged", c)
	}
	checkStopped(t, data, summary(t, p))
}
