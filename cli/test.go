package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/harness/script"
	"github.com/nagare-stream/nagare/node"
)

func (a *app) testCommand() *cobra.Command {
	var update bool
	cmd := &cobra.Command{
		Use:   "test [PROJECT] [SCRIPT …]",
		Short: "Run the text scripts of a project: rows in, rows out",
		Long: `Runs the scripts of a project, tests/*.txt in its folder, each on a pipeline of its own in memory. A
script reads as a transcript: commands with the rows that go in, and behind ---- what is new in the
tables. It runs three times: straight, restarted and crashed after every command; all three have to give
the same.

    # Trips that are told too late are late for their quarter of an hour.
    day 2026-03-01

    send trips
    trip=t1 station=dock ended=@12:01 minutes=10
    trip=t2 station=dock ended=@12:18 minutes=7
    ----

-update fills in what comes behind ----, for you to read. The commands are
    send TOPIC [partition=N] [key=TEXT] [at=TIME]    records: name=value words, or any other text as it is
    pass 10m      wall clock passes: silent partitions become idle
    close         the topics end, and every window closes
    table NAME    all rows of a table or view        topic NAME    all records of a topic
    alerts        changes of state of incidents since the last time
    query         the rows of the SELECT on the lines that follow
and before the first of them "set KEY = VALUE" and "day 2026-03-01". Topics have one partition, unless
the script sets nagare.topic.NAME.partitions.

Exit code 1 means that a script gave something else, 3 that the project has faults.`,
		Example: `  nagare test pipelines/purchases
  nagare test . -update                 write the outputs into the scripts
  nagare test . tests/late.txt          one script`,
		RunE: func(cmd *cobra.Command, args []string) error {
			project := "."
			if len(args) > 0 {
				project, args = args[0], args[1:]
			}
			return a.test(cmd.Context(), project, args, update)
		},
	}
	cmd.Flags().BoolVar(&update, "update", false, "write what the scripts give into them")
	a.rowsFlag(cmd, formTable, formJSON, formLines)
	return cmd
}

// oneDash lets -update of `nagare test` be written as `go test` has it.
func oneDash(args []string) []string {
	if len(args) == 0 || args[0] != "test" {
		return args
	}
	out := slices.Clone(args)
	for i := range out {
		if out[i] == "-update" {
			out[i] = "--update"
		}
	}
	return out
}

// test runs scripts one after the other and says of each how it went.
func (a *app) test(ctx context.Context, arg string, only []string, update bool) error {
	if _, err := mustLoad(arg); err != nil {
		return err
	}
	fsys, dir, err := openProject(arg)
	if err != nil {
		return err
	}
	if update && isShipped(arg) {
		return usage("test %s -update: its scripts are in the binary; name the project's folder, as in: nagare test pipelines/%s -update", arg, arg)
	}
	names, err := scriptNames(fsys, dir, only)
	if err != nil {
		return err
	}
	var results []*script.Result
	failed := 0
	for _, name := range names {
		res, err := a.testScript(ctx, fsys, arg, dir, name, update)
		if err != nil {
			return err
		}
		if !res.Passed {
			failed++
		}
		results = append(results, res)
	}
	if a.format != formTable {
		if err := printJSON(a, results); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(a.err, "%s, %d failed\n", plural(len(names), "script"), failed)
	}
	if failed > 0 {
		return said(node.ExitFailed)
	}
	return nil
}

// scriptNames is the scripts to run, by their paths in the project.
func scriptNames(fsys fs.FS, dir string, only []string) ([]string, error) {
	known, err := script.Names(fsys)
	if err != nil {
		return nil, fmt.Errorf("find the scripts of project %s: %w", dir, err)
	}
	if len(known) == 0 {
		return nil, usage("test %s: there are no scripts; write one as %s, see `nagare test --help`", dir, filepath.Join(dir, script.Folder, "first.txt"))
	}
	if len(only) == 0 {
		return known, nil
	}
	var names []string
	for _, arg := range only {
		name := path.Join(script.Folder, path.Base(filepath.ToSlash(arg)))
		if _, err := fs.Stat(fsys, name); err != nil {
			text := fmt.Sprintf("test %s: there is no script %s", dir, name)
			if near := sql.Nearest(name, known); near != "" {
				text += "; did you mean " + near + "?"
			}
			return nil, usage("%s", text)
		}
		names = append(names, name)
	}
	return names, nil
}

// testScript runs one script and says how it went.
func (a *app) testScript(ctx context.Context, fsys fs.FS, project, dir, name string, update bool) (*script.Result, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read script %s: %w", name, err)
	}
	shown := filepath.Join(dir, filepath.FromSlash(name))
	s, err := script.Parse(shown, string(text))
	if err != nil {
		return nil, err
	}
	if project == "" {
		project = dir
	}
	res, err := s.Run(ctx, project, update)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if res.Updated && res.Passed {
		if err := os.WriteFile(shown, []byte(res.Text), 0o644); err != nil {
			return nil, fmt.Errorf("update script: %w", errors.Unwrap(err))
		}
	}
	if a.format == formTable {
		word := map[bool]string{true: "ok", false: "FAIL"}[res.Passed]
		if res.Updated && res.Passed {
			word = "new"
		}
		fmt.Fprintf(a.out, "%-5s %s  %.2f s\n", word, shown, res.Seconds)
		for _, f := range res.Failures {
			fmt.Fprintf(a.out, "%s:%d: %s\n", shown, f.Line, strings.TrimRight(f.String(), "\n"))
		}
	}
	return res, nil
}
