package harness

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/nagare-stream/nagare/harness/script"
	"github.com/nagare-stream/nagare/harness/stack"
)

// Scripts runs the text scripts of a project (tests/*.txt in its folder) as `nagare test` does, each as a
// test of its own. NAGARE_UPDATE=1, or a flag -update, rewrites them as it does golden files.
func Scripts(t *testing.T, project string) {
	t.Helper()
	p, err := stack.LoadProject(project, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	names, err := script.Names(p.Dir)
	if err != nil || len(names) == 0 {
		t.Fatalf("find the scripts of project %s: there is none in its folder %s (%v)", project, script.Folder, err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			runScript(t, p, project, name)
		})
	}
}

func runScript(t *testing.T, p *stack.Project, project, name string) {
	text, err := fs.ReadFile(p.Dir, name)
	if err != nil {
		t.Fatalf("read script: %v", err)
	}
	path := filepath.Join(p.Shown, filepath.FromSlash(name))
	s, err := script.Parse(path, string(text))
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(context.Background(), project, updating())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range res.Failures {
		t.Errorf("%s:%d: %v", path, f.Line, f)
	}
	if res.Updated && res.Passed {
		if err := os.WriteFile(path, []byte(res.Text), 0o644); err != nil {
			t.Errorf("update script: %v", err)
		}
	}
}
