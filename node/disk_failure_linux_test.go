package node_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"github.com/nagare-stream/nagare/node"
)

// failEnv names what fails in a child process from a SIGUSR1 on: syncs of the store's file, and of other files, which
// are the broker's; "fsync", which is called when a file grew, all with EIO; "ftruncate", with which the store's file
// grows, with ENOSPC.
const failEnv = "NAGARE_TEST_FAIL"

// beforeCommand is what a process does before it becomes the nagare command.
func beforeCommand() {
	call, ok := map[string]failing{"store": {syscall.SYS_FDATASYNC, syscall.EIO, ofStore}, "broker": {syscall.SYS_FDATASYNC, syscall.EIO, ofOthers},
		"fsync": {syscall.SYS_FSYNC, syscall.EIO, ofAll}, "ftruncate": {syscall.SYS_FTRUNCATE, syscall.ENOSPC, ofAll}}[os.Getenv(failEnv)]
	if !ok {
		return
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	go func() {
		<-told
		if err := call.fail(); err != nil {
			fmt.Fprintln(os.Stderr, "cannot make calls fail:", err)
			os.Exit(99)
		}
	}()
}

// A failing call, and the error that it fails with.
type failing struct {
	number uint32
	errno  syscall.Errno
	files  int // of which it fails
}

const (
	ofAll    = iota
	ofStore  // the store's
	ofOthers // all but the store's
)

// storeFile is the descriptor of the store's file.
func storeFile() (uint32, error) {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && filepath.Base(to) == "state.db" {
			n, err := strconv.Atoi(e.Name())
			return uint32(n), err
		}
	}
	return 0, fmt.Errorf("no file of a store is open")
}

// fail has the kernel answer the call with the error, in every thread of the process and for good.
func (f failing) fail() error {
	const (
		setNoNewPrivs = 38
		modeFilter    = 1
		allThreads    = 1
		returnErrno   = 0x00050000
		returnAllow   = 0x7fff0000
	)
	seccomp, ok := map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("not on %s", runtime.GOARCH)
	}
	file, err := storeFile()
	if err != nil && f.files != ofAll {
		return err
	}
	const firstArgument = 16                                                                             // where it stands, on machines that have the low half first
	other := syscall.SockFilter{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: file, Jf: 1} // files of which it does not fail
	switch f.files {
	case ofAll:
		other.Code, other.Jf = syscall.BPF_JMP|syscall.BPF_JA, 0
		other.K = 0
	case ofOthers:
		other.Jt, other.Jf = 1, 0
	}
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS},
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: f.number, Jf: 3},
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: firstArgument},
		other,
		{Code: syscall.BPF_RET | syscall.BPF_K, K: returnErrno | uint32(f.errno)},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: returnAllow},
	}
	prog := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, e := syscall.RawSyscall6(syscall.SYS_PRCTL, setNoNewPrivs, 1, 0, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := syscall.RawSyscall(seccomp, modeFilter, allThreads, uintptr(unsafe.Pointer(&prog))); e != 0 {
		return e
	}
	return nil
}

// TestDiskFailure lets every sync of the store, or of the broker, or whichever comes first while the store's file still
// grows, fail under a running process, as a broken disk does: it ends by itself with exit code 5 and the reason, tries
// nothing again, is never called healthy after somebody has seen the failure, and status and doctor say the reason
// afterwards. The next start has every event that was acknowledged.
func TestDiskFailure(t *testing.T) {
	for name, c := range map[string]struct {
		call, where string
		early       bool // before the first checkpoint
	}{
		"store": {"store", "commit to store ", false}, "broker": {"broker", "embedded broker", false}, "growing": {"fsync", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			f := failUnder(t, c.call, c.early)
			for try := 0; try < 5 && !strings.Contains(f.said, c.where); try++ { // another part met the failure first
				f = failUnder(t, c.call, c.early)
			}
			if f.code != node.ExitData {
				t.Errorf("exit code %d, want %d", f.code, node.ExitData)
			}
			f.says(t, "the run", f.said, c.where, "input/output error", "the disk failed", "not tried again", "look at the disk")
			f.health(t, name == "broker")
			f.says(t, "status", succeed(t, "status", "--data", f.data).out, "stopped: the last run failed: ", c.where, "input/output error", "look at the disk")
			f.says(t, "doctor", succeed(t, "doctor", "--data", f.data).out, "the last run failed: ", c.where, "input/output error", "`nagare run` goes on from the last checkpoint")
			f.goesOn(t)
		})
	}
}

// TestFullDiskWhileTheStoreGrows: the store's file cannot grow for want of room, of which bbolt gives the text only. It
// is a full disk and not one that failed.
func TestFullDiskWhileTheStoreGrows(t *testing.T) {
	f := failUnder(t, "ftruncate", true)
	if f.code != node.ExitFailed {
		t.Errorf("exit code %d, want %d", f.code, node.ExitFailed)
	}
	f.says(t, "the run", f.said, "commit to store ", "the disk is full", "no space left on device", "free some space and start again")
	if strings.Contains(f.said, "the disk failed") {
		t.Error("a full disk is called a failed one")
	}
	f.says(t, "status", succeed(t, "status", "--data", f.data).out, "stopped: the last run failed: ", "the disk is full")
	f.goesOn(t)
}

// A diskFailure is a run whose disk failed.
type diskFailure struct {
	project string
	data    string
	sent    int // events that were acknowledged
	code    int
	said    string
	asked   []asked // for its health, from the failure on
}

// asked is an answer to whether a process is healthy.
type asked struct {
	code    int // 0: nobody answered
	text    string
	refused bool // an append had failed before it was asked
}

// failUnder runs the purchase project, has a call fail, and publishes until the process ends.
func failUnder(t *testing.T, call string, early bool) *diskFailure {
	t.Helper()
	f := &diskFailure{data: filepath.Join(t.TempDir(), "data"), project: withoutAlerts(t)}
	t.Setenv(failEnv, call)
	p := start(t, true, "run", f.project, "--data", f.data, "--generator", "off", "--http", "127.0.0.1:0")
	if !f.send(t) {
		t.Fatal("nothing can be published")
	}
	if !early {
		p.awaitRead(lifeTopic, int64(f.sent))
		p.await("a checkpoint", func() bool { return p.status().Epoch > 0 })
	}
	p.signal(syscall.SIGUSR1)
	var refused atomic.Bool
	probed := make(chan []asked)
	go func() {
		var all []asked
		for {
			a := asked{refused: refused.Load()}
			if resp, err := http.Get("http://" + p.address + "/-/healthy"); err == nil {
				text, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				a.code, a.text = resp.StatusCode, string(text)
			}
			all = append(all, a)
			select {
			case <-p.ended:
				probed <- all
				return
			default:
			}
		}
	}()
	for running := true; running && f.send(t); {
		select {
		case <-p.ended:
			running = false
		default:
		}
	}
	refused.Store(true)
	f.code = p.wait()
	f.asked, f.said = <-probed, p.errs.String()
	if f.code == 99 {
		t.Skip("needs a kernel that lets a process make its calls fail: " + f.said)
	}
	t.Setenv(failEnv, "")
	return f
}

// withoutAlerts is the folder of the purchase project without its alerts: what they keep lets the store's file grow.
func withoutAlerts(t *testing.T) string {
	t.Helper()
	dir := shippedCopy(t)
	for _, name := range []string{"7_monitoring.sql", "8_unusual.sql"} {
		if err := os.Remove(filepath.Join(dir, "transformations", name)); err != nil {
			t.Fatal(err)
		}
	}
	spec := filepath.Join(dir, "spark-pipeline.yml")
	text, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "alert.") && !strings.Contains(line, "system_raw.") && !strings.Contains(line, "pipeline_raw.") {
			kept = append(kept, line)
		}
	}
	if err := os.WriteFile(spec, []byte(strings.Join(kept, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// send publishes ten events more.
func (f *diskFailure) send(t *testing.T) bool {
	var b bytes.Buffer
	for i := f.sent; i < f.sent+10; i++ {
		fmt.Fprintln(&b, event(i, fmt.Sprintf("user_%d", i%7), fmt.Sprintf("2026-02-03T09:%02d:%02dZ", i/60%60, i%60)))
	}
	if publish(t, f.data, b.Bytes()).code != 0 {
		return false
	}
	f.sent += 10
	return true
}

func (f *diskFailure) says(t *testing.T, who, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s does not say %q:\n%s", who, part, text)
		}
	}
}

// health looks at what was said of the process's health. A failure under an append is seen before the process has
// stopped; one under a checkpoint ends it at once.
func (f *diskFailure) health(t *testing.T, seen bool) {
	t.Helper()
	ill := 0
	for i, a := range f.asked {
		switch {
		case a.code == http.StatusOK && (a.refused && seen || ill > 0):
			t.Fatalf("answer %d of %d calls it healthy after the failure: %s", i, len(f.asked), a.text)
		case a.code == http.StatusInternalServerError:
			ill++
			f.says(t, "/-/healthy", a.text, "engine: failed: ", "input/output error")
		}
	}
	if seen && ill == 0 {
		t.Errorf("none of %d answers calls it ill before it has stopped", len(f.asked))
	}
}

// goesOn starts the project again on a disk that works.
func (f *diskFailure) goesOn(t *testing.T) {
	t.Helper()
	p := start(t, true, "run", f.project, "--data", f.data, "--generator", "off", "--http", "127.0.0.1:0")
	p.awaitRead(lifeTopic, int64(f.sent))
	stop(t, p)
	if out := succeed(t, "status", "--data", f.data).out; strings.Contains(out, "failed") {
		t.Errorf("after a run that was stopped status says:\n%s", out)
	}
}
