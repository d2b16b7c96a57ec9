package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestExampleModule runs the tests of harness/example, which is a module of its own and therefore none
// of `go test ./...`.
func TestExampleModule(t *testing.T) {
	dir := filepath.Join("harness", "example")
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Skip("there is no go command to run the tests of harness/example with")
	}
	// What the test depends on is opened here, for the test cache sees no other process.
	for _, root := range []string{"harness", "node", "engine", "broker", "store", "adapters", "pipelines"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			_, err = os.Stat(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(goCommand, "test", "./...")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go test in %s: %v (if its go.mod is behind that of the repository: cd %s && go mod tidy)\n%s", dir, err, dir, text)
	}
}
