package node_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// TestDataFolderIsClosedToOthers starts on a folder that was made beforehand with the modes of every other
// folder, and again after a copy has given all files such: nobody else can read it then. Looking at a
// folder changes nothing.
func TestDataFolderIsClosedToOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(data, 0o755); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	cfg := ordersConfig(ordersIn(t, "1", ordersView+ordersTable), data)
	open := func() (paths []string) {
		t.Helper()
		err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Mode().Perm()&0o077 != 0 {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return paths
	}
	runOrders(t, cfg)
	if left := open(); len(left) > 0 {
		t.Errorf("after the first start others may look at %v", left)
	}
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(outside, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(data, "link")); err != nil {
		t.Fatal(err)
	}
	runOrders(t, cfg)
	left := open()
	if len(left) != 1 || left[0] != filepath.Join(data, "link") { // a link has no mode of its own
		t.Errorf("after a copy others may look at %v", left)
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("what a link shows has mode %v: %v", info.Mode(), err)
	}
}
