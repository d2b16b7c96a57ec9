package store

import (
	"fmt"
	"strings"
	"time"
)

// InUseError says that another process has the store open. The fields behind Path are what the
// owner's file says and may be zero.
type InUseError struct {
	Path    string
	PID     int
	Address string    // where the owner's page is, for example "127.0.0.1:7575"
	Started time.Time // when the owner started
	Looks   bool      // the owner looks into the folder, and lets go of it soon
}

func (e *InUseError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "open store %s: it is in use", e.Path)
	if e.PID != 0 {
		fmt.Fprintf(&s, " by process %d", e.PID)
	}
	if !e.Started.IsZero() {
		fmt.Fprintf(&s, " since %s", e.Started.UTC().Format(time.RFC3339))
	}
	if e.Address != "" {
		fmt.Fprintf(&s, ", which answers at http://%s", e.Address)
	}
	s.WriteString("; stop it, or use another folder with --data")
	return s.String()
}

// FormatError says that a file is no store of this program, or one of a newer version.
type FormatError struct {
	Path   string
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("open store %s: %s", e.Path, e.Reason)
}

// CorruptError says that a store is damaged.
type CorruptError struct {
	Path   string
	Reason string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read store %s: it is damaged: %s; keep a copy of the file, then run `nagare checkpoint reset`, which reads the topics again from their start", e.Path, e.Reason)
}

// FolderError says that a folder cannot be written to, or that its disk is full. Nothing was changed.
type FolderError struct {
	Dir string
	Fix string
	Err error
}

func (e *FolderError) Error() string {
	return fmt.Sprintf("write to folder %s: %v; %s", e.Dir, e.Err, e.Fix)
}

func (e *FolderError) Unwrap() error { return e.Err }

// FullError says that the disk has no room for a checkpoint, and that the reserve is used up too.
type FullError struct {
	Path string
	Err  error
}

func (e *FullError) Error() string {
	return fmt.Sprintf("commit to store %s: the disk is full (%v); free some space and start again: the last checkpoint is intact", e.Path, e.Err)
}

func (e *FullError) Unwrap() error { return e.Err }

// DiskError says that the disk failed while a checkpoint was written, not for lack of room. It is not
// tried again: after a sync that failed the kernel may show as written what never reached the disk.
type DiskError struct {
	Path string
	Err  error
}

func (e *DiskError) Error() string {
	return fmt.Sprintf("commit to store %s: the disk failed (%v), which is not tried again; look at the disk (`dmesg`, SMART), then start again: it goes on from the last checkpoint that is whole", e.Path, e.Err)
}

func (e *DiskError) Unwrap() error { return e.Err }

// EpochError says that a checkpoint is not the one after the last.
type EpochError struct {
	Last, Got uint64
}

func (e *EpochError) Error() string {
	return fmt.Sprintf("commit epoch %d: the last one is %d, so the next has to be %d", e.Got, e.Last, e.Last+1)
}
