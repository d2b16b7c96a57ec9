package spark

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// Project is a folder as it was read.
type Project struct {
	Name     string
	Dir      string // as it was given to Load
	Spec     string // name of the spec file
	Storage  string // an absolute URI; nagare keeps its data elsewhere
	Catalog  string
	Database string
	Settings []Setting // configuration, in order of the spec, no key twice
	Files    []File    // SQL, in order of path
	// Skipped is the files that libraries names and nagare does not need (connectors.py).
	Skipped []string
}

// Setting is one key of the configuration.
type Setting struct {
	Key, Value string
	KeyPos     Pos
	ValuePos   Pos
}

// Pos is a place in the spec file, both from 1.
type Pos struct{ Line, Col int }

// File is one SQL file. Path is relative to the project's folder, with slashes.
type File struct{ Path, Text string }

// Config is the configuration as a map.
func (p *Project) Config() map[string]string {
	m := make(map[string]string, len(p.Settings))
	for _, s := range p.Settings {
		m[s.Key] = s.Value
	}
	return m
}

// A Problem is one thing wrong with a project's folder or spec. Line and Col are 0 where it is of a
// file as a whole. File is relative to the project's folder.
type Problem struct {
	File      string
	Line, Col int
	Message   string // what is wrong; a sentence without the final point
	Hint      string // what to do; may be empty
	Class     string // Spark's error class where Spark has one
}

// Error is the problem on one line: file:line:col: message; hint [CLASS].
func (p Problem) Error() string {
	text := p.Message
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	if p.Class != "" {
		text += " [" + p.Class + "]"
	}
	switch {
	case p.File == "":
		return text
	case p.Line == 0:
		return p.File + ": " + text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, text)
}

// The names that a spec may have.
func specNames() []string { return []string{"spark-pipeline.yml", "spark-pipeline.yaml"} }

// The limits of what is read.
const (
	maxSpecBytes = 1 << 20
	maxSQLBytes  = 16 << 20
	maxFiles     = 10_000
)

// Load reads the project whose folder is the root of fsys; dir is how the user knows that folder.
// With problems, which come in order of place, the Project holds what could be read and must not
// be run.
func Load(fsys fs.FS, dir string) (*Project, []Problem) {
	l := &loader{fsys: fsys, p: &Project{Dir: dir}, scalars: readScalars()}
	if text, ok := l.findSpec(dir); ok {
		l.readSpec(text)
	}
	sort.SliceStable(l.problems, func(i, j int) bool {
		a, b := &l.problems[i], &l.problems[j]
		switch {
		case (a.File == l.p.Spec) != (b.File == l.p.Spec):
			return a.File == l.p.Spec
		case a.File != b.File:
			return a.File < b.File
		case a.Line != b.Line:
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
	return l.p, l.problems
}

// Find returns the folder of the project that dir belongs to: dir itself or the nearest folder above
// it that holds a spec. Where there is none it returns dir, and Load will say so.
func Find(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return dir
	}
	for at := abs; ; {
		for _, name := range specNames() {
			if info, err := os.Stat(filepath.Join(at, name)); err == nil && !info.IsDir() {
				if at == abs {
					return dir
				}
				return at
			}
		}
		up := filepath.Dir(at)
		if up == at {
			return dir
		}
		at = up
	}
}

// loader reads one project.
type loader struct {
	scalars
	fsys     fs.FS
	p        *Project
	problems []Problem
}

func (l *loader) problem(p Problem) { l.problems = append(l.problems, p) }

// inSpec reports a problem at a place of the spec.
func (l *loader) inSpec(at Pos, class, message, hint string) {
	l.problem(Problem{File: l.p.Spec, Line: at.Line, Col: at.Col, Class: class, Message: message, Hint: hint})
}
