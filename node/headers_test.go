//go:build unix

package node_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestIncludeHeaders reads the headers of records as Spark does with includeHeaders: of lines of kcat -J, of the
// embedded broker and of Kafka, and writes them by a sink's column, over a restart.
func TestIncludeHeaders(t *testing.T) {
	project, file := root("testdata", "projects", "headers"), root("testdata", "projects", "headers", "orders.jsonl")
	const rows = `v,headers
v1,"[{""key"":""trace"",""value"":""YWJj""},{""key"":""retry"",""value"":""Mg==""},{""key"":""trace"",""value"":""ZCLDqQ==""}]"
v2,
v3,"[{""key"":""empty"",""value"":""""},{""key"":""none""}]"
`
	t.Run("file", func(t *testing.T) {
		out := t.TempDir()
		succeed(t, "run", project, "--once", "--from", "orders="+file, "--out", out)
		if got := read(t, filepath.Join(out, "o.csv")); got != rows {
			t.Errorf("o.csv is\n%s", got)
		}
		if got, want := read(t, filepath.Join(out, "traces.csv")), "v,n,first,text\nv1,3,trace,abc\nv3,2,empty,\"\"\n"; got != want {
			t.Errorf("traces.csv is\n%s", got)
		}
	})
	for _, kafka := range []bool{false, true} {
		t.Run(fmt.Sprintf("kafka=%t", kafka), func(t *testing.T) {
			data := t.TempDir()
			args := []string{"run", project, "--data", data, "--http", "127.0.0.1:0"}
			if kafka {
				args = append(args, "--kafka-listen", "127.0.0.1:0")
			}
			p := start(t, false, args...)
			ask := func(query string) string { return nagare(t, nil, "query", query, "-o", "csv", "--data", data).out }
			succeed(t, "publish", "orders", file, "--data", data)
			p.await("the rows", func() bool { return ask("SELECT v, headers FROM o ORDER BY v") == rows })
			p.await("the sink's records", func() bool { return strings.HasSuffix(ask("SELECT count(*) FROM copied"), "\n3\n") })
			if kafka {
				if kcat, err := exec.LookPath("kcat"); err == nil {
					_, rest, _ := strings.Cut(p.line("broker"), "kafka port ")
					address, _, _ := strings.Cut(rest, " ")
					out := execute(t, nil, kcat, "-b", address, "-C", "-t", "copied", "-e", "-q", "-f", "%s %h\n")
					for _, want := range []string{"v1 trace=abc,retry=2,trace=d\"é\n", "v2 \n", "v3 empty=,none=NULL\n"} {
						if !strings.Contains(out, want) {
							t.Errorf("kcat sees no %q in %q", want, out)
						}
					}
					execute(t, []byte("v4\n"), kcat, "-b", address, "-P", "-t", "orders", "-p", "0", "-H", "by=kcat")
				} else {
					t.Log("kcat is not installed: apt-get install kcat")
				}
			}
			stop(t, p)
			p = start(t, false, args...)
			p.await("the rows after a restart", func() bool {
				return strings.HasPrefix(ask("SELECT CAST(value AS STRING) AS v, headers FROM raw ORDER BY v"), rows)
			})
			if kafka {
				if _, err := exec.LookPath("kcat"); err == nil {
					p.await("a record of kcat's", func() bool {
						return strings.HasSuffix(ask("SELECT first, text FROM traces WHERE v = 'v4'"), "\nby,kcat\n")
					})
				}
			}
			stop(t, p)
		})
	}
}
