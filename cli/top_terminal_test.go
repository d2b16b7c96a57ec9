//go:build unix

package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/node"
)

// A terminal is a tmux session of its own server.
type terminal struct {
	t      *testing.T
	socket string
}

func (p terminal) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", p.socket, "-f", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (p terminal) keys(keys ...string) { p.tmux(append([]string{"send-keys"}, keys...)...) }

// shows waits until the screen shows all texts, and none of those that begin with "!".
func (p terminal) shows(texts ...string) {
	p.t.Helper()
	screen := ""
	eventually(p.t, func() bool {
		screen = p.tmux("capture-pane", "-p")
		for _, text := range texts {
			if want, not := strings.CutPrefix(text, "!"); strings.Contains(screen, want) == not {
				return false
			}
		}
		return true
	}, func() string { return strings.Join(texts, ", ") + " on the screen:\n" + screen })
}

func eventually(t *testing.T, yes func() bool, what func() string) {
	t.Helper()
	deadline := time.After(awaitTime)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for !yes() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("never: %s", what())
		}
	}
}

// startPipeline runs the shipped pipeline on a folder until it is ready.
func startPipeline(t *testing.T, data string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("nagare", "run", "--data", data, "--http", "127.0.0.1:0", "--generator", "50")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _, _ = cmd.Process.Wait() })
	eventually(t, func() bool {
		at := node.Address(data)
		return at != "" && strings.Contains(ask("http://"+at+"/-/ready"), "ready")
	}, func() string { return "it is ready: " + out.String() })
	return cmd
}

// TestTopInATerminal runs `nagare top` in a terminal of 80 × 24: it draws, takes keys, keeps the last data while the
// process is away, goes on when it is back at another port, and leaves the terminal as it was.
func TestTopInATerminal(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed (apt install tmux)")
	}
	data := filepath.Join(t.TempDir(), "data")
	first := startPipeline(t, data)
	dir, err := os.MkdirTemp("", "top") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := terminal{t, filepath.Join(dir, "s")}
	p.tmux("new-session", "-d", "-x", "80", "-y", "24", "sh", "-c", `echo before; nagare top --data '`+data+`'; echo "ended with $?"; stty -a; exec cat`)
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", p.socket, "kill-server").Run() })
	p.shows("[1 Overview]", "purchase-events/0", "sales_by_minute", "SINK", "q quit", "? help", "!before")
	p.keys("4")
	p.shows("[4 Sinks]", "P99", "top_products_cache", "!sales_by_minute")
	p.keys("/")
	p.keys("-l", "clv")
	p.shows("filter: clv", "clv_cache", "!hourly_cache")
	p.keys("Enter")
	if err := first.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	p.shows("disconnected, trying again", "clv_cache")
	second := startPipeline(t, data)
	p.shows("!disconnected", "clv_cache", node.Address(data))
	p.tmux("resize-window", "-x", "120", "-y", "40")
	p.keys("Escape") // with a key behind it at once it would be Alt and that key
	p.shows("hourly_cache")
	p.keys("Tab")
	p.shows("[5 Health+Alerts]", "checkpoint:")
	p.keys("q")
	p.shows("before", "ended with 0", " icanon", " echo ", "!Overview")
	if got := strings.TrimSpace(p.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}")); got != "0 1 0" {
		t.Errorf("the terminal is left with alternate screen, cursor, mouse: %s", got)
	}
	_ = second.Process.Signal(syscall.SIGTERM)
}

// TestDoctorOfAProcessThatHangs: it has the folder and an address, and does not answer.
func TestDoctorOfAProcessThatHangs(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	cmd := startPipeline(t, data)
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("nagare", "doctor", "--data", data).CombinedOutput()
	if code := cmd.ProcessState; err == nil || code != nil {
		t.Errorf("doctor ends with %v, the process with %v", err, code)
	}
	for _, want := range []string{"✗ process ", "has the data folder and does not answer at http://127.0.0.1:", "fix: stop it (kill "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

// TestDoctorOfADamagedTopic flips a bit in the log of a topic that nothing runs on.
func TestDoctorOfADamagedTopic(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	cmd := startPipeline(t, data)
	eventually(t, func() bool {
		return strings.Contains(ask("http://"+node.Address(data)+"/api/tables/purchase-events?limit=1&format=csv"), "event_id")
	}, func() string { return "a purchase" })
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	blocks, err := filepath.Glob(filepath.Join(data, "broker/jetstream/$G/streams/t-purchase-events-0/msgs/*.blk"))
	if err != nil || len(blocks) == 0 {
		t.Fatalf("no blocks: %v", err)
	}
	text, err := os.ReadFile(blocks[0])
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 4
	if err := os.WriteFile(blocks[0], text, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("nagare", "doctor", "--data", data).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "✗ ") || !strings.Contains(string(out), "nagare topics repair") || !strings.Contains(string(out), "purchase-events") {
		t.Errorf("doctor ends with %v:\n%s", err, out)
	}
}
