package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/node"
)

// placeholder is a word that stands for something of the user's.
var placeholder = regexp.MustCompile(`\b[A-Z]{4,}\b`)

// TestReadme runs the commands that the READMEs show, beside a live pipeline as a reader has it.
func TestReadme(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the commands are for a POSIX shell")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	here := t.TempDir()
	for _, name := range []string{"pipelines", "testdata"} {
		if err := os.Symlink(filepath.Join(root, name), filepath.Join(here, name)); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(here, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(bin, "nagare")); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "XDG_STATE_HOME="+filepath.Join(here, "state"), "HOME="+here, "NO_COLOR=1")
	stop := startLive(t, here, env)
	defer stop()

	for _, name := range []string{"README.md", "README.ja.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		ran := 0
		for _, line := range shownCommands(string(text)) {
			ran++
			t.Run(name+"/"+line, func(t *testing.T) { runLine(t, here, env, line) })
		}
		if ran < 5 {
			t.Errorf("%s shows %d commands that can be run: too few, or the test does not find them", name, ran)
		}
	}
}

// shownCommands is the lines of code blocks that call nagare and end by themselves.
func shownCommands(text string) []string {
	var lines []string
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			inside = !inside
			continue
		}
		command, _, _ := strings.Cut(line, "   #")
		bare := regexp.MustCompile(`"[^"]*"|'[^']*'`).ReplaceAllString(command, "")
		switch {
		case !inside || !strings.HasPrefix(line, "nagare "):
		case placeholder.MatchString(bare), strings.HasPrefix(line, "nagare tail"), strings.HasPrefix(line, "nagare bench"):
		case strings.HasPrefix(line, "nagare run") && !strings.Contains(line, "--once"):
		case regexp.MustCompile(`^nagare +[a-z(]+ \(`).MatchString(line): // the banner
		default:
			lines = append(lines, strings.TrimSpace(command))
		}
	}
	return lines
}

func runLine(t *testing.T, dir string, env []string, line string) {
	ctx, cancel := context.WithTimeout(context.Background(), awaitTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env = dir, env
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", line, err, text)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		t.Errorf("%s: it prints nothing", line)
	}
}

// startLive starts the pipeline that runs by default and waits until it has rows to show.
func startLive(t *testing.T, dir string, env []string) (stop func()) {
	cmd := exec.Command(filepath.Join(dir, "bin", "nagare"), "run", "--http", "127.0.0.1:0")
	cmd.Dir, cmd.Env = dir, env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "state", "nagare", "purchases")
	deadline := time.After(awaitTime)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if address := node.Address(data); address != "" && strings.Count(ask("http://"+address+"/api/tables/sales_by_minute?format=csv"), "\n") > 10 {
			break
		}
		select {
		case <-again.C:
		case <-deadline:
			_ = cmd.Process.Kill()
			t.Fatalf("the pipeline has no rows to show:\n%s", out.String())
		}
	}
	return func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the pipeline ended with %v:\n%s", err, out.String())
		}
		if !strings.Contains(out.String(), "\nresume    with: ") {
			t.Errorf("the pipeline's last words are:\n%s", out.String())
		}
	}
}
