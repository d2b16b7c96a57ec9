//go:build unix

package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// A process is a nagare command that runs until it is told to stop.
type process struct {
	t       testing.TB
	cmd     *exec.Cmd
	errs    listener
	address string // of the API, "127.0.0.1:PORT"
	ended   chan struct{}
	heard   chan struct{} // all of stdout is read, or nobody reads it

	mu    sync.Mutex
	lines []string // of stdout
}

// start runs a command line with an API and returns once it is ready. What it prints is read, unless
// mute: then it waits for a reader after its banner.
func start(t testing.TB, mute bool, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: command(context.Background(), t, args...), ended: make(chan struct{}), heard: make(chan struct{})}
	p.cmd.Stderr = &p.errs
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout = w
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close() // the process has it
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
		_ = r.Close()
	})
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // its state is looked at by wait
	}()
	banner := make(chan struct{})
	go p.read(bufio.NewScanner(r), mute, banner)
	select {
	case <-banner:
	case <-p.ended:
		t.Fatalf("nagare %q ended with %d before it ran; stderr:\n%s", args, p.cmd.ProcessState.ExitCode(), p.errs.String())
	case <-time.After(deadline):
		t.Fatalf("nagare %q printed no banner in %v", args, deadline)
	}
	p.await("an API that is ready", func() bool {
		resp, err := http.Get("http://" + p.address + "/-/ready")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return p
}

// read takes lines; the last one of the banner begins with "stop".
func (p *process) read(in *bufio.Scanner, mute bool, banner chan struct{}) {
	defer close(p.heard)
	for in.Scan() {
		line := in.Text()
		p.mu.Lock()
		p.lines = append(p.lines, line)
		p.mu.Unlock()
		if address, ok := strings.CutPrefix(line, "api       http://"); ok {
			p.address = address
		}
		if banner != nil && strings.HasPrefix(line, "stop ") {
			close(banner)
			banner = nil
			if mute {
				return
			}
		}
	}
}

// line is the first printed line that begins with a word.
func (p *process) line(word string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.lines {
		if strings.HasPrefix(l, word+" ") {
			return l
		}
	}
	p.t.Fatalf("no line of stdout begins with %q:\n%s", word, strings.Join(p.lines, "\n"))
	return ""
}

// await asks again and again whether something holds.
func (p *process) await(what string, holds func() bool) {
	p.t.Helper()
	giveUp := time.After(deadline)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-p.ended:
			p.t.Fatalf("the process ended with %d while it was waited for %s; stderr:\n%s", p.cmd.ProcessState.ExitCode(), what, p.errs.String())
		case <-giveUp:
			p.t.Fatalf("waited %v for %s; status %+v", deadline, what, p.status())
		}
	}
}

func (p *process) status() engine.Status {
	p.t.Helper()
	resp, err := http.Get("http://" + p.address + "/api/status")
	if err != nil {
		p.t.Fatalf("ask the process for its status: %v; stderr:\n%s", err, p.errs.String())
	}
	defer resp.Body.Close()
	var s web.StatusAnswer
	if err := json.NewDecoder(resp.Body).Decode(&s); err != nil {
		p.t.Fatal(err)
	}
	return s.Engine
}

// awaitRead waits until a topic's records are read and have come out of the outbox.
func (p *process) awaitRead(topic string, records int64) {
	p.t.Helper()
	p.await("all records to be processed", func() bool {
		st := p.status()
		return st.Ledger.Topics[topic].Read >= records && st.OutboxRows == 0
	})
}

// signal sends a signal to a process that is still there.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("send %v: %v", s, err)
	}
}

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
		<-p.heard
	case <-time.After(deadline):
		p.t.Fatalf("the process did not end in %v; stderr:\n%s", deadline, p.errs.String())
	}
	return p.cmd.ProcessState.ExitCode()
}

// look opens a folder of the shipped pipeline that nobody uses, and closes it after do.
func look(t testing.TB, data string, do func(n *node.Node)) {
	t.Helper()
	p, err := shippedPipeline(pipelines.Default)
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.Open(context.Background(), node.Config{Pipeline: p, Project: node.Project{Name: pipelines.Default}, Data: data, Look: true})
	if err != nil {
		t.Fatal(err)
	}
	do(n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
}

// listing is the files below a folder with their sizes and times, and the folders.
func listing(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = info.Mode().String()
		if !d.IsDir() {
			all[path] += info.ModTime().String() + read(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
