package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// openFault says what is wrong with a path that was to be read, and what to do.
func openFault(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(path)
		entries, dirErr := os.ReadDir(dir)
		if dirErr != nil {
			return fmt.Errorf("read %s: there is no folder %s: %w", path, dir, err)
		}
		if near := nearestFile(filepath.Base(path), entries); near != "" {
			return fmt.Errorf("read %s: there is no such file; did you mean %s? %w", path, filepath.Join(dir, near), err)
		}
		return fmt.Errorf("read %s: there is no such file: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("read %s: this user may not read it; allow it with chmod u+r, or run as the owner: %w", path, err)
	}
	return fmt.Errorf("read %s: %w", path, err)
}

// writeFault says what is wrong with a path that was to be written, and what to do.
func writeFault(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("write %s: the disk is full; free some space, nothing that was written before is lost: %w", path, err)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fmt.Errorf("write %s: this user may not write there; choose another folder, or allow it with chmod u+w %s: %w", path, filepath.Dir(path), err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write %s: there is no folder %s; make it with mkdir -p: %w", path, filepath.Dir(path), err)
	}
	return fmt.Errorf("write %s: %w", path, err)
}

// nearestFile is the entry whose name is most like name; "" when none is.
func nearestFile(name string, entries []os.DirEntry) string {
	best, least := "", len(name)/3+2
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		d := distance(strings.ToLower(name), strings.ToLower(e.Name()))
		if strings.TrimSuffix(e.Name(), ".gz") == strings.TrimSuffix(name, ".gz") {
			d = 0
		}
		if d < least {
			best, least = e.Name(), d
		}
	}
	return best
}

// distance is how many letters have to be put in, taken out or changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		left := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := left
			if a[i] != b[j] {
				d = 1 + min(left, row[j], row[j+1])
			}
			left, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}
