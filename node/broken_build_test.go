package node_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	brokenEvents = 60_000
	brokenSays   = "broken build: checkpoint"
)

// TestKillCatchesBrokenBuild runs the comparison of TestKill over a build whose checkpoints come before their outputs
// (engine/checkpoint_order_broken.go), killed between the two. It has to fail, or the next start has to refuse what it
// finds: otherwise TestKill could not fail either.
func TestKillCatchesBrokenBuild(t *testing.T) {
	exe := brokenBuild(t)
	dir := t.TempDir()
	good := life{Data: filepath.Join(dir, "good"), Events: brokenEvents}
	if l := runLife(t, self(t), good, nil); l.last() != atDone {
		t.Fatalf("the run of the good build ended at %q; stderr:\n%s", l.last(), l.errors)
	}

	// Without a kill even the broken build is right: what is found below comes from the kill alone.
	unkilled := life{Data: filepath.Join(dir, "unkilled"), Events: brokenEvents}
	if l := runLife(t, exe, unkilled, nil); l.last() != atDone {
		t.Fatalf("the run of the broken build ended at %q; stderr:\n%s", l.last(), l.errors)
	}
	tell(t, "broken build without a kill", foldersDiffer(t, good.Data, unkilled.Data))

	killed := life{Data: filepath.Join(dir, "killed"), Events: brokenEvents}
	l := runLife(t, exe, killed, &instant{told: brokenSays}, "BROKEN_CHECKPOINT=pause")
	if !l.killed || !strings.Contains(l.errors, brokenSays) {
		t.Fatalf("the broken build was not killed between a checkpoint and its outputs: it reached %q; stderr:\n%s", l.last(), l.errors)
	}
	if l := runLife(t, self(t), killed, nil); l.last() != atDone {
		if !strings.Contains(l.errors, "rows are lost") {
			t.Fatalf("the start after the kill ended at %q; stderr:\n%s", l.last(), l.errors)
		}
		t.Logf("the start after the kill refuses: %s", l.errors)
		return
	}
	found := foldersDiffer(t, good.Data, killed.Data)
	if !strings.Contains(strings.Join(found, "\n"), "topic ") {
		t.Fatalf("a checkpoint was durable before its outputs, and the comparison saw no topic that differs; it saw:\n%s", strings.Join(found, "\n"))
	}
	t.Logf("the comparison found %d differences, the first: %s", len(found), found[0])
}

// brokenBuild builds the tests over an engine whose checkpoints come before their outputs.
func brokenBuild(t *testing.T) (exe string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds the tests a second time, with -tags brokencheckpoint; run without -short")
	}
	exe = filepath.Join(t.TempDir(), "broken.test")
	build := exec.Command("go", "test", "-c", "-tags", "brokencheckpoint", "-o", exe, ".")
	if text, err := build.CombinedOutput(); err != nil {
		if _, missing := exec.LookPath("go"); missing != nil && os.Getenv("CI") == "" {
			t.Skip("builds the tests with -tags brokencheckpoint, and there is no go command here")
		}
		t.Fatalf("build the tests with -tags brokencheckpoint: %v\n%s", err, text)
	}
	return exe
}
