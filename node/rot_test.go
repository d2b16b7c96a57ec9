//go:build unix

package node_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/node"
)

var (
	rotTrials = flag.Int("rot", 24, "how many damages TestRot does")
	rotSeed   = flag.Uint64("rotseed", 20261130, "of the damages")
)

// rotProject has all that a folder can hold: a window that closed and one that is open, late and invalid
// rows, a table of rows, and an output.
const rotProject = ordersView + `CREATE STREAMING TABLE w AS
SELECT window.start AS hour, k, count(*) AS n, sum(v) AS s FROM STREAM o GROUP BY window(ts, '1 hour'), k;
CREATE STREAMING TABLE r AS SELECT k, v FROM STREAM o WHERE v > 0;
`

var rotSettings = map[string]string{
	"source.raw.format": "kafka", "source.raw.option.subscribe": "orders", "source.raw.option.startingOffsets": "earliest",
	"nagare.topic.orders.partitions": "2", "nagare.topic.orders.key": "k",
	"sink.out.format": "kafka", "sink.out.from": "rows", "sink.out.option.topic": "out",
}

// rotLines are events of two hours, some of them late, one of them no JSON.
func rotLines(from, n int) string {
	var s strings.Builder
	for i := from; i < from+n; i++ {
		at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * 4 * time.Second)
		if i%9 == 8 && i > 1200 {
			at = at.Add(-time.Hour)
		}
		fmt.Fprintf(&s, `{"k":"key %d","at":"%s","v":%d}`+"\n", i%7, at.Format(time.RFC3339), i)
		if i%50 == 0 {
			s.WriteString("{no json\n")
		}
	}
	return s.String()
}

// rotFolders makes the project, a folder that was stopped and one whose process was killed.
func rotFolders(t *testing.T) (project string, pipeline *plan.Pipeline, folders [2]string) {
	t.Helper()
	project = t.TempDir()
	text := "name: rotten\nstorage: file:///tmp/rotten\nlibraries:\n  - glob:\n      include: transformations/**\nconfiguration:\n"
	in := plan.Input{Name: "rotten"}
	for _, key := range slices.Sorted(maps.Keys(rotSettings)) {
		text += fmt.Sprintf("  %s: %q\n", key, rotSettings[key])
		in.Config = append(in.Config, plan.Setting{Key: key, Value: rotSettings[key]})
	}
	queries := rotProject + "CREATE TEMPORARY VIEW rows AS SELECT k AS key, to_json(struct(k, v)) AS value FROM STREAM r;\n"
	in.Files = []plan.File{{Path: "transformations/q.sql", Text: queries}}
	if err := os.Mkdir(filepath.Join(project, "transformations"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"spark-pipeline.yml": text, "transformations/q.sql": queries} {
		if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pipeline, faults := plan.Resolve(in)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for i := range folders {
		folders[i] = filepath.Join(t.TempDir(), "data")
		run := func() *process {
			return start(t, false, "run", project, "--data", folders[i], "--generator", "off", "--http", "127.0.0.1:0")
		}
		p := run()
		for from := 0; from < 1600; from += 100 {
			if from == 800 { // so that after the kill the broker has an index that is older than its log
				p.signal(syscall.SIGINT)
				_ = p.wait()
				p = run()
			}
			if done := nagare(t, []byte(rotLines(from, 100)), "publish", "orders", "--data", folders[i]); done.code != 0 {
				t.Fatalf("publish: %s", done.errors)
			}
		}
		p.awaitRead("orders", 1632)
		if i == 0 {
			p.signal(syscall.SIGINT)
		} else {
			p.signal(syscall.SIGKILL)
		}
		_ = p.wait()
		for _, name := range []string{"process.json", "state.db.owner"} { // of a process that is gone
			_ = os.Remove(filepath.Join(folders[i], name))
		}
	}
	return project, pipeline, folders
}

// rotQueries is everything that can be read of the folder.
var rotQueries = []string{
	"SELECT * FROM w ORDER BY hour, k", "SELECT * FROM r ORDER BY v", "SELECT CAST(value AS STRING) AS value FROM `w$late` ORDER BY value",
	"SELECT reason, count(*) AS n FROM `orders$invalid` GROUP BY reason", "SELECT `partition`, count(*) AS n, max(offset) AS last FROM orders GROUP BY `partition` ORDER BY `partition`",
	"SELECT CAST(value AS STRING) AS value FROM out ORDER BY value",
}

// runAndRead runs the project on a folder to the end of its topics and reads everything. What was said at the
// start comes with it.
func runAndRead(pipeline *plan.Pipeline, project, data string) (text string, said []string, err error) {
	ctx := context.Background()
	cfg := node.Config{Pipeline: pipeline, Project: node.Project{Name: "rotten", Path: project}, Data: data, Once: true}
	n, err := node.Open(ctx, cfg)
	if err != nil {
		return "", nil, err
	}
	said = n.Notices()
	if err := errors.Join(n.Run(ctx), n.Close()); err != nil {
		return "", said, err
	}
	cfg.Look, cfg.Once = true, false
	if n, err = node.Open(ctx, cfg); err != nil {
		return "", said, err
	}
	var all strings.Builder
	for _, q := range rotQueries {
		if err = n.Query(ctx, &all, q, "csv"); err != nil {
			break
		}
	}
	return all.String(), said, errors.Join(err, n.Close())
}

// A rot is one damage of a file.
type rot struct {
	path, what string
}

// harm damages a file of a folder, chosen by chance.
func harm(t *testing.T, rng *rand.Rand, data string, round int) rot {
	t.Helper()
	var files []string
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files = append(files, path)
		if strings.HasSuffix(path, ".blk") || strings.HasSuffix(path, "state.db") {
			files = append(files, path, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := rot{path: files[rng.IntN(len(files))]}
	text, err := os.ReadFile(r.path)
	if err != nil {
		t.Fatal(err)
	}
	switch kind := round / 2 % 5; {
	case kind == 4:
		r.what = "deleted"
		if err := os.Remove(r.path); err != nil {
			t.Fatal(err)
		}
		return r
	case len(text) == 0:
		r.what, text = "a byte added", []byte{1}
	case kind == 3:
		at := rng.IntN(len(text))
		r.what, text = fmt.Sprintf("cut to %d of %d bytes", at, len(text)), text[:at]
	case kind == 2:
		at := rng.IntN(len(text)) &^ 4095
		r.what = fmt.Sprintf("zeros from %d on", at)
		clear(text[at:min(at+4096, len(text))])
	default:
		at, bit := rng.IntN(len(text)), rng.IntN(8)
		r.what = fmt.Sprintf("bit %d of byte %d of %d flipped", bit, at, len(text))
		text[at] ^= 1 << bit
	}
	if err := os.WriteFile(r.path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRot damages one file of a folder, half of them after a clean stop and half after a kill, and runs the
// project: everything is there; or it was repaired, and everything is there; or the run is refused with a
// command that works, after which the run works, and what is not there was counted.
func TestRot(t *testing.T) {
	project, pipeline, folders := rotFolders(t)
	want := [2]string{}
	for i, data := range folders {
		copied := filepath.Join(t.TempDir(), "whole")
		if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
			t.Fatal(err)
		}
		text, said, err := runAndRead(pipeline, project, copied)
		if err != nil || len(said) > 0 || strings.Count(text, "\n") < 3000 {
			t.Fatalf("the undamaged folder gives %d lines, and said %q: %v", strings.Count(text, "\n"), said, err)
		}
		want[i] = text
	}
	rng := rand.New(rand.NewPCG(*rotSeed, 0))
	outcomes := map[string]int{}
	for round := range *rotTrials {
		data := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(data, os.DirFS(folders[round%2])); err != nil {
			t.Fatal(err)
		}
		r := harm(t, rng, data, round)
		name := fmt.Sprintf("round %d, %s %s, after %s", round, strings.TrimPrefix(r.path, data), r.what, []string{"a stop", "a kill"}[round%2])
		done := make(chan string, 1)
		go func() { done <- rotTrial(t, name, pipeline, project, data, want[round%2]) }()
		select {
		case outcome := <-done:
			outcomes[outcome]++
		case <-time.After(deadline):
			t.Fatalf("%s: it hangs", name)
		}
		if err := os.RemoveAll(data); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d damages: %v", *rotTrials, outcomes)
	if outcomes["harmless"] == *rotTrials {
		t.Error("no damage mattered: the test shows nothing")
	}
}

var namedCommand = regexp.MustCompile("`nagare ([^`]+)`")

// rotTrial runs a damaged folder, and what it asks for, until it works.
func rotTrial(t *testing.T, name string, pipeline *plan.Pipeline, project, data, want string) string {
	outcome, told := "harmless", ""
	for range 4 {
		text, said, err := runAndRead(pipeline, project, data)
		told += strings.Join(said, "\n")
		if err == nil {
			if len(said) > 0 && outcome == "harmless" {
				outcome = "repaired"
			}
			if text != want && !strings.Contains(told, " lost") {
				t.Errorf("%s: SILENT (%s): %d lines instead of %d; told: %s", name, outcome, strings.Count(text, "\n"), strings.Count(want, "\n"), told)
				return "silent"
			}
			return outcome
		}
		named := namedCommand.FindStringSubmatch(err.Error())
		if code := node.ExitCode(err); code != node.ExitData || named == nil {
			t.Errorf("%s: exit %d and no command: %v", name, code, err)
			return "no command"
		}
		outcome = "refused: " + named[1]
		args := append(strings.Fields(named[1]), "--data", data)
		if args[1] == "repair" || args[1] == "reset" {
			args = append(args, "--yes")
		}
		ran := nagare(t, nil, args...)
		told += ran.out + ran.errors
		if ran.code != 0 {
			t.Errorf("%s: refused with %v, and `nagare %s` ends with %d: %s", name, err, named[1], ran.code, ran.errors)
			return "the command fails"
		}
	}
	t.Errorf("%s: no command helps: %s", name, told)
	return "no way out"
}
