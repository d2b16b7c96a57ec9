package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/retry"
)

// findStrace looks for the program that counts system calls.
func (l *liveRun) findStrace() {
	path, err := exec.LookPath("strace")
	if err != nil {
		l.noSync = "no strace"
		return
	}
	l.strace = path
}

// traceCommand is how a program is run so that its syncs are noted in a file: with its threads, each call with its
// time. Calls of other names are not stopped (seccomp), so that the program keeps its pace.
func traceCommand(strace, file string) []string {
	return []string{strace, "-f", "--seccomp-bpf", "-ttt", "-o", file, "-e", "trace=fsync,fdatasync,sync_file_range,sync,syncfs,openat,close,write,pwrite64,writev,pwritev,pwritev2",
		"-e", "signal=none", "-s", "0"}
}

// countBacklog is the backlog of a run whose syncs are counted: their number a second does not depend on what was
// before.
const countBacklog = time.Second

// countSyncs runs a variant once more, and counts its syncs in a window.
func (l *liveRun) countSyncs(ctx context.Context, v *variant, rate float64, f *LiveFigures) (err error) {
	if l.strace == "" {
		f.NoSyncs = l.noSync
		return nil
	}
	file, err := os.CreateTemp(l.dir, "syscalls-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	c, err := l.start(ctx, v, rate, countBacklog, file.Name())
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		l.strace, l.noSync = "", "strace may not trace: "+lastLine(err.Error())
		f.NoSyncs = l.noSync
		return nil
	}
	defer func() { err = errors.Join(err, c.end()) }()
	_, trouble, err := c.settle(ctx)
	if err != nil {
		return err
	}
	from := time.Now()
	if err := retry.Pause(ctx, l.Window); err != nil {
		return err
	}
	until := time.Now()
	if err := c.end(); err != nil {
		return err
	}
	if trouble != "" {
		f.NoSyncs = "while its calls are counted it is " + trouble
		return nil
	}
	n, err := readSyncs(file, seconds(from), seconds(until))
	if err != nil {
		return fmt.Errorf("read the system calls in %s: %w", filepath.Base(file.Name()), err)
	}
	perSecond := float64(n) / until.Sub(from).Seconds()
	f.Syncs = &perSecond
	return nil
}

func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }

// readSyncs counts the calls that sync in what strace noted, begun from one time to another, in seconds since
// 1970: those that are named for it, and writes to files that were opened with O_SYNC or O_DSYNC.
func readSyncs(r io.Reader, from, until float64) (n int, err error) {
	in := bufio.NewReaderSize(r, 1<<20)
	synced := map[string]bool{}    // descriptors whose writes sync
	opening := map[string]string{} // by thread, the arguments of an open that is not over
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			return n, nil // a line that was not ended is of a call at the very end
		}
		if err != nil {
			return 0, err
		}
		thread, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		stamp, call, ok := strings.Cut(strings.TrimSpace(rest), " ")
		at, err := strconv.ParseFloat(stamp, 64)
		if !ok || err != nil {
			continue
		}
		if args, ok := strings.CutPrefix(call, "<... openat resumed>"); ok {
			noteOpened(synced, opening[thread]+args)
			delete(opening, thread)
			continue
		}
		name, args, ok := strings.Cut(call, "(")
		if !ok || strings.HasPrefix(call, "<...") {
			continue
		}
		first := args[:strings.IndexAny(args+",", ",) ")]
		switch name {
		case "openat":
			if before, unfinished := strings.CutSuffix(args, "<unfinished ...>"); unfinished {
				opening[thread] = before
			} else {
				noteOpened(synced, args)
			}
		case "close":
			delete(synced, first)
		case "write", "pwrite64", "writev", "pwritev", "pwritev2":
			if synced[first] && from <= at && at < until {
				n++
			}
		default:
			if from <= at && at < until {
				n++
			}
		}
	}
}

// noteOpened notes a descriptor that was opened, with the arguments and the result of the call.
func noteOpened(synced map[string]bool, call string) {
	i := strings.LastIndex(call, "= ")
	if i < 0 {
		return
	}
	fd, _, _ := strings.Cut(call[i+2:], " ")
	if strings.Contains(call, "O_SYNC") || strings.Contains(call, "O_DSYNC") {
		synced[fd] = true
	} else {
		delete(synced, fd)
	}
}
