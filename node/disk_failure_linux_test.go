package node_test

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/nagare-stream/nagare/node"
)

// failEnv names the call that fails with EIO in a child process from a SIGUSR1 on: "fsync", which the
// broker calls, or "fdatasync", which the store does.
const failEnv = "NAGARE_TEST_FAIL"

// beforeCommand is what a process does before it becomes the nagare command.
func beforeCommand() {
	number, ok := map[string]uint32{"fsync": syscall.SYS_FSYNC, "fdatasync": syscall.SYS_FDATASYNC}[os.Getenv(failEnv)]
	if !ok {
		return
	}
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	go func() {
		<-told
		if err := failCall(number); err != nil {
			fmt.Fprintln(os.Stderr, "cannot make calls fail:", err)
			os.Exit(99)
		}
	}()
}

// failCall has the kernel answer a call with EIO, in every thread of the process and for good.
func failCall(number uint32) error {
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
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS},
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: number, Jf: 1},
		{Code: syscall.BPF_RET | syscall.BPF_K, K: returnErrno | uint32(syscall.EIO)},
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

// TestDiskFailure lets every sync of the store, or of the broker, or whichever comes first while the
// store's file still grows, fail under a running process, as a broken disk does: it ends by itself with exit code 5 and the reason, tries nothing again, and the next
// start has every event that was acknowledged.
func TestDiskFailure(t *testing.T) {
	for name, c := range map[string]struct {
		call, where string
		early       bool // before the first checkpoint
	}{
		"store": {"fdatasync", "commit to store ", false}, "broker": {"fsync", "embedded broker", false}, "growing": {"fsync", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			t.Setenv(failEnv, c.call)
			p := start(t, true, "run", "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
			sent := 0
			send := func() bool {
				var b bytes.Buffer
				for range 10 {
					fmt.Fprintln(&b, event(sent, fmt.Sprintf("user_%d", sent%7), fmt.Sprintf("2026-02-03T09:%02d:%02dZ", sent/60%60, sent%60)))
					sent++
				}
				if publish(t, data, b.Bytes()).code != 0 {
					sent -= 10
					return false
				}
				return true
			}
			if !send() {
				t.Fatal("nothing can be published")
			}
			if !c.early {
				p.await("a checkpoint", func() bool { return p.status().Epoch > 0 })
			}
			p.signal(syscall.SIGUSR1)
			for running := true; running && send(); {
				select {
				case <-p.ended:
					running = false
				default:
				}
			}
			code := p.wait()
			said := p.errs.String()
			if code == 99 {
				t.Skip("needs a kernel that lets a process make its calls fail: " + said)
			}
			t.Logf("%s", said)
			if code != node.ExitData {
				t.Errorf("exit code %d, want %d", code, node.ExitData)
			}
			for _, part := range []string{c.where, "input/output error", "the disk failed", "not tried again", "look at the disk"} {
				if !strings.Contains(said, part) {
					t.Errorf("stderr does not say %q", part)
				}
			}
			t.Setenv(failEnv, "")
			again := start(t, true, "run", "--data", data, "--generator", "off", "--http", "127.0.0.1:0")
			again.awaitRead(lifeTopic, int64(sent))
			stop(t, again)
		})
	}
}
