package script

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"
)

// scriptTime is how long one way through a script may take.
const scriptTime = time.Minute

// Folder is where the scripts of a project lie. It is beside what the spec names as libraries, where
// Spark refuses files that are none of its own.
const Folder = "tests"

// Names is the scripts of a project, sorted.
func Names(project fs.FS) ([]string, error) {
	names, err := fs.Glob(project, Folder+"/*.txt")
	slices.Sort(names)
	return names, err
}

// A Failure is a command that did not give what the script says.
type Failure struct {
	Line    int      `json:"line"`
	Command string   `json:"command"`
	Way     string   `json:"way"` // "straight", "restarted after every command", "crashed after every command"
	Want    []string `json:"want"`
	Got     []string `json:"got"`
}

// A Result is what a script came to.
type Result struct {
	Path     string    `json:"script"`
	Passed   bool      `json:"passed"`
	Updated  bool      `json:"updated,omitempty"` // Text is not what the script was
	Failures []Failure `json:"failures,omitempty"`
	Seconds  float64   `json:"seconds"`
	Text     string    `json:"-"` // of the script, with the outputs of the straight way
}

// The ways through a script.
var ways = []struct {
	name  string
	after func(ctx context.Context, r *run) error
}{
	{"straight", func(context.Context, *run) error { return nil }},
	{"restarted after every command", func(ctx context.Context, r *run) error { return r.stack.Restart(ctx) }},
	{"crashed after every command", func(ctx context.Context, r *run) error {
		return errors.Join(r.stack.Crash(), r.stack.Restart(ctx))
	}},
}

// Run runs a script in every way. With update the outputs of the straight way are taken for right,
// and the others have to give the same. An error is one of the script or the project, and no failure of
// the pipeline.
func (s *Script) Run(ctx context.Context, project string, update bool) (*Result, error) {
	begin := time.Now()
	res := &Result{Path: s.Path}
	before := s.text()
	for i, way := range ways {
		failures, err := s.through(ctx, project, i, update && i == 0)
		if err != nil {
			return nil, fmt.Errorf("%w (%s)", err, way.name)
		}
		res.Failures = append(res.Failures, failures...)
		if len(failures) > 0 {
			break // the other ways would say the same once more
		}
	}
	res.Text = s.text()
	res.Passed, res.Updated = len(res.Failures) == 0, res.Text != before
	res.Seconds = time.Since(begin).Seconds()
	return res, nil
}

// through runs the script one way; with update it takes what it gets for right.
func (s *Script) through(ctx context.Context, project string, way int, update bool) (failures []Failure, err error) {
	ctx, cancel := context.WithTimeout(ctx, scriptTime)
	defer cancel()
	r, err := startRun(ctx, project, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.stack.Close()) }()
	for i := range s.steps {
		at := &s.steps[i]
		got, err := r.do(ctx, at)
		if err == nil && at.words[0] != "pass" {
			err = ways[way].after(ctx, r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %s: %w", s.Path, at.line, at.command, err)
		}
		if update {
			at.output = got
		} else if !slices.Equal(got, at.output) {
			failures = append(failures, Failure{at.line, at.command, ways[way].name, at.output, got})
		}
	}
	return failures, nil
}

// String is the failure with a line for each difference.
func (f Failure) String() string {
	d := string(diff.Diff("want", linesOf(f.Want), "got", linesOf(f.Got)))
	if _, rest, ok := strings.Cut(d, "+++ got\n"); ok {
		d = rest
	}
	return f.Command + " (" + f.Way + ")\n" + d
}

func linesOf(list []string) []byte {
	if len(list) == 0 {
		return nil
	}
	return []byte(strings.Join(list, "\n") + "\n")
}
