package node_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/cli"
)

// childEnv says what a process that runs this test binary is: unset, the tests themselves; "cli", the
// nagare command with the process's arguments; "life", one life of a pipeline (life_test.go).
const childEnv = "NAGARE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "cli":
		beforeCommand()
		os.Exit(cli.Main(os.Args[1:]))
	case "life":
		os.Exit(liveLife(os.Args[1:]))
	}
	flag.Parse()
	os.Exit(m.Run())
}

// deadline is how long a process may take for anything before a test gives it up.
const deadline = 2 * time.Minute

// A finished process of the nagare command.
type finished struct {
	code        int
	out, errors string
}

// nagare runs a command line in a process of its own to its end.
func nagare(t testing.TB, in []byte, args ...string) finished {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := command(ctx, t, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("nagare %q did not end in %v; stderr:\n%s", args, deadline, errs.String())
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatalf("run nagare %q: %v", args, err)
	}
	return finished{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// succeed runs a command line that has to exit 0.
func succeed(t testing.TB, args ...string) finished {
	t.Helper()
	p := nagare(t, nil, args...)
	if p.code != 0 {
		t.Fatalf("nagare %q: exit %d; stderr:\n%s", args, p.code, p.errors)
	}
	return p
}

// command is the nagare command in a process of this test binary. Nothing of the user's reaches it.
func command(ctx context.Context, t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(ctx, self(t), args...)
	cmd.Env = append(os.Environ(), childEnv+"=cli", "XDG_STATE_HOME="+t.TempDir(), "NAGARE_KAFKA=", "NAGARE_REDIS=")
	return cmd
}

func self(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

// root is a path inside the repository.
func root(parts ...string) string { return filepath.Join(append([]string{".."}, parts...)...) }

// projectFolder writes a project of its settings and its queries, and returns its folder.
func projectFolder(t testing.TB, settings, queries string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "project")
	if err := os.MkdirAll(filepath.Join(dir, "transformations"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"spark-pipeline.yml": settings, "transformations/queries.sql": queries} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tell reports differences, not more than a reader can use.
func tell(t testing.TB, what string, differences []string) {
	t.Helper()
	const most = 20
	for i, d := range differences {
		if i == most {
			t.Errorf("%s: … and %d more", what, len(differences)-most)
			return
		}
		t.Errorf("%s: %s", what, d)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
