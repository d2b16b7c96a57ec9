package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/adapters/spark"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/node"
	"github.com/nagare-stream/nagare/pipelines"
)

// A project is read and resolved; with faults it must not be run.
type project struct {
	id       node.Project
	shown    string // how the user knows it
	pipeline *plan.Pipeline
	faults   []string // each on a line of its own, in order of place
	files    int
}

// loadProject finds, reads and resolves a project: the one that ships by default, a folder, or one
// that ships by name.
func loadProject(arg string) (*project, error) {
	fsys, dir, err := openProject(arg)
	if err != nil {
		return nil, err
	}
	p := &project{shown: dir}
	read, problems := spark.Load(fsys, dir)
	p.files = len(read.Files)
	pipeline, faults := plan.Resolve(read.Input())
	if len(problems) == 0 && len(faults) == 0 {
		faults = node.CheckSinks(pipeline)
	}
	for _, problem := range problems {
		p.faults = append(p.faults, p.at(problem.Error()))
	}
	for i := range faults {
		p.faults = append(p.faults, p.at(faults[i].Error()))
	}
	p.pipeline = pipeline
	p.id = node.Project{Name: read.Name}
	if !isShipped(arg) {
		if p.id.Path, err = filepath.Abs(dir); err != nil {
			return nil, fmt.Errorf("find project %s: %w", dir, err)
		}
	}
	return p, nil
}

// at puts a project's folder before a place in it, so that the place can be opened from here.
func (p *project) at(fault string) string {
	if p.shown == "." || p.shown == "" {
		return fault
	}
	return strings.TrimSuffix(filepath.ToSlash(p.shown), "/") + "/" + fault
}

// check is an error with all faults of the project, or nil.
func (p *project) check() error {
	if len(p.faults) == 0 {
		return nil
	}
	text := strings.Join(p.faults, "\n")
	if n := len(p.faults); n == 1 {
		text += "\n1 fault in project " + p.shown
	} else {
		text += fmt.Sprintf("\n%d faults in project %s", n, p.shown)
	}
	return &codeError{node.ExitProject, errors.New(text)}
}

// isShipped reports a name that stands for a project in the binary: one that ships, and no folder.
func isShipped(arg string) bool {
	if arg == "" {
		return true
	}
	if _, err := os.Stat(arg); err == nil {
		return false
	}
	return slices.Contains(pipelines.Names(), arg)
}

// openProject returns the folder of a project and how to call it.
func openProject(arg string) (fs.FS, string, error) {
	if isShipped(arg) {
		if arg == "" {
			arg = pipelines.Default
		}
		fsys, err := pipelines.Open(arg)
		return fsys, arg, err
	}
	info, err := os.Stat(arg)
	if errors.Is(err, fs.ErrNotExist) {
		text := fmt.Sprintf("find project %s: there is no such folder", arg)
		if near := sql.Nearest(arg, append(pipelines.Names(), foldersBeside(arg)...)); near != "" {
			text += fmt.Sprintf("; did you mean %s?", near)
		}
		return nil, "", &codeError{node.ExitUsage, errors.New(text + "; the projects that ship are " + strings.Join(pipelines.Names(), ", "))}
	}
	if err != nil {
		return nil, "", fmt.Errorf("find project: %w", err)
	}
	if !info.IsDir() { // spark-pipelines takes --spec FILE; its folder is the project
		arg = filepath.Dir(arg)
	}
	dir := spark.Find(arg)
	return os.DirFS(dir), dir, nil
}

// foldersBeside lists the folders where arg was looked for.
func foldersBeside(arg string) []string {
	parent := filepath.Dir(arg)
	entries, err := os.ReadDir(parent)
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, filepath.Join(parent, e.Name()))
		}
	}
	return names
}
