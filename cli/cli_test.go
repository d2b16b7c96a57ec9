package cli_test

import (
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/nagare-stream/nagare/cli"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/store"
)

var update = flag.Bool("update", false, "write the outputs that scripts compare with")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"nagare": func() { os.Exit(cli.Main(os.Args[1:])) },
	})
}

// TestScripts runs the command line as users do, a process a command. Beside testscript's own
// commands there are:
//
//	code N nagare …           the command ends with that exit code
//	await DIR PATH REGEXP     the process of a data folder answers GET PATH with a match
//	terminate DIR             SIGTERM for the process of a data folder
//	occupy NAME               takes a free port and puts its number into the variable NAME
//	locked DIR                a process has the data folder open
//	freeport NAME             puts the number of a port into NAME that was free just now
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, "state"))
			e.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "await": await, "post": post, "terminate": terminate, "occupy": occupy, "freeport": freePort, "locked": locked,
		},
	})
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command …")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code is %d, want %d", got, want)
	}
}

// awaitTime is how long a condition may take before a test gives up.
const awaitTime = time.Minute

func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await DIR PATH REGEXP")
	}
	want, err := regexp.Compile(args[2])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	last := "no process has said where it is"
	deadline := time.After(awaitTime)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if address := node.Address(dir); address != "" {
			last = ask("http://" + address + args[1])
			if want.MatchString(last) {
				return
			}
		}
		select {
		case <-again.C:
		case <-deadline:
			ts.Fatalf("%s never matched %s; the last answer was:\n%s", args[1], args[2], last)
		}
	}
}

// post sends a file to the process of a data folder, with its token.
func post(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: post DIR PATH FILE")
	}
	dir := ts.MkAbs(args[0])
	token, err := node.Token(dir)
	ts.Check(err)
	req, err := http.NewRequest(http.MethodPost, "http://"+node.Address(dir)+args[1], strings.NewReader(ts.ReadFile(args[2])))
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	text, err := io.ReadAll(resp.Body)
	ts.Check(errors.Join(err, resp.Body.Close()))
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("POST %s: %s %s", args[1], resp.Status, text)
	}
}

func terminate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: terminate DIR")
	}
	var status struct{ Info struct{ PID int } }
	ts.Check(json.Unmarshal([]byte(ask("http://"+node.Address(ts.MkAbs(args[0]))+"/api/status")), &status))
	p, err := os.FindProcess(status.Info.PID)
	ts.Check(err)
	ts.Check(p.Signal(syscall.SIGTERM))
}

func locked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: locked DIR")
	}
	path := filepath.Join(ts.MkAbs(args[0]), "state.db")
	deadline := time.After(awaitTime)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		var used *store.InUseError
		s, err := store.Open(store.Config{Path: path, Reserve: -1})
		if errors.As(err, &used) && used.PID != 0 {
			return
		}
		if err == nil {
			ts.Check(s.Close())
		}
		select {
		case <-again.C:
		case <-deadline:
			ts.Fatalf("nobody opens %s: %v", path, err)
		}
	}
}

func ask(url string) string {
	resp, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func occupy(ts *testscript.TestScript, neg bool, args []string) {
	l := listen(ts, neg, args)
	ts.Defer(func() { l.Close() })
}

func freePort(ts *testscript.TestScript, neg bool, args []string) {
	listen(ts, neg, args).Close()
}

func listen(ts *testscript.TestScript, neg bool, args []string) net.Listener {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy NAME, or freeport NAME")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Setenv(args[0], port)
	return l
}
