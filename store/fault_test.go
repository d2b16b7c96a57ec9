package store_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
	bolt "go.etcd.io/bbolt"
)

// TestMain lets the test binary stand in for a second process.
func TestMain(m *testing.M) {
	switch path := os.Getenv("NAGARE_STORE_CHILD"); {
	case path == "":
		os.Exit(m.Run())
	case os.Getenv("NAGARE_STORE_ROLE") == "hold":
		os.Exit(holdChild(path))
	default:
		os.Exit(commitChild(path))
	}
}

func child(t *testing.T, path, role string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NAGARE_STORE_CHILD="+path, "NAGARE_STORE_ROLE="+role)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // held open by this process
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// holdChild opens the store and keeps it until it is killed.
func holdChild(path string) int {
	s, err := store.Open(store.Config{Path: path, Started: time.Unix(1770109200, 0), Reserve: -1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	s.SetAddress("127.0.0.1:7575")
	fmt.Println("open")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
	return 0
}

func TestSecondProcessIsTurnedAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "nagare.db")
	cmd, out := child(t, path, "hold")
	if !out.Scan() {
		t.Fatal("the first process did not open the store")
	}
	_, err := store.Open(store.Config{Path: path})
	var inUse *store.InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("a second open returned %v", err)
	}
	if inUse.PID != cmd.Process.Pid || inUse.Address != "127.0.0.1:7575" || inUse.Started.Unix() != 1770109200 {
		t.Errorf("the owner is said to be %+v, it is process %d", inUse, cmd.Process.Pid)
	}
	for _, part := range []string{fmt.Sprint("process ", cmd.Process.Pid), "http://127.0.0.1:7575", "--data"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	s, err := store.Open(store.Config{Path: path, Reserve: -1})
	if err != nil {
		t.Fatalf("open after the owner was killed: %v", err)
	}
	defer s.Close()
	if s.Path() != path {
		t.Errorf("Path is %s", s.Path())
	}
}

// commitChild commits as fast as it can and says which epoch is done. Entry i of epoch e is e, so
// that a torn state is seen.
func commitChild(path string) int {
	s, err := store.Open(store.Config{Path: path, CompactMin: 64 << 10, Reserve: -1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cp, err := s.Load(context.Background(), func(string, []byte, []byte) error { return nil })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var d state.Delta
	for epoch := cp.Epoch + 1; ; epoch++ {
		d.Reset()
		for i := range 200 {
			d.Put("state", binary.BigEndian.AppendUint32(nil, uint32(i)), binary.BigEndian.AppendUint64(nil, epoch))
		}
		d.Put("table/log", binary.BigEndian.AppendUint64(nil, epoch), make([]byte, 100))
		if err := s.Commit(context.Background(), state.Checkpoint{Epoch: epoch, Data: fmt.Append(nil, epoch)}, &d); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(epoch)
	}
}

func TestKilledProcessLosesNoCommit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nagare.db")
	rng := rand.New(rand.NewPCG(1, 2))
	committed := uint64(0)
	for round := range 8 {
		cmd, out := child(t, path, "commit")
		for left := 1 + rng.IntN(40); left > 0 && out.Scan(); left-- {
			if _, err := fmt.Sscan(out.Text(), &committed); err != nil {
				t.Fatal(err)
			}
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		s := open(t, path)
		cp, err := s.Load(context.Background(), func(op string, key, value []byte) error {
			if e := binary.BigEndian.Uint64(value); e < committed {
				return fmt.Errorf("an entry is of epoch %d, %d is committed", e, committed)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if cp.Epoch < committed || string(cp.Data) != fmt.Sprint(cp.Epoch) {
			t.Fatalf("round %d: epoch %d %q was loaded, %d is committed", round, cp.Epoch, cp.Data, committed)
		}
		rows := uint64(0)
		if err := s.Scan(context.Background(), "table/log", nil, nil, func(key, _ []byte) error { rows++; return nil }); err != nil || rows != cp.Epoch {
			t.Fatalf("round %d: the table has %d rows after epoch %d: %v", round, rows, cp.Epoch, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if committed < 50 {
		t.Fatalf("only %d commits were made: the test shows nothing", committed)
	}
}

func TestForeignAndNewerFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	var format *store.FormatError
	var corrupt *store.CorruptError

	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(store.Config{Path: text}); !errors.As(err, &format) {
		t.Errorf("a text file: %v", err)
	}
	if got, _ := os.ReadFile(text); len(got) != 20000 {
		t.Errorf("a foreign file was changed: it has %d bytes", len(got))
	}
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(store.Config{Path: empty}); !errors.As(err, &corrupt) {
		t.Errorf("an empty file: %v", err)
	}
	if _, err := store.Open(store.Config{Path: dir}); !errors.As(err, &format) {
		t.Errorf("a folder: %v", err)
	}
	other := filepath.Join(dir, "other.db")
	put(t, other, "buckets of another program", "k", "v")
	if _, err := store.Open(store.Config{Path: other}); !errors.As(err, &format) {
		t.Errorf("a bbolt file of another program: %v", err)
	}
	newer := filepath.Join(dir, "newer.db")
	if err := open(t, newer).Close(); err != nil {
		t.Fatal(err)
	}
	put(t, newer, "meta", "version", "\x00\x00\x00\x63")
	if _, err := store.Open(store.Config{Path: newer}); !errors.As(err, &format) || !strings.Contains(err.Error(), "99") {
		t.Errorf("a newer file: %v", err)
	}
}

func put(t *testing.T, path, bucket, key, value string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		return b.Put([]byte(key), []byte(value))
	}); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsAnError cuts the file and flips bytes, at many places. Whatever is opened, loaded and
// checked returns an error or works; nothing panics and the lock is given back.
func TestDamageIsAnError(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "nagare.db")
	s := open(t, path)
	var d state.Delta
	for i := range 2000 {
		d.Put(fmt.Sprint("op", i%3), fmt.Append(nil, i), make([]byte, 50))
	}
	if err := s.Commit(context.Background(), state.Checkpoint{Epoch: 1}, &d); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	refused := 0
	try := func(what string, bytes []byte) {
		t.Helper()
		if err := os.WriteFile(path, bytes, 0o600); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		s, err := store.Open(store.Config{Path: path, Reserve: -1})
		if err == nil {
			_, err = s.Load(context.Background(), func(string, []byte, []byte) error { return nil })
			if cerr := s.Check(); err == nil {
				err = cerr
			}
			_ = s.Close()
		}
		var corrupt *store.CorruptError
		var format *store.FormatError
		var inUse *store.InUseError
		if errors.As(err, &inUse) {
			t.Fatalf("%s: a lock was kept, after %v", what, time.Since(began))
		}
		if errors.As(err, &corrupt) || errors.As(err, &format) {
			refused++
		} else if err != nil {
			t.Errorf("%s: an error without a type: %v", what, err)
		}
	}
	for range 20 {
		n := rng.IntN(len(whole))
		try(fmt.Sprintf("cut to %d bytes", n), whole[:n])
	}
	for range 60 {
		bytes := append([]byte(nil), whole...)
		at := rng.IntN(16 << 10) // the first pages: meta, free list, roots
		if rng.IntN(2) == 0 {
			at = rng.IntN(len(bytes))
		}
		bytes[at] ^= 1 << rng.IntN(8)
		try(fmt.Sprintf("bit flipped at %d", at), bytes)
	}
	if refused < 20 {
		t.Errorf("only %d of 80 damaged files were noticed", refused)
	}
	try("whole again", whole)
}

func TestFolders(t *testing.T) {
	var folder *store.FolderError
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(store.Config{Path: filepath.Join(file, "data", "nagare.db")}); !errors.As(err, &folder) {
		t.Errorf("a folder below a file: %v", err)
	}
	dir := filepath.Join(t.TempDir(), "a", "b")
	s := open(t, filepath.Join(dir, "nagare.db"))
	defer s.Close()
	if runtime.GOOS != "windows" {
		for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "nagare.db"): 0o600, filepath.Join(dir, "nagare.db.owner"): 0o600} {
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != want {
				t.Errorf("%s has mode %v, want %v: %v", path, info.Mode(), want, err)
			}
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("the folder holds %v: %v", left, err)
	}
}

func TestFolderWithoutWritePermission(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("needs a user whom permissions bind")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	var folder *store.FolderError
	if _, err := store.Open(store.Config{Path: filepath.Join(dir, "nagare.db")}); !errors.As(err, &folder) || !strings.Contains(err.Error(), "not writable") {
		t.Errorf("open in a read-only folder: %v", err)
	}
}

// smallDisk mounts a file system of that size; it needs Linux and root.
func smallDisk(t *testing.T, options string) string {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("needs Linux and root, for a small tmpfs")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("mount a small tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return dir
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := smallDisk(t, "size=1m")
	if out, err := exec.Command("mount", "-o", "remount,ro", dir).CombinedOutput(); err != nil {
		t.Skipf("remount: %v %s", err, out)
	}
	var folder *store.FolderError
	if _, err := store.Open(store.Config{Path: filepath.Join(dir, "nagare.db")}); !errors.As(err, &folder) || !strings.Contains(err.Error(), "not writable") {
		t.Errorf("open on a read-only file system: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "size=64m")
	fill := func(path string, leave int64) {
		t.Helper()
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		block := make([]byte, 64<<10)
		for {
			if _, err := f.Write(block); err != nil {
				break
			}
		}
		if leave > 0 {
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Truncate(info.Size() - leave); err != nil {
				t.Fatal(err)
			}
		}
	}
	junk := filepath.Join(dir, "junk")
	fill(junk, 0)
	path := filepath.Join(dir, "data", "nagare.db")
	var folder *store.FolderError
	if _, err := store.Open(store.Config{Path: path}); !errors.As(err, &folder) || !strings.Contains(err.Error(), "full") {
		t.Fatalf("open on a full disk: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made on a full disk")
	}
	_ = os.Remove(junk)

	s, err := store.Open(store.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	var d state.Delta
	commit := func(epoch uint64) error {
		d.Reset()
		d.Put("w", fmt.Append(nil, epoch), make([]byte, 1<<20))
		return s.Commit(context.Background(), state.Checkpoint{Epoch: epoch}, &d)
	}
	if err := commit(1); err != nil {
		t.Fatal(err)
	}
	fill(junk, 0)
	last := uint64(1)
	for ; last < 100; last++ {
		if err = commit(last + 1); err != nil {
			break
		}
	}
	// The reserve of 4 MiB has to carry at least one more checkpoint of 1 MiB.
	var full *store.FullError
	if !errors.As(err, &full) || !errors.Is(err, syscall.ENOSPC) || last < 2 {
		t.Fatalf("after epoch %d a commit on a full disk returned %v", last, err)
	}
	if st, err := s.Stats(); err != nil || st.Reserve {
		t.Errorf("the reserve is still there: %+v %v", st, err)
	}
	if err := commit(last + 1); err == nil {
		t.Error("a commit after one that went wrong was accepted")
	}
	_ = s.Close()
	_ = os.Remove(junk)
	again := open(t, path)
	defer again.Close()
	cp, err := again.Load(context.Background(), func(string, []byte, []byte) error { return nil })
	if err != nil || cp.Epoch != last {
		t.Errorf("epoch %d is there, %d was committed: %v", cp.Epoch, last, err)
	}
}
