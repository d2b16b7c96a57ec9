package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/node"
)

// maxQueryFile is how long a text of several statements may be.
const maxQueryFile = 64 << 20

// queryFlags is what the flags of `nagare query` say.
type queryFlags struct {
	file, files     string
	memory, timeout string
	keepGoing       bool
}

func (a *app) queryCommand() *cobra.Command {
	var f queryFlags
	cmd := &cobra.Command{
		Use:   `query ["SELECT …"]`,
		Short: "Run SELECTs over tables, views, topics and files, or open a prompt for them",
		Long: `Runs SQL over the tables and views of a pipeline and over topics as they are now: of the running
process, or of its data folder when none runs. A topic has the columns key, value, topic, partition,
offset, timestamp, timestampType, and headers where a source reads it with includeHeaders. Late and
invalid rows are in TABLE$late and TOPIC$invalid. What reads none of these needs no data folder.

Without a statement, on a terminal, it opens a prompt: \? tells what that can do.

A text may have several statements, each ended by ; and run as a session: SET key = value (SET alone lists
the settings), RESET, CREATE [OR REPLACE] TEMPORARY VIEW … AS, DROP VIEW. The first fault ends it, with its
place as file:line:column, unless --keep-going is given. With several SELECTs csv has an empty line between
two results, and json is an array for each, one behind the other.

With --files FOLDER queries read files below that folder, in this process and never over HTTP:
json.` + "`orders.json`" + ` (an object a line; WITH (multiLine = true) for a value a file), csv.` + "`orders.csv`" + ` WITH
(header = true, inferSchema = true, sep = ';') and text.` + "`notes.txt`" + `; a path may be a folder or a pattern, and
.gz is unpacked. Types are found as Spark finds them. Without --data there are then no tables.

A query holds at most the memory of nagare.query.memory (a quarter of the machine's), which all queries of a
process share, and runs for at most nagare.query.timeout (5 minutes): --memory and --timeout are limits of this
one; Ctrl-C ends it. -o table|json|jsonl|csv.`,
		Example: `  nagare query "SELECT * FROM top_products ORDER BY revenue_rank LIMIT 5"
  nagare query "SELECT category, sum(total_sales) AS sales FROM sales_by_minute GROUP BY category"
  nagare query -o csv "SELECT * FROM anomalies" > anomalies.csv
  nagare query --files . "SELECT region, sum(amount) FROM json.` + "`orders.json`" + ` GROUP BY region"
  nagare query --file report.sql --keep-going
  nagare query 'SELECT reason, count(*) AS n FROM ` + "`purchase-events$invalid`" + ` GROUP BY reason'`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) > 1, len(args) == 1 && f.file != "":
				return fmt.Errorf("%s: name one statement, or a file of them with --file, as in: %s", cmd.CommandPath(), firstExample(cmd))
			case len(args) == 0 && f.file == "" && !(isTerminal(a.in) && isTerminal(a.out)):
				return fmt.Errorf("%s: name one statement, as in: %s; - reads statements from stdin, and on a terminal there is a prompt", cmd.CommandPath(), firstExample(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			name, text, err := a.queryText(f.file, args)
			if err != nil {
				return err
			}
			pieces, _ := sql.Split(name, text)
			asks := len(args) == 0 && f.file == ""
			if !asks && len(pieces) == 0 {
				return usage("query: there is no statement in %s, as in: %s", name, firstExample(cmd))
			}
			s, err := a.openQueries(cmd.Context(), f)
			if err != nil {
				return err
			}
			defer func() { err = s.close(err) }()
			if asks {
				return s.prompt(cmd.Context())
			}
			return s.runAll(cmd.Context(), pieces, f.keepGoing, f.file != "" || len(pieces) > 1)
		},
	}
	cmd.Flags().StringVarP(&f.file, "file", "f", "", "file of statements; - is stdin")
	cmd.Flags().StringVar(&f.files, "files", "", "folder below which queries may read files, as json.`path`, csv.`path`, text.`path`")
	cmd.Flags().BoolVar(&f.keepGoing, "keep-going", false, "go on behind a statement with a fault")
	cmd.Flags().StringVar(&f.memory, "memory", "", `most memory of a query: "512 MB"`)
	cmd.Flags().StringVar(&f.timeout, "timeout", "", `longest time of a query: "30 seconds"`)
	_ = cmd.MarkFlagDirname("files")
	_ = cmd.MarkFlagFilename("file", "sql")
	a.rowsFlag(cmd, formTable, formJSON, formLines, formCSV)
	return cmd
}

// queryText is the statements of a command line and how their places are called.
func (a *app) queryText(file string, args []string) (name, text string, err error) {
	from := io.Reader(nil)
	switch {
	case len(args) == 1 && args[0] != "-":
		name, text = "query", args[0]
	case len(args) == 1 || file == "-":
		name, from = "stdin", a.in
		if len(args) == 1 {
			name = "query"
		}
	case file != "":
		f, err := os.Open(file)
		if err != nil {
			return "", "", usage("read statements: %v", err)
		}
		defer f.Close()
		name, from = file, f
	}
	if from != nil {
		all, err := io.ReadAll(io.LimitReader(from, maxQueryFile+1))
		if err != nil {
			return "", "", fmt.Errorf("read the statements of %s: %w", name, err)
		}
		if len(all) > maxQueryFile {
			return "", "", usage("query: %s has more than %d MB of statements", name, maxQueryFile>>20)
		}
		text = string(all)
	}
	if file == "" && len(text) > web.MaxStatement {
		return "", "", usage("query: a statement has at most %d KB", web.MaxStatement>>10)
	}
	if file == "" && len(args) == 1 && strings.TrimSpace(text) == "" {
		return "", "", usage(`query: the statement is empty, as in: nagare query "SELECT 1"`)
	}
	return name, text, nil
}

// openQueries finds what answers the queries.
func (a *app) openQueries(ctx context.Context, f queryFlags) (s *queries, err error) {
	s = &queries{a: a}
	if s.memory, s.timeout, err = plan.ParseQueryLimits(f.memory, f.timeout); err != nil {
		return nil, usage("%v", err)
	}
	a.queryMemory, a.queryTimeout = s.memory, s.timeout
	if f.files != "" {
		if a.files, err = node.OpenQueryFiles(f.files); err != nil {
			return nil, usage("read files below --files %s: %v", f.files, err)
		}
		s.files = a.files
	}
	if f.files != "" && a.data == "" {
		s.t, err = a.reachNothing(ctx)
		return s, err
	}
	s.t, err = a.reach(ctx, false)
	if errors.As(err, &s.nothing) && a.data == "" {
		s.t, err = a.reachNothing(ctx)
	}
	return s, err
}

func joinClose(err error, t *target) error {
	if cerr := t.close(); err == nil {
		return cerr
	}
	return err
}
