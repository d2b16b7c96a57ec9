//go:build unix

package node_test

import (
	"bufio"
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

// TestTailCountsRecords writes records of a quiet topic to another one, each in a transaction of its own. What
// list, tail and query tell of that one are its records, on Kafka, where each transaction ends with a marker, and
// on the embedded broker; tail's newest are those of all partitions together.
func TestTailCountsRecords(t *testing.T) {
	for _, kafka := range []bool{true, false} {
		t.Run(fmt.Sprintf("kafka=%t", kafka), func(t *testing.T) {
			data := t.TempDir()
			args := []string{"run", root("testdata", "projects", "quiet-output"), "--data", data, "--http", "127.0.0.1:0"}
			if kafka {
				args = append(args, "--kafka-listen", "127.0.0.1:0")
			}
			p := start(t, false, args...)
			publish := func(i int) {
				line := fmt.Sprintf(`{"id":"e%d"}`+"\n", i)
				if f := nagare(t, []byte(line), "publish", "orders", "--data", data); f.code != 0 {
					t.Fatal(f.errors)
				}
				p.await("the row", func() bool {
					f := nagare(t, nil, "query", fmt.Sprintf("SELECT count(*) FROM result WHERE key = 'e%d'", i), "-o", "csv", "--data", data)
					return strings.HasSuffix(f.out, "\n1\n") // result is made for its first row
				})
			}
			for i := range 8 {
				publish(i)
			}
			for line := range strings.Lines(succeed(t, "topics", "list", "--data", data).out) {
				if f := strings.Fields(line); f[0] == "result" && (f[3] != "8" || f[1] != "output") {
					t.Errorf("topics list: %s", line)
				}
			}
			if text := succeed(t, "topics", "describe", "result", "--data", data).out; !strings.Contains(text, " 8 records") {
				t.Errorf("topics describe: %s", text)
			}
			join := "SELECT count(*) FROM result r JOIN orders o ON CAST(r.key AS STRING) = get_json_object(CAST(o.value AS STRING), '$.id')"
			if text := succeed(t, "query", join, "-o", "csv", "--data", data).out; !strings.HasSuffix(text, "\n8\n") {
				t.Errorf("a query over an output and a source: %q", text)
			}
			if f := nagare(t, nil, "query", "SELECT * FROM resul", "--data", data); f.code != 2 || !strings.Contains(f.errors, `did you mean "result"`) {
				t.Errorf("a name that is wrong: exit %d %s", f.code, f.errors)
			}
			for _, n := range []int{0, 5, 8, 100} {
				ctx, cancel := context.WithCancel(t.Context())
				cmd := command(ctx, t, "tail", "result", "-n", fmt.Sprint(n), "-o", "csv", "--data", data)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				lines := bufio.NewScanner(out)
				lines.Scan() // the header
				seen := map[string]bool{}
				for range min(n, 8) {
					if !lines.Scan() {
						t.Fatalf("tail -n %d ended", n)
					}
					seen[lines.Text()] = true
				}
				if len(seen) != min(n, 8) {
					t.Errorf("tail -n %d shows %v", n, seen)
				}
				for i := 8 - min(n, 8); i < 8; i++ {
					if !strings.Contains(fmt.Sprint(seen), fmt.Sprintf("e%d", i)) {
						t.Errorf("tail -n %d does not show e%d: %v", n, i, seen)
					}
				}
				cancel()
				_ = cmd.Wait() // killed
			}
			p.signal(syscall.SIGINT)
			if code := p.wait(); code != 0 {
				t.Errorf("exit %d: %s", code, p.errs.String())
			}
		})
	}
}
