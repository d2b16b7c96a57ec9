package broker

import (
	"errors"
	"os"
	"syscall"
)

// syncData makes what a file holds durable, and its length; not its times, which would be a write more.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); !errors.Is(err, syscall.EINTR) {
			if err != nil {
				return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
			}
			return nil
		}
	}
}
