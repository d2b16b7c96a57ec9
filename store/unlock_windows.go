package store

import "os"

// giveBack closes a file that bbolt gave up over; the lock goes with it.
func giveBack(file *os.File) { _ = file.Close() }
