package harness

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
)

// updateEnv rewrites golden files, as the flag -update does in a test binary that has one.
const updateEnv = "NAGARE_UPDATE"

// Golden compares the final rows with a file: those of the tables and views that are named, else of all
// that the project has. One table is plain CSV; several stand one after the other, each below a line
// with its name.
//
// With NAGARE_UPDATE=1 in the environment the file is written instead, for review to read. A package that
// has a flag -update of its own,
//
//	var _ = flag.Bool("update", false, "rewrite golden files")
//
// can use that: the harness looks for the flag and defines none, so that it takes nobody's name.
func (e *Env) Golden(path string, tables ...string) {
	e.t.Helper()
	if len(tables) == 0 {
		tables = e.stack.Project.Tables()
	}
	var text strings.Builder
	for i, name := range tables {
		if len(tables) > 1 {
			if i > 0 {
				text.WriteByte('\n')
			}
			text.WriteString("# " + name + "\n")
		}
		text.WriteString(e.CSV(name))
	}
	got := text.String()
	if updating() {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			e.t.Fatalf("write golden file: %v", err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			e.t.Fatalf("write golden file: %v", err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		e.t.Fatalf("there is no golden file %s; run the test with %s=1 to write it, and read it", path, updateEnv)
	}
	if err != nil {
		e.t.Fatalf("read golden file: %v", err)
	}
	old := strings.ReplaceAll(string(want), "\r\n", "\n") // a checkout may have changed the line ends
	if d := diff.Diff(path, []byte(old), "what the pipeline gives", []byte(got)); d != nil {
		e.t.Errorf("rows are not those of the golden file (%s=1 rewrites it):\n%s", updateEnv, d)
	}
}

// updating reports that golden files are to be written.
func updating() bool {
	if v := os.Getenv(updateEnv); v != "" && v != "0" {
		return true
	}
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}
