package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nagare-stream/nagare"

// allowed is which packages of the module a package may import; what lies outside the module is not
// restricted. A package that is not in the table fails: a new one needs a place in the picture.
// Arrows point inward only: engine/… imports nothing of broker, store, adapters, node.
var allowed = map[string][]string{
	".":                        {"cli"},
	"engine/column":            {},
	"engine/alert":             {},
	"engine/dedup":             {},
	"engine/join":              {"engine/codec", "engine/column", "engine/state"},
	"engine/ledger":            {},
	"engine/model":             {},
	"engine/retry":             {},
	"engine/record":            {"engine/column"},
	"engine/state":             {},
	"engine/codec":             {"engine/column"},
	"engine/sql":               {},
	"engine/expr":              {"engine/column", "engine/codec", "engine/sql", "engine/window", "engine/model"},
	"engine/agg":               {"engine/column", "engine/codec"},
	"engine/window":            {"engine/column"},
	"engine/plan":              {"engine/column", "engine/codec", "engine/sql", "engine/expr", "engine/agg", "engine/window", "engine/model"},
	"engine/explode":           {"engine/column"},
	"engine/session":           {"engine/column", "engine/codec", "engine/agg", "engine/state"},
	"engine/lookup":            {"engine/agg", "engine/column"},
	"engine/scan":              {"engine/record", "engine/ledger", "engine/column", "engine/codec", "engine/expr", "engine/window", "engine/plan", "engine/dataflow", "engine/dedup", "engine/batch"},
	"engine/batch":             {"engine/column", "engine/codec", "engine/sql", "engine/explode", "engine/expr", "engine/agg", "engine/window", "engine/plan"},
	"engine/dataflow":          {"engine/codec", "engine/column", "engine/expr", "engine/plan", "engine/sql"},
	"engine":                   {"engine/dataflow", "engine/scan", "engine/record", "engine/ledger", "engine/state", "engine/column", "engine/codec", "engine/sql", "engine/explode", "engine/lookup", "engine/expr", "engine/agg", "engine/window", "engine/plan", "engine/batch", "engine/alert", "engine/dedup", "engine/join", "engine/session", "engine/retry"},
	"engine/enginetest":        {"engine", "engine/record", "engine/ledger", "engine/state", "engine/alert", "engine/column", "engine/codec", "engine/plan", "engine/sql"},
	"broker":                   {"engine/record"},
	"store":                    {"engine/state"},
	"adapters/file":            {"engine/record", "engine/codec", "engine/column"},
	"adapters/generator":       {"engine/record", "engine/retry"},
	"adapters/kafka":           {"engine/record", "engine/sql", "broker", "engine/retry"},
	"adapters/kafka/port":      {},
	"adapters/monitor":         {"engine", "engine/record", "engine/ledger", "engine/retry"},
	"adapters/nexmark":         {},
	"adapters/notify":          {"engine/record", "engine/state", "engine/alert", "engine/window", "engine/retry"},
	"adapters/redis":           {"engine/record", "adapters/redis/embedded", "engine/retry"},
	"adapters/redis/embedded":  {},
	"adapters/redis/redistest": {},
	"adapters/spark":           {"engine/sql", "engine/plan"},
	"adapters/web":             {"adapters/monitor", "adapters/notify", "engine", "engine/record", "engine/ledger", "engine/alert", "engine/batch", "engine/codec", "engine/column", "engine/plan", "engine/sql", "broker"},
	"cli":                      {"*"},
	"bench":                    {"*"},
	"adapters/grade":           {"*"},
	"node":                     {"*"},
	"harness":                  {"adapters/web", "engine", "engine/record", "engine/ledger", "engine/sql", "harness/network", "harness/script", "harness/stack", "node"},
	"harness/network":          {},
	"harness/stack":            {"adapters/file", "adapters/monitor", "adapters/redis", "adapters/spark", "adapters/web", "broker", "engine", "engine/record", "engine/ledger", "engine/state", "engine/plan", "engine/sql", "node", "pipelines"},
	"harness/script":           {"adapters/monitor", "engine", "engine/record", "engine/ledger", "engine/alert", "harness/stack", "node"},
	"harness/example":          {"harness"}, // a module of its own, as a user has it
	"deploy/grafana/check":     {},          // the same, for what it needs
	"pipelines":                {},
}

// Files and functions longer than the limits, to be split; the list only shrinks.
var (
	longFiles     = map[string]bool{}
	longFunctions = map[string]bool{}
)

const (
	mostFileLines     = 500
	mostFunctionLines = 80
)

// eventTime is the packages in which time comes in as an argument.
var eventTime = []string{"engine", "engine/dataflow", "engine/record", "engine/state", "engine/ledger", "engine/column", "engine/codec", "engine/sql", "engine/expr", "engine/agg", "engine/window", "engine/plan", "engine/scan", "engine/batch"}

var drawers = []string{"util", "utils", "common", "helpers", "types", "models", "misc", "shared"}

func TestTidy(t *testing.T) {
	hasDoc := map[string]bool{}
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "dist") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		seen[dir] = true
		if name == "doc.go" || name == "main.go" {
			hasDoc[dir] = true
		}
		checkFile(t, filepath.ToSlash(path), dir)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for dir := range seen {
		if _, ok := allowed[dir]; !ok {
			t.Errorf("%s: package is not in the table of allowed imports", dir)
		}
		if !hasDoc[dir] {
			t.Errorf("%s: no doc.go", dir)
		}
		if slices.Contains(drawers, filepath.Base(dir)) {
			t.Errorf("%s: a package is a noun about streams, not a drawer", dir)
		}
	}
}

func checkFile(t *testing.T, path, dir string) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(text), "\n"); lines > mostFileLines && !longFiles[path] {
		t.Errorf("%s: %d lines, at most %d", path, lines, mostFileLines)
	}
	if strings.Contains(string(text), "FIX"+"ME") {
		t.Errorf("%s: a thing to be mended belongs in an issue", path)
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			checkFunction(t, fset, path, f)
		}
	}
	if strings.HasSuffix(path, "_test.go") {
		return
	}
	checkImports(t, path, dir, file)
	if slices.Contains(eventTime, dir) && strings.Contains(string(text), "time.Now(") {
		t.Errorf("%s: event-time code reads a clock; time comes in as an argument", path)
	}
}

func checkFunction(t *testing.T, fset *token.FileSet, path string, f *ast.FuncDecl) {
	lines := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1
	name := path + ":" + f.Name.Name
	if lines > mostFunctionLines && !longFunctions[name] && !strings.HasSuffix(path, "_test.go") {
		t.Errorf("%s: %d lines, at most %d", name, lines, mostFunctionLines)
	}
	if f.Name.Name == "init" && f.Recv == nil {
		t.Errorf("%s: no init functions", path)
	}
}

func checkImports(t *testing.T, path, dir string, file *ast.File) {
	may := allowed[dir]
	if slices.Contains(may, "*") {
		return
	}
	for _, spec := range file.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if name != module && !strings.HasPrefix(name, module+"/") {
			continue
		}
		if inner := strings.TrimPrefix(name, module+"/"); !slices.Contains(may, inner) {
			t.Errorf("%s imports %s, which the table does not allow", path, inner)
		}
	}
}
