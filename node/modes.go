package node

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// closeToOthers takes from everybody but the owner what rights they have on a folder and on what lies in
// it: a folder that somebody made beforehand, or that a copy gave other modes, holds records and the
// token too. It returns the first error, and goes on behind it. Links are not followed.
func closeToOthers(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			note(err)
			return nil
		}
		if d.IsDir() && d.Name() == "lost+found" { // of the disk
			return fs.SkipDir
		}
		if !d.IsDir() && !d.Type().IsRegular() {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			note(err)
			return nil
		}
		if open := info.Mode().Perm() & 0o077; open != 0 {
			note(os.Chmod(path, info.Mode().Perm()&^open))
		}
		return nil
	})
	note(err)
	return first
}
