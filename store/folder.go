package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

const (
	folderMode = 0o700
	fileMode   = 0o600
	probeBytes = 256 << 10 // what a folder has to have room for, or the store is not opened
)

// prepareFolder makes the folder and proves, by writing and syncing a file, that it can be written to.
func prepareFolder(dir string) error {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return &FolderError{dir, "choose another folder with --data", err}
	}
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return &FolderError{dir, folderFix(err), err}
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, probeBytes))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return &FolderError{dir, folderFix(err), err}
	}
	return nil
}

func folderFix(err error) string {
	switch {
	case isFull(err):
		return "the disk is full: free some space, or choose another folder with --data"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "it is not writable: give yourself the right to write, or choose another folder with --data"
	}
	return "choose another folder with --data"
}

// fullErrnos say that a disk, or what a user may have of it, is full.
func fullErrnos() []syscall.Errno {
	if runtime.GOOS == "windows" {
		const diskFull, handleDiskFull = syscall.Errno(112), syscall.Errno(39)
		return []syscall.Errno{diskFull, handleDiskFull}
	}
	return []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT}
}

func isFull(err error) bool {
	return slices.ContainsFunc(fullErrnos(), func(full syscall.Errno) bool {
		return errors.Is(err, full) || isGrowing(err) && strings.HasSuffix(err.Error(), full.Error())
	})
}

// isDisk reports an error of the operating system, of a write or a sync.
func isDisk(err error) bool {
	return err != nil && (errors.As(err, new(syscall.Errno)) || isGrowing(err))
}

// isGrowing reports an error that bbolt met while its file grew: of such errors it keeps the text only, at the end of
// its own.
func isGrowing(err error) bool {
	return err != nil && (strings.HasPrefix(err.Error(), "file sync error") || strings.HasPrefix(err.Error(), "file resize error"))
}

// create makes the file if there is none. It appears whole: bbolt writes its first pages without
// an order that a power cut respects, so they are written under another name, synced and moved.
func create(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open store %s: %w", path, err)
	}
	tmp, err := tempName(path)
	if err != nil {
		return &FolderError{filepath.Dir(path), folderFix(err), err}
	}
	defer os.Remove(tmp)
	if err := writeEmpty(tmp); err != nil {
		return fmt.Errorf("create store %s: %w", path, err)
	}
	return place(tmp, path)
}

// writeEmpty makes a file a store without a checkpoint.
func writeEmpty(path string) error {
	db, err := bolt.Open(path, fileMode, options())
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket(metaBucket)
		if err != nil {
			return err
		}
		if err := b.Put(keyFormat, []byte(formatName)); err != nil {
			return err
		}
		return b.Put(keyVersion, binary.BigEndian.AppendUint32(nil, formatVersion))
	})
	if err == nil {
		err = db.Sync()
	}
	return errors.Join(err, db.Close())
}

// place gives a finished file its name, unless another process was first.
func place(tmp, path string) error {
	err := os.Link(tmp, path)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil { // a file system without links
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return fmt.Errorf("create store %s: %w", path, err)
	}
	return syncFolder(filepath.Dir(path))
}

func tempName(path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// syncFolder makes a new name in a folder durable. Windows has no such call and needs none.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}

func options() *bolt.Options {
	return &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType, NoFreelistSync: true}
}

// openLocked opens and locks the file that has the name path at the moment of locking: a start
// that compacts puts a new file in its place, and whoever waited for the old one has to look again.
func openLocked(path string) (*bolt.DB, *verifier, error) {
	for range 10 {
		proven, err := prove(path)
		if err != nil {
			return nil, nil, err
		}
		db, file, err := openOnce(path, false)
		if err != nil {
			return nil, nil, err
		}
		same, err := isSame(file, path)
		if err == nil && same {
			return db, proven.of(file), nil
		}
		_ = db.Close()
		if err != nil {
			return nil, nil, fmt.Errorf("open store %s: %w", path, err)
		}
	}
	return nil, nil, &InUseError{Path: path}
}

// A provenFile is a file that was read from end to end, and what it was then.
type provenFile struct {
	v    *verifier // nil: its form has nothing that could be proven
	info os.FileInfo
}

// of returns what was found, if a file is still the same.
func (p *provenFile) of(file *os.File) *verifier {
	now, err := file.Stat()
	if err != nil || !os.SameFile(now, p.info) || now.Size() != p.info.Size() || !now.ModTime().Equal(p.info.ModTime()) {
		return nil
	}
	return p.v
}

// prove proves that a file is whole, before it is opened to be written: bbolt then looks for its free pages, in a
// goroutine of its own, and a damaged page would end the process there.
func prove(path string) (*provenFile, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	s := &Store{path: path}
	if s.db, _, err = openOnce(path, true); err != nil {
		return nil, err
	}
	defer s.db.Close()
	if err := s.readMeta(); err != nil {
		return nil, err
	}
	p := &provenFile{info: info}
	if s.version > plainVersion {
		p.v, err = verify(path)
	}
	return p, err
}

func isSame(file *os.File, path string) (bool, error) {
	a, err := file.Stat()
	if err != nil {
		return false, err
	}
	b, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return os.SameFile(a, b), nil
}

func openOnce(path string, readOnly bool) (db *bolt.DB, file *os.File, err error) {
	if err := checkKind(path); err != nil {
		return nil, nil, err
	}
	o := options()
	o.ReadOnly = readOnly
	o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		file = f
		return f, err
	}
	err = guard(path, func() error {
		db, err = bolt.Open(path, fileMode, o)
		return err
	})
	if err == nil {
		err = checkLength(db, file, path)
	}
	if err == nil {
		return db, file, nil
	}
	if db != nil {
		_ = db.Close()
	} else if file != nil {
		giveBack(file) // bbolt keeps it, and the lock, when it panics
	}
	return nil, nil, explainOpen(path, err)
}

func explainOpen(path string, err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return readOwner(path)
	case errors.Is(err, berrors.ErrVersionMismatch):
		return &FormatError{path, "it has a bbolt format that this nagare does not know; use a newer nagare, or `nagare checkpoint reset`, which keeps the file and builds the tables anew from the topics"}
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum):
		return &CorruptError{path, "both of its first pages are unreadable"}
	case errors.Is(err, fs.ErrPermission):
		return &FolderError{filepath.Dir(path), folderFix(err), err}
	}
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		return err
	}
	if err != nil && strings.Contains(err.Error(), "file size too small") { // bbolt has no name for it
		return &CorruptError{path, err.Error()}
	}
	return fmt.Errorf("open store %s: %w", path, err)
}

// checkKind refuses what is no bbolt file, before bbolt writes to it. In a bbolt file each of the
// first two pages has a page header of 16 bytes and then the magic number.
func checkKind(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open store %s: %w", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("open store %s: %w", path, err)
	}
	if info.IsDir() {
		return &FormatError{path, "it is a folder; `nagare checkpoint reset` keeps it and builds the tables anew from the topics"}
	}
	if info.Size() == 0 {
		return &CorruptError{path, "it is empty"}
	}
	const magic = 0xED0CDAED
	for _, page := range []int64{0, 1 << 12, 1 << 13, 1 << 14, 1 << 16} {
		var b [20]byte
		if _, err := f.ReadAt(b[:], page); err == nil && binary.NativeEndian.Uint32(b[16:]) == magic {
			return nil
		}
	}
	return &FormatError{path, "it is no bbolt file; `nagare checkpoint reset` keeps it and builds the tables anew from the topics"}
}

// checkLength refuses a file that has lost its end: bbolt would read behind it and be killed.
func checkLength(db *bolt.DB, file *os.File, path string) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return db.View(func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return &CorruptError{path, fmt.Sprintf("it has %d bytes, its own count says %d", info.Size(), tx.Size())}
		}
		return nil
	})
}

// guard turns a panic of bbolt over a damaged page, and a fault of memory behind the file's end,
// into a *CorruptError.
func guard(path string, do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			if caller, ok := r.(callerPanic); ok {
				panic(caller.value)
			}
			err = &CorruptError{path, fmt.Sprint(r)}
		}
	}()
	return do()
}

// callerPanic marks a panic of a callback, which is not the file's fault.
type callerPanic struct{ value any }
