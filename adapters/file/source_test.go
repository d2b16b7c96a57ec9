package file

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nagare-stream/nagare/engine/record"
)

var testStart = time.Date(2026, 2, 3, 9, 0, 0, 0, time.UTC)

const testNow = 1_770_000_000_000_001

// seen is a record as a test sees it.
type seen struct {
	Offset, Time int64
	Key, Value   string // "<null>" for NULL
}

func text(b []byte) string {
	if b == nil {
		return "<null>"
	}
	return string(b)
}

func quoted(b []byte) []byte {
	q, _ := json.Marshal(string(b))
	return q
}

func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if strings.HasSuffix(name, ".gz") {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		io.WriteString(z, content)
		z.Close()
		content = out.String()
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, cfg Config) *Source {
	t.Helper()
	if cfg.Now == 0 {
		cfg.Now = testNow
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// readFrom reads a partition from an offset to its end.
func readFrom(s *Source, partition int32, offset int64) (out []seen, err error) {
	r, err := s.Open(context.Background(), partition, record.Position{Offset: offset})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readAll(r, partition)
}

func readAll(r record.Reader, partition int32) (out []seen, err error) {
	var b record.Records
	for {
		err := r.Read(context.Background(), &b)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if b.Len() == 0 || b.Partition != partition || b.Keys.Len() != b.Len() || b.Values.Len() != b.Len() || len(b.Times) != b.Len() || b.Next.Offset != b.Offsets[b.Len()-1]+1 {
			return out, fmt.Errorf("batch of partition %d is not consistent: %d offsets, %d keys, %d values, next %v", b.Partition, b.Len(), b.Keys.Len(), b.Values.Len(), b.Next)
		}
		for i := range b.Len() {
			out = append(out, seen{b.Offsets[i], b.Times[i], text(b.Keys.At(i)), text(b.Values.At(i))})
		}
	}
}

// readSource reads all partitions at once, as the engine does.
func readSource(t testing.TB, s *Source) [][]seen {
	t.Helper()
	n, err := s.Partitions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]seen, n)
	readers := make([]record.Reader, n)
	for p := range readers {
		if readers[p], err = s.Open(context.Background(), int32(p), record.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for p, r := range readers {
		wg.Go(func() {
			var err error
			if out[p], err = readAll(r, int32(p)); err != nil {
				t.Error(err)
			}
			r.Close()
		})
	}
	wg.Wait()
	return out
}

func same(t *testing.T, got, want [][]seen) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d partitions: want %d", len(got), len(want))
	}
	for p := range want {
		for i := range max(len(got[p]), len(want[p])) {
			if i >= len(got[p]) || i >= len(want[p]) || got[p][i] != want[p][i] {
				t.Errorf("partition %d has %d records, want %d; they differ at %d", p, len(got[p]), len(want[p]), i)
				if i < len(got[p]) && i < len(want[p]) {
					t.Errorf("got  %.200q\nwant %.200q", fmt.Sprint(got[p][i]), fmt.Sprint(want[p][i]))
				}
				return
			}
		}
	}
}

func unpack(t testing.TB, path string) []string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(all), "\n"), "\n")
}

// TestGoldenKcat reads the golden files and compares each record with what encoding/json and
// encoding/base64 make of its line.
func TestGoldenKcat(t *testing.T) {
	for name, counts := range map[string][]int{"clean": {6869, 6750, 6381}, "disorder": {4049, 4078, 3873}, "bad": {2035, 2028, 1937}} {
		t.Run(name, func(t *testing.T) {
			path := "../../testdata/golden/" + name + ".ndjson.gz"
			want := make([][]seen, 3)
			for i, line := range unpack(t, path) {
				var k struct {
					Partition     int
					Offset, Ts    int64
					Key, Payload  *string
					PayloadBase64 *string `json:"payload_base64"`
				}
				if err := json.Unmarshal([]byte(line), &k); err != nil {
					t.Fatalf("line %d: %v", i+1, err)
				}
				r := seen{k.Offset, k.Ts * 1000, "<null>", "<null>"}
				if k.Key != nil {
					r.Key = *k.Key
					if p := record.PartitionOf([]byte(r.Key), 3); int(p) != k.Partition {
						t.Fatalf("line %d: key %s lies in partition %d: PartitionOf says %d", i+1, r.Key, k.Partition, p)
					}
				}
				if k.Payload != nil {
					r.Value = *k.Payload
				}
				if k.PayloadBase64 != nil {
					b, err := base64.StdEncoding.DecodeString(*k.PayloadBase64)
					if err != nil {
						t.Fatal(err)
					}
					r.Value = string(b)
				}
				want[k.Partition] = append(want[k.Partition], r)
			}
			s := open(t, Config{Path: path})
			got := readSource(t, s)
			same(t, got, want)
			for p, n := range counts {
				end, err := s.End(context.Background(), int32(p))
				if len(got[p]) != n || err != nil || end.Offset != int64(n) {
					t.Errorf("partition %d has %d records, end %v, %v: want %d", p, len(got[p]), end, err, n)
				}
			}
		})
	}
}

// oracle is what the records of lines are, by encoding/json.
func oracle(t testing.TB, lines []string, field string, n int) [][]seen {
	t.Helper()
	out := make([][]seen, n)
	for i, line := range lines {
		var o map[string]json.RawMessage
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		r := seen{Time: testNow, Key: "<null>", Value: line}
		p := i % n
		if raw := o[field]; raw != nil && string(raw) != "null" {
			if r.Key = string(raw); raw[0] == '"' {
				if err := json.Unmarshal(raw, &r.Key); err != nil {
					t.Fatal(err)
				}
			}
			p = int(record.PartitionOf([]byte(r.Key), n))
		}
		r.Offset = int64(len(out[p]))
		out[p] = append(out[p], r)
	}
	return out
}

func TestRetail(t *testing.T) {
	const path = "../../testdata/retail/online_retail.ndjson.gz"
	lines := unpack(t, path)
	if len(lines) != 10_000 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, field := range []string{"user_id", "quantity", "product_name", "region", "nothing", ""} {
		for _, n := range []int{1, 3, 7} {
			same(t, readSource(t, open(t, Config{Path: path, Partitions: n, KeyField: field})), oracle(t, lines, field, n))
		}
	}
}

// TestForms has small files, each with its records in one partition.
func TestForms(t *testing.T) {
	huge := `{"k": "` + strings.Repeat("x", 1<<20) + `"}`
	for _, c := range []struct {
		name, content string
		want          []string // key, value by turns
	}{
		{"a.ndjson", "", nil},
		{"a.ndjson.gz", "", nil},
		{"a.csv", "", nil},
		{"a.csv", "k,v\n", nil},
		{"a.ndjson", "\n\r\n \t\n\n", nil},
		{"a.jsonl", "{\"k\": 1}\r\n\r\n{\"k\": \"b\"}\r\n", []string{"1", `{"k": 1}`, "b", `{"k": "b"}`}},
		{"a.NDJSON", "{\"k\": 1}\n{\"k\": 2}", []string{"1", `{"k": 1}`, "2", `{"k": 2}`}},
		{"a.ndjson.gz", "{\"k\": 1}\n  {\"k\": 2}  ", []string{"1", `{"k": 1}`, "2", `  {"k": 2}  `}},
		{"a.ndjson", "\xef\xbb\xbf{\"k\": 1}\n", []string{"1", `{"k": 1}`}},
		{"a.ndjson", huge + "\n" + `{"k": 1}` + "\n" + huge, []string{strings.Repeat("x", 1<<20), huge, "1", `{"k": 1}`, strings.Repeat("x", 1<<20), huge}},
		{"a.ndjson", "not json\n[1]\n{\"k\": }\n{\"k\": null}\n{\"j\": 1}\n{\"a\": {\"k\": 1}, \"k\": true}\n{\"k\": \"\"}\n",
			[]string{"<null>", "not json", "<null>", "[1]", "<null>", `{"k": }`, "<null>", `{"k": null}`, "<null>", `{"j": 1}`, "true", `{"a": {"k": 1}, "k": true}`, "", `{"k": ""}`}},
		{"a.ndjson", `{"topic": "a"}` + "\n" + `{"k": "b"}`, []string{"<null>", `{"topic": "a"}`, "b", `{"k": "b"}`}},
		{"a.csv", "k,v,w\na,1,\n,2.5,\"\"\nb\"c,007,true\n", []string{"a", `{"k":"a","v":1,"w":null}`, "<null>", `{"k":null,"v":2.5,"w":""}`, `b"c`, `{"k":"b\"c","v":"007","w":true}`}},
		{"a.csv.gz", "\xef\xbb\xbf\"k\",\"a \"\"b\"\"\"\r\n\"x\r\n\"\"y\"\"\",\"1e5\"\r\n\r\n\"\",-0\r\n", []string{"x\r\n\"y\"", `{"k":"x\r\n\"y\"","a \"b\"":1e5}`, "", `{"k":"","a \"b\"":-0}`}},
		{"a.csv", "k,v\n1,2,3\n4\n\"5\"x,6\n7,8", []string{"<null>", "1,2,3", "<null>", "4", "<null>", `"5"x,6`, "7", `{"k":7,"v":8}`}},
		{"a.csv", "k,v\n\"open,1\nb,2\nc,3\n", []string{"<null>", `"open,1`, "b", `{"k":"b","v":2}`, "c", `{"k":"c","v":3}`}},
		{"a.csv", "v,k\n1,caf\xe9\n2,\"\t\x01\\\"\n", []string{"caf\xe9", "{\"v\":1,\"k\":\"caf\xe9\"}", "\t\x01\\", `{"v":2,"k":"\t\u0001\\"}`}},
	} {
		s := open(t, Config{Path: write(t, c.name, c.content), KeyField: "k"})
		var want []seen
		for i := 0; i < len(c.want); i += 2 {
			want = append(want, seen{int64(i / 2), testNow, c.want[i], c.want[i+1]})
		}
		same(t, readSource(t, s), [][]seen{want})
		if end, err := s.End(context.Background(), 0); err != nil || end.Offset != int64(len(want)) {
			t.Errorf("%s %q ends at %v, %v", c.name, c.content, end, err)
		}
		if t.Failed() {
			t.Fatalf("%s %.300q", c.name, c.content)
		}
	}
}

func TestKcatForms(t *testing.T) {
	lines := []string{
		`{"topic":"t","partition":2,"offset":5,"tstype":"create","ts":1000,"broker":0,"headers":["a","b{}"],"key":null,"payload":"\u0000\u00e9\ud83d\ude00\ud83d\\u12\/\"\b\f\n\r\t"}`,
		` { "payload" : "" , "ts" : -1 , "offset" : 0 , "partition" : 0 , "topic" : "t" , "key" : "k\n" } `,
		``,
		`{"topic":"t","partition":2,"offset":9,"ts":0,"key":"","payload":null}`,
		`{"topic":"t","partition":0,"offset":7,"key_base64":"/w==","payload_base64":"AP8="}`,
		`{"topic":"t","partition":0,"offset":8,"ts":7,"key":5,"payload":{"a": [1, "}"]}}`,
	}
	s := open(t, Config{Path: write(t, "a.ndjson", strings.Join(lines, "\r\n")), Topic: "other", Partitions: 2})
	same(t, readSource(t, s), [][]seen{
		{{0, testNow, "k\n", ""}, {7, testNow, "\xff", "\x00\xff"}, {8, 7000, "5", `{"a": [1, "}"]}`}},
		nil,
		{{5, 1_000_000, "<null>", "\x00é😀\ufffd\\u12/\"\b\f\n\r\t"}, {9, 0, "", "<null>"}},
	})
	for p, want := range []int64{9, 0, 10} {
		if end, err := s.End(context.Background(), int32(p)); err != nil || end.Offset != want {
			t.Errorf("partition %d ends at %v, %v: want %d", p, end, err, want)
		}
	}
}

func TestKcatTopics(t *testing.T) {
	path := write(t, "a.ndjson", `{"topic":"a","partition":0,"offset":3,"payload":"1"}
{"topic":"b","partition":4,"offset":0,"payload":"2"}
{"topic":"a","partition":1,"offset":0,"payload":"3"}
`)
	same(t, readSource(t, open(t, Config{Path: path, Topic: "a"})), [][]seen{{{3, testNow, "<null>", "1"}}, {{0, testNow, "<null>", "3"}}})
	if s := open(t, Config{Path: path, Topic: "b"}); s.partitions != 5 {
		t.Errorf("topic b has %d partitions: want 5", s.partitions)
	}
	if _, err := Open(Config{Path: path, Topic: "c"}); err == nil || !strings.Contains(err.Error(), `2 topics (a, b), none of them "c"`) {
		t.Errorf("topic c: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	kcat := `{"topic":"t","partition":0,"offset":1,"payload":"x"}` + "\n"
	put("orders.ndjson.gz", nil)
	for _, c := range []struct{ path, want string }{
		{filepath.Join(dir, "order.ndjson.gz"), "there is no such file; did you mean " + filepath.Join(dir, "orders.ndjson.gz") + "?"},
		{filepath.Join(dir, "orders.ndjson"), "did you mean " + filepath.Join(dir, "orders.ndjson.gz") + "?"},
		{filepath.Join(dir, "zzzzzzzzzzzzzzzzzzz.csv"), "there is no such file: "},
		{filepath.Join(dir, "none", "a.csv"), "there is no folder " + filepath.Join(dir, "none")},
		{put("a.json", nil), "form not known: want a name that ends in .ndjson, .jsonl or .csv, or one of these and .gz"},
		{filepath.Join(dir, "a.xml"), "there is no such file"},
		{put("b.ndjson.gz", []byte("not packed, but long enough")), "not compressed by gzip"},
		{put("u.csv", []byte("\xff\xfei\x00d\x00\n\x00")), "it is written in UTF-16"},
		{put("v.ndjson", []byte("\x00{\x00}\x00\n")), "it is written in UTF-16"},
		{put("w.csv", []byte("id,gr\xfc\xdfe\n1,2\n")), "line 1 is not UTF-8"},
		{put("x.ndjson", []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00")), "it is compressed by gzip: give it a name that ends in .gz"},
		{put("y.csv", []byte("PK\x03\x04\x14\x00")), "it is a ZIP archive or an Excel file"},
		{put("z.csv", []byte("a|b|c\n1|2|3\n")), "is the separator |?"},
		{put("c.csv", []byte("a,b,a\n1,2,3\n")), `line 1: columns 1 and 3 are both named "a"`},
		{put("d.csv", []byte("\"a\n1\n")), "line 1: header row is not well formed"},
		{put("e.ndjson", []byte(kcat+"{\"topic\":\"t\",\"partition\":0,\"offset\":2,\"payl")), "line 2 is no line of kcat -J as the others are: malformed JSON at byte"},
		{put("f.ndjson", []byte(kcat+"\n{\"k\":1}\n")), "line 3 is no line of kcat -J as the others are: topic is missing"},
		{put("g.ndjson", []byte(kcat+kcat)), "line 2: offset 1 of partition 0 comes behind offset 1"},
		{put("h.ndjson", []byte(kcat+strings.Replace(kcat, `"partition":0`, `"partition":99999`, 1))), "line 2 is no line of kcat -J as the others are: partition is 99999: want a whole number from 0 to 9999"},
		{put("i.ndjson", []byte(kcat+strings.Replace(kcat, `"x"`, `"\x"`, 1))), "line 2 is no line of kcat -J as the others are: payload has an escape that JSON does not know"},
		{put("j.ndjson", []byte(kcat+strings.Replace(kcat, `"payload":"x"`, `"payload_base64":"*"`, 1))), "payload_base64"},
	} {
		_, err := Open(Config{Path: c.path})
		want := c.want
		if want == "payload_base64" {
			want = "payload is not base64"
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v: want %s", c.path, err, want)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.csv"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: filepath.Join(dir, "folder.csv")}); err == nil || !strings.Contains(err.Error(), "it is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Open(Config{Path: "-", Partitions: -1}); err == nil {
		t.Error("-1 partitions are accepted")
	}
	if err := openFault("/x/y", fmt.Errorf("open: %w", os.ErrPermission)); !strings.Contains(err.Error(), "chmod u+r") || !errors.Is(err, os.ErrPermission) {
		t.Errorf("permission: %v", err)
	}
}

// TestCutOffGzip checks that a download that broke is an error, behind the records before it.
func TestCutOffGzip(t *testing.T) {
	path := write(t, "a.ndjson.gz", strings.Repeat("{\"k\": \"some text that is packed\"}\n", 100_000))
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, all[:len(all)*2/3], 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readFrom(open(t, Config{Path: path}), 0, 0)
	if err == nil || !strings.Contains(err.Error(), "damaged or cut off") || len(got) < 10_000 {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func TestLineTooLong(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 130 MB")
	}
	zeros := io.LimitReader(zeroReader{}, 2*maxLine+2)
	s := open(t, Config{Path: "-", Stdin: io.MultiReader(strings.NewReader("{}\n"), zeros)})
	got, err := readFrom(s, 0, 0)
	if err == nil || !strings.Contains(err.Error(), "read standard input: line 2 is longer than 64 MiB") || len(got) != 1 {
		t.Errorf("%d records, %v", len(got), err)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestSmallReads cuts the input at every byte.
func TestSmallReads(t *testing.T) {
	content := "\xef\xbb\xbfk,v\r\n\"a\r\nb\",\"\"\"\"\n\nc,\"d\n\"\"\"\n,\n"
	whole := rows(newLines(strings.NewReader(content), nil))
	if want := []string{"k,v", "\"a\r\nb\",\"\"\"\"", "", "c,\"d\n\"\"\"", ","}; !slices.Equal(whole, want) {
		t.Fatalf("rows are %q: want %q", whole, want)
	}
	for size := 1; size < 9; size++ {
		if got := rows(newLines(&smallReader{content, size}, nil)); !slices.Equal(got, whole) {
			t.Errorf("%d bytes at a time: %q", size, got)
		}
	}
}

type smallReader struct {
	rest string
	size int
}

func (r *smallReader) Read(p []byte) (int, error) {
	n := copy(p, r.rest[:min(r.size, len(r.rest))])
	if r.rest = r.rest[n:]; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func rows(l *lines) (out []string) {
	for {
		row, err := l.nextRow()
		if err != nil {
			return out
		}
		out = append(out, string(row))
	}
}
