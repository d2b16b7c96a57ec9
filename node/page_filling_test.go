//go:build unix

package node_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const fillingSpec = `name: filling
storage: file:///tmp/nagare/filling/storage
database: default
libraries:
  - glob:
      include: transformations/**
configuration:
  spark.sql.session.timeZone: UTC
  source.raw.format: kafka
  source.raw.option.kafka.bootstrap.servers: localhost:9092
  source.raw.option.subscribe: orders
  source.raw.option.startingOffsets: earliest
`

// fillingQuery has a table that stays, and one that counts texts; new is what an edit adds.
const fillingQuery = `CREATE TEMPORARY VIEW o AS
SELECT * FROM (SELECT j.n, try_to_timestamp(j.at) AS ts FROM (SELECT from_json(CAST(value AS STRING), 'n INT, at STRING') AS j FROM STREAM raw))
WATERMARK ts DELAY OF INTERVAL 10 SECONDS;
CREATE STREAMING TABLE stays AS SELECT window.start AS minute, count(*) AS n FROM STREAM o GROUP BY window(ts, '1 minute');
CREATE STREAMING TABLE texts AS SELECT window.start AS minute, count(DISTINCT %s) AS n FROM STREAM o GROUP BY window(ts, '1 minute');
`

// TestPageShowsFilling: while nagare run --apply fills what an edit has changed, the page tells of each part how far it is
// and what becomes of it, in English and Japanese, and each view leads there; once it has taken over nothing is told.
func TestPageShowsFilling(t *testing.T) {
	address, dir := freeAddress(t), t.TempDir()
	data, project := filepath.Join(dir, "data"), filepath.Join(dir, "project")
	write := func(query string) {
		t.Helper()
		for name, text := range map[string]string{"spark-pipeline.yml": fillingSpec, "transformations/q.sql": query} {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(project, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(project, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(fmt.Sprintf(fillingQuery, "n"))
	const records = 20_000
	var lines bytes.Buffer
	for i := range records {
		fmt.Fprintf(&lines, `{"n":%d,"at":"2026-03-01T09:%02d:%02dZ"}`+"\n", i, i/600, i/10%60)
	}
	p := start(t, false, "run", project, "--data", data, "--http", address)
	for some := range slices.Chunk(bytes.SplitAfter(lines.Bytes(), []byte("\n")), 2000) { // short steps
		if f := nagare(t, bytes.Join(some, nil), "publish", "orders", "--data", data); f.code != 0 {
			t.Fatalf("publish: exit %d: %s", f.code, f.errors)
		}
	}
	p.awaitRead("orders", records)
	p.stop()

	// Work that takes the engine some seconds, on any machine.
	write(fmt.Sprintf(fillingQuery, "sha2(repeat(CAST(n AS STRING), 10000), 512)") + "CREATE STREAMING TABLE added AS SELECT n, ts FROM STREAM o WHERE n > 5;\n")
	b := openTab(t, 1280, 900, "light")
	again := start(t, false, "run", project, "--apply", "--data", data, "--http", address)
	b.open(again.address)
	b.await("what is filled", `document.querySelectorAll('#filling tbody tr').length === 2 && document.querySelectorAll('#filling progress').length === 2`)
	again.signal(syscall.SIGSTOP) // what is shown stays
	told := eval[string](b, `document.querySelector('#filling').innerText`)
	for _, want := range []string{"A changed project is being filled", "texts table", "takes the place of the one of before, as generation 2", "added table", "new: it begins with these rows", "/ 20,000"} {
		if !strings.Contains(strings.ReplaceAll(told, "\n", " "), want) {
			t.Errorf("no %q in\n%s", want, told)
		}
	}
	if strings.Contains(told, "stays") {
		t.Errorf("a table that stays as it is is told of:\n%s", told)
	}
	if eval[int](b, `document.querySelectorAll('#filling progress').length`) != 2 {
		t.Error("the two tables have no bars")
	}
	b.run(`document.querySelector('.switches button[lang=ja]').click()`)
	b.await("Japanese", `document.querySelector('#filling').innerText.includes('第 2 世代として今のものと入れ替わります')`)
	b.run(`location.hash = '#/health'`)
	b.await("the line of another view", `document.querySelector('.filling-line a') !== null && document.querySelector('.filling-line a').hash === '#/overview'`)
	b.run(`location.hash = '#/overview'`)
	b.await("the panel again", `document.querySelector('#filling') !== null`)
	again.signal(syscall.SIGCONT)
	b.await("the change to have taken over", `document.querySelector('.state.good') !== null && document.querySelector('#filling') === null`)
	b.calm()
}
