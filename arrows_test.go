package main

import (
	"bytes"
	"cmp"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// backArrows is how many arrows between the files of a room may run back up. An arrow goes from a file to another of its
// package of which it uses a name; in the order of files that has the fewest of them, those that go against it run back
// up. Between rooms there are none: imports have no circles, and TestTidy has their table. A room that is not here may
// have none. Numbers shrink: whoever takes a file into a room of its own writes the smaller one.
var backArrows = map[string]int{
	"engine":            71,
	"engine/agg":        10,
	"engine/alert":      1,
	"engine/batch":      20,
	"engine/codec":      7,
	"engine/dataflow":   3,
	"engine/enginetest": 1,
	"engine/expr":       46,
	"engine/plan":       79,
	"engine/record":     1,
	"engine/scan":       2,
	"engine/sql":        19,
	"engine/window":     1,
}

// TestArrows counts the arrows of each room of the engine. With -v it shows the order and each arrow back up.
func TestArrows(t *testing.T) {
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", `{{.ImportPath}}{{"\t"}}{{.Dir}}{{"\t"}}{{.Export}}{{"\t"}}{{join .GoFiles " "}}`, "./engine/...").Output()
	if err != nil {
		t.Fatalf("list the packages of the engine: %v", err)
	}
	export := map[string]string{}
	rooms := map[string][]string{}
	for line := range bytes.Lines(out) {
		f := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t")
		export[f[0]] = f[2]
		if room, ok := strings.CutPrefix(f[0], module+"/"); ok {
			for _, name := range strings.Fields(f[3]) {
				rooms[room] = append(rooms[room], filepath.Join(f[1], name))
			}
		}
	}
	arrows, back := 0, 0
	for _, room := range slices.Sorted(maps.Keys(rooms)) {
		uses := usesOf(t, module+"/"+room, rooms[room], export)
		order := orderOf(uses)
		against := against(uses, order)
		for _, to := range uses {
			arrows += len(to)
		}
		back += len(against)
		if len(against) > backArrows[room] {
			t.Errorf("%s: %d arrows run back up, at most %d:\n\t%s", room, len(against), backArrows[room], strings.Join(against, "\n\t"))
		}
		if testing.Verbose() && len(order) > 1 {
			t.Logf("%s: %s\n\t%s", room, strings.Join(order, " "), strings.Join(against, "\n\t"))
		}
	}
	t.Logf("%d of %d arrows between files run back up", back, arrows)
}

// usesOf is, by file of a package, the other ones of which it uses names.
func usesOf(t *testing.T, path string, names []string, export map[string]string) map[string]map[string]bool {
	fset := token.NewFileSet()
	var files []*ast.File
	uses := map[string]map[string]bool{}
	for _, name := range names {
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		uses[filepath.Base(name)] = map[string]bool{}
	}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(export[path]) })}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg, err := conf.Check(path, fset, files, info)
	if err != nil {
		t.Fatal(err)
	}
	for id, of := range info.Uses {
		if of.Pkg() != pkg || of.Parent() != nil && of.Parent() != pkg.Scope() {
			continue // of another package, or of a function's own
		}
		from, to := filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(of.Pos()).Filename)
		if from != to {
			uses[from][to] = true
		}
	}
	return uses
}

// against lists the arrows that go from a file to one before it.
func against(uses map[string]map[string]bool, order []string) (all []string) {
	for i, to := range order {
		for _, from := range order[i+1:] {
			if uses[from][to] {
				all = append(all, from+" → "+to)
			}
		}
	}
	return all
}

// orderOf is an order of files in which few arrows go to one before: each file is moved to its best place until
// that helps no more.
func orderOf(uses map[string]map[string]bool) []string {
	order := slices.Sorted(maps.Keys(uses))
	slices.SortStableFunc(order, func(a, b string) int { return cmp.Compare(len(uses[b]), len(uses[a])) })
	for better := true; better; {
		better = false
		for _, file := range slices.Clone(order) {
			at := slices.Index(order, file)
			cost, best, place := 0, 0, at
			for i := at - 1; i >= 0; i-- { // the file before order[i]
				cost += gain(uses, file, order[i])
				if cost < best {
					best, place = cost, i
				}
			}
			cost = 0
			for i := at + 1; i < len(order); i++ { // behind it
				cost -= gain(uses, file, order[i])
				if cost < best {
					best, place = cost, i
				}
			}
			if place != at {
				order = slices.Insert(slices.Delete(order, at, at+1), place, file)
				better = true
			}
		}
	}
	return order
}

// gain is how many arrows more go back when file stands before other than when it stands behind.
func gain(uses map[string]map[string]bool, file, other string) (n int) {
	if uses[other][file] {
		n++
	}
	if uses[file][other] {
		n--
	}
	return n
}
