//go:build !windows

package store

import (
	"os"
	"syscall"
)

// giveBack closes a file that bbolt gave up over. Its memory map would keep the lock alive.
func giveBack(file *os.File) {
	_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
	_ = file.Close()
}
