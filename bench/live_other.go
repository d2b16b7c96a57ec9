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

func (c *child) count(context.Context, time.Duration, *LiveFigures) error { return errNoProc }
