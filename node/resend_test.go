//go:build unix

package node_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/web"
)

// TestResendOnARunningNode sends a late record and an invalid one to their topic again: first it is only told what would
// be sent, then they are there once more, in their partition, with their headers, and are left out again as it was said.
func TestResendOnARunningNode(t *testing.T) {
	project := projectFolder(t, `name: resend
storage: file:///tmp/nagare/resend/storage
libraries:
  - glob:
      include: transformations/**
configuration:
  source.raw.format: kafka
  source.raw.option.kafka.bootstrap.servers: localhost:9092
  source.raw.option.subscribe: orders
  source.raw.option.startingOffsets: earliest
  source.raw.option.includeHeaders: "true"
  nagare.topic.orders.partitions: "2"
`, `CREATE TEMPORARY VIEW o AS
SELECT * FROM (SELECT j.kind, try_to_timestamp(j.at) AS ts
  FROM (SELECT from_json(CAST(value AS STRING), 'kind STRING, at STRING') AS j FROM STREAM raw))
WATERMARK ts DELAY OF INTERVAL 10 SECONDS;
CREATE STREAMING TABLE per_minute AS SELECT window.start AS minute, kind, count(*) AS n FROM STREAM o GROUP BY window(ts, '1 minute'), kind;
`)
	lines := filepath.Join(t.TempDir(), "orders.jsonl")
	if err := os.WriteFile(lines, []byte(`{"topic":"orders","partition":1,"offset":0,"key":"k","payload":"{\"kind\":\"a\",\"at\":\"2026-03-01T09:00:01Z\"}"}
{"topic":"orders","partition":1,"offset":1,"key":"k","payload":"{\"kind\":\"a\",\"at\":\"2026-03-01T09:09:00Z\"}"}
{"topic":"orders","partition":1,"offset":2,"key":"k","headers":["by","test"],"payload":"{\"kind\":\"a\",\"at\":\"2026-03-01T09:00:02Z\"}"}
{"topic":"orders","partition":1,"offset":3,"key":"k","payload":"no JSON"}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	p := start(t, false, "run", project, "--data", data, "--http", "127.0.0.1:0")
	defer stop(t, p)
	succeed(t, "publish", "orders", lines, "--data", data)
	answer := func(query string) string {
		_, rows, _ := strings.Cut(strings.TrimSpace(succeed(t, "query", query, "-o", "csv", "--data", data).out), "\n")
		return rows
	}
	const late, invalid = "SELECT count(*) FROM `per_minute$late`", "SELECT count(*) FROM `orders$invalid` WHERE verdict = 'invalid'"
	p.await("what is left out", func() bool { return answer(late) == "1" && answer(invalid) == "1" })

	resend := func(name, body string) (a web.Resent) {
		t.Helper()
		text, status := ask(t, p, data, "/api/topics/"+name+"/resend", []byte(body))
		if err := json.Unmarshal(text, &a); err != nil || status != http.StatusOK {
			t.Fatalf("send %s again: status %d, %s", name, status, text)
		}
		return a
	}
	if a := resend("per_minute$late", `{"where": "true", "dry": true}`); a.Topic != "orders" || a.Records != 1 || !a.Dry || a.Note == "" {
		t.Errorf("would be sent: %+v", a)
	}
	if got := answer("SELECT count(*) FROM orders"); got != "4" {
		t.Errorf("%s records after a try", got)
	}
	if a := resend("per_minute$late", `{"records": [{"partition": 1, "offset": 2}]}`); a.Records != 1 || a.Copies != 0 || a.Dry {
		t.Errorf("sent: %+v", a)
	}
	if a := resend("orders$invalid", `{"where": "verdict = 'invalid'"}`); a.Records != 1 || a.Bytes != int64(len("k")+len("no JSON")) {
		t.Errorf("sent: %+v", a)
	}
	p.await("what is left out again", func() bool { return answer(late) == "2" && answer(invalid) == "2" })
	const again = "SELECT partition, offset, CAST(key AS STRING), size(headers), left(CAST(value AS STRING), 7) FROM raw WHERE offset > 3 ORDER BY offset"
	if got, want := answer(again), `1,4,k,1,"{""kind"""`+"\n1,5,k,,no JSON"; got != want {
		t.Errorf("sent again: %s\nnot %s", got, want)
	}
}
