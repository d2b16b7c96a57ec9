//go:build !linux

package bench

import (
	"context"
	"errors"
	"os/exec"
	"time"
)

var errNoProc = errors.New("measure a process from outside: it is done by /proc of Linux; run this there, in a container for example")

func canCount() error { return errNoProc }

func ownGroup(*exec.Cmd) {}

type counters struct {
	user, system time.Duration
	resident     int64
}

func readCounters(int) (counters, error) { return counters{}, errNoProc }

func loadAverage() float64 { return 0 }

func (c *child) count(context.Context, time.Duration, *LiveFigures) error { return errNoProc }
