package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/node"
)

// The exit codes of signals.
const (
	exitInterrupt = 130
	exitTerminate = 143
)

// Main runs a command line and returns its exit code.
func Main(args []string) int {
	a := &app{in: os.Stdin, out: os.Stdout, err: os.Stderr, started: time.Now(), version: version()}
	ctx, stop := a.signals(context.Background())
	defer stop()
	defer limitGarbage(mostGarbage)()
	root := a.root()
	root.SetArgs(bareKafka(oneDash(args)))
	err := root.ExecuteContext(ctx)
	code := a.exitCode(err)
	if err != nil && !errors.Is(err, errSaid) && (ctx.Err() == nil || !isCancel(err)) {
		a.complain(err)
		if code == node.ExitUsage && !a.ran {
			fmt.Fprintln(a.err, "run `nagare help` for the commands and their examples")
		}
	}
	return code
}

// app is one run of the command line.
type app struct {
	in       *os.File
	out, err io.Writer
	started  time.Time
	version  string
	ran      bool // the arguments were good, and a command began
	wish     stopWish

	data     string // --data
	format   string // -o
	logLevel string

	kafka, kafkaConfig string // --kafka, --kafka-config

	files                     *node.QueryFiles // that queries may read; nil: none
	queryMemory, queryTimeout int64            // of queries that run in this process, bytes and µs; 0: as the project says
	interrupt                 atomic.Pointer[func()]
}

// errSaid is the error of a command that has told the user what is wrong.
var errSaid = errors.New("the reason is on the screen")

// codeError is an error that stands for an exit code of its own.
type codeError struct {
	code int
	err  error
}

func (e *codeError) Error() string { return e.err.Error() }

func (e *codeError) Unwrap() error { return e.err }

// said ends a command with a code after it has told the reason.
func said(code int) error { return &codeError{code, errSaid} }

// usage is a mistake in how a command was called.
func usage(format string, args ...any) error {
	return &codeError{node.ExitUsage, fmt.Errorf(format, args...)}
}

func (a *app) exitCode(err error) int {
	var own *codeError
	var remote *remoteError
	switch {
	case err == nil:
		return node.ExitOK
	case errors.As(err, &own):
		return own.code
	case errors.As(err, &remote):
		return remote.exit
	case a.wish.code.Load() != 0 && isCancel(err):
		return int(a.wish.code.Load())
	case !a.ran:
		return node.ExitUsage
	}
	return node.ExitCode(err)
}

func isCancel(err error) bool { return errors.Is(err, context.Canceled) }

// complain writes an error for the user. An error of several lines (faults of a project) stands as
// it is.
func (a *app) complain(err error) {
	text := err.Error()
	if strings.Contains(text, "\n") {
		fmt.Fprintln(a.err, text)
		return
	}
	fmt.Fprintln(a.err, "nagare: "+text)
}

// signals returns a context that ends with the first SIGINT or SIGTERM. The second one ends the
// process at once.
func (a *app) signals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	got := make(chan os.Signal, 2)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-got:
				if taken := a.interrupt.Load(); taken != nil && s == os.Interrupt {
					(*taken)()
					continue
				}
				code := exitInterrupt
				if s == syscall.SIGTERM {
					code = exitTerminate
				}
				a.stopBy(code, cancel)
			case <-done:
				return
			}
		}
	}()
	return ctx, func() { signal.Stop(got); close(done); cancel() }
}

// A stopWish is that somebody wants the process to stop, and since when.
type stopWish struct {
	code atomic.Int32 // the exit code
	at   atomic.Int64 // nanoseconds since the process started; 0: nobody does
}

// sameWish is how long signals are one and the same wish: timeout(1) sends its signal to the process and to the
// process's group, and who runs a program for another often passes on the Ctrl-C that both have got.
const sameWish = 250 * time.Millisecond

// take takes a wish; again: it is another one than the first, and of somebody who does not want to wait.
func (w *stopWish) take(code int, at time.Duration) (again bool) {
	if w.at.CompareAndSwap(0, int64(max(at, 1))) {
		w.code.Store(int32(code))
		return false
	}
	return at-time.Duration(w.at.Load()) > sameWish
}

// stopBy takes a wish to stop, which a signal or a key stands for. The second one ends the process at
// once.
func (a *app) stopBy(code int, stop func()) {
	if a.wish.take(code, time.Since(a.started)) {
		os.Exit(code)
	}
	stop()
}

// version is the module's version, or the commit that a clone was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			revision = " " + s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = ", changed"
		}
	}
	return "devel" + revision + modified
}

// remoteError is a failure that the API answered with.
type remoteError struct {
	message string
	exit    int
}

func (e *remoteError) Error() string { return e.message }

func remote(f web.Failure) error {
	return &remoteError{f.Message, max(f.Exit, 1)}
}
