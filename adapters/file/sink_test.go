package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

func sinkRows(sink string, partition int32, first, n int64) *record.Rows {
	r := &record.Rows{Sink: sink, Partition: partition, First: first}
	for i := first; i < first+n; i++ {
		r.Values.Append(fmt.Appendf(nil, `{"sink":%q,"partition":%d,"row":%d}`, sink, partition, i))
	}
	return r
}

func fileLines(t testing.TB, path string) []string {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		return nil
	}
	if all[len(all)-1] != '\n' {
		t.Errorf("%s does not end with a line feed", path)
	}
	return strings.Split(strings.TrimSuffix(string(all), "\n"), "\n")
}

// TestOnceOverCrashes writes rows of several lanes, crashes at random places, with what was not
// synced lost, kept or half kept, and sends again what was not flushed, in other batches.
func TestOnceOverCrashes(t *testing.T) {
	lanes := []rowLane{{"a", 0}, {"a", 1}, {`b "c"`, 0}}
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 3))
		path := filepath.Join(t.TempDir(), "out.jsonl")
		flushed := make([]int64, len(lanes)) // what the engine knows to be delivered
		sent := make([]int64, len(lanes))
		crashes, repeats := 0, 0
		s, err := NewJSONSink(path)
		if err != nil {
			t.Fatal(err)
		}
		for step := range 300 {
			l := r.IntN(len(lanes))
			switch r.IntN(10) {
			case 0:
				if err := s.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
				copy(flushed, sent)
			case 1:
				crashes++
				if r.IntN(2) == 0 {
					s.write() // it reached the file, and no sync told so
				}
				s.file.Close()
				s.progress.close()
				spoil(t, r, path)
				if s, err = NewJSONSink(path); err != nil {
					t.Fatalf("seed %d, step %d: %v", seed, step, err)
				}
				copy(sent, flushed)
			default:
				n := r.Int64N(20)
				from := sent[l] - min(sent[l]-flushed[l], r.Int64N(5)) // a retry sends some again
				if from < sent[l] {
					repeats++
				}
				if err := s.Write(t.Context(), 1, sinkRows(lanes[l].Sink, lanes[l].Partition, from, n)); err != nil {
					t.Fatal(err)
				}
				sent[l] = max(sent[l], from+n)
			}
		}
		if err := errors.Join(s.Flush(t.Context()), s.Close()); err != nil {
			t.Fatal(err)
		}
		if crashes < 10 || repeats < 10 {
			t.Fatalf("only %d crashes and %d repeats", crashes, repeats)
		}
		next := make([]int64, len(lanes))
		for _, line := range fileLines(t, path) {
			l := -1
			for i, lane := range lanes {
				if line == string(sinkRows(lane.Sink, lane.Partition, next[i], 1).Values.At(0)) {
					l = i
				}
			}
			if l < 0 {
				t.Fatalf("seed %d: line %s is not the next of any lane %v", seed, line, next)
			}
			next[l]++
		}
		if fmt.Sprint(next) != fmt.Sprint(sent) {
			t.Errorf("seed %d: the file has %v rows: want %v", seed, next, sent)
		}
	}
}

// spoil does to the end of a file what a power cut may do to what was not synced. What was synced
// lies before the size in the progress file.
func spoil(t *testing.T, r *rand.Rand, path string) {
	_, size, _, err := openProgress(path + ".progress")
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	switch r.IntN(3) {
	case 0:
		err = os.Truncate(path, size+r.Int64N(info.Size()-size+1))
	case 1:
		err = os.Truncate(path, info.Size()+r.Int64N(100)) // zeros
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.IntN(2) == 0 { // a line of progress that was being written
		f, err := os.OpenFile(path+".progress", os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString([]string{"0", "abcdef01 {\"si", "\x00\x00\x00\x00"}[r.IntN(3)])
		f.Close()
	}
}

func TestSinkForms(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.csv")
	s, err := NewCSVSink(path, "a,b")
	if err != nil {
		t.Fatal(err)
	}
	r := &record.Rows{Sink: "s", First: 100} // numbers need not begin at 0 for a file that is new
	r.Values.Append([]byte("1,\"x\ny\""))
	r.Values.AppendNull()
	if err := errors.Join(s.Write(t.Context(), 1, r), s.Flush(t.Context()), s.Flush(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = NewCSVSink(path, "a,b"); err != nil {
		t.Fatal(err)
	}
	r.First = 101
	if err := errors.Join(s.Write(t.Context(), 1, r), s.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), 1, sinkRows("s", 0, 104, 1)); err == nil || !strings.Contains(err.Error(), "row 104 of sink s, partition 0 comes where row 103 is due") {
		t.Errorf("a gap: %v", err)
	}
	s.Close()
	if all, _ := os.ReadFile(path); string(all) != "a,b\n1,\"x\ny\"\n\n\n" {
		t.Errorf("file is %q", all)
	}
	if _, err := NewCSVSink(path, "a,c"); err == nil || !strings.Contains(err.Error(), `its first line is "a,b" and the rows have the columns "a,c"; move the file away`) {
		t.Errorf("another header: %v", err)
	}
	j, err := NewJSONSink(filepath.Join(dir, "out.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Write(t.Context(), 1, r), j.Flush(t.Context()), j.Close()); err != nil {
		t.Fatal(err)
	}
	if got := fileLines(t, filepath.Join(dir, "out.jsonl")); len(got) != 3 || got[2] != "null" {
		t.Errorf("lines are %q", got)
	}
}

// TestSinkFaults has what can be wrong with a file that is to be written.
func TestSinkFaults(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.jsonl")
	make := func() {
		os.Remove(path)
		os.Remove(path + ".progress")
		s, err := NewJSONSink(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Write(t.Context(), 1, sinkRows("s", 0, 0, 5)), s.Flush(t.Context()), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(what, want string) {
		t.Helper()
		if s, err := NewJSONSink(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v: want %s", what, err, want)
			if s != nil {
				s.Close()
			}
		}
	}
	make()
	os.Truncate(path, 10)
	expect("a file cut by somebody", "it has 10 bytes and had ")
	make()
	progress, _ := os.ReadFile(path + ".progress")
	for i := range progress {
		spoilt := bytes.Clone(progress)
		spoilt[i] ^= 4
		os.WriteFile(path+".progress", spoilt, 0o600)
		if i < len(progress)-1 {
			expect(fmt.Sprintf("bit 2 of byte %d", i), "it is damaged, so that it is not known which rows")
			continue
		}
		s, err := NewJSONSink(path) // of the last line feed: nothing is lost
		if err != nil || len(fileLines(t, path)) != 5 {
			t.Errorf("the last line feed is damaged: %v", err)
		}
		s.Close()
	}
	if _, err := NewJSONSink(filepath.Join(dir, "none", "a.jsonl")); err == nil || !strings.Contains(err.Error(), "there is no folder "+filepath.Join(dir, "none")+"; make it with mkdir -p") {
		t.Errorf("no folder: %v", err)
	}
	if _, err := NewJSONSink(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a folder: %v", err)
	}
	for err, want := range map[error]string{syscall.ENOSPC: "the disk is full; free some space", os.ErrPermission: "chmod u+w /x", syscall.EROFS: "choose another folder", io.ErrShortWrite: "write /x/y: short write"} {
		if got := writeFault("/x/y", fmt.Errorf("write: %w", err)); !errors.Is(got, err) || !strings.Contains(got.Error(), strings.Replace(want, "short", "write: short", 1)) {
			t.Errorf("%v becomes %v", err, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, s := range []record.Sink{&LineSink{}, NewConsoleSink(io.Discard), NoopSink{}} {
		if s.Write(ctx, 1, sinkRows("s", 0, 0, 1)) != context.Canceled || s.Flush(ctx) != context.Canceled {
			t.Errorf("%T does not return the error of an ended context", s)
		}
	}
}

// TestFullDisk writes to a device that is always full and goes on when there is room again.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there is no /dev/full on " + runtime.GOOS)
	}
	defer full.Close()
	path := filepath.Join(t.TempDir(), "out.jsonl")
	s, err := NewJSONSink(path)
	if err != nil {
		t.Fatal(err)
	}
	file := s.file
	s.file = full
	if err := s.Write(t.Context(), 1, sinkRows("s", 0, 0, 3)); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.Flush(t.Context()); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path+": the disk is full") {
			t.Errorf("a full disk: %v", err)
		}
	}
	large := sinkRows("s", 0, 3, 40_000)
	if err := s.Write(t.Context(), 1, large); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("many rows on a full disk: %v", err)
	}
	s.file = file
	if err := errors.Join(s.Write(t.Context(), 1, large), s.Flush(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	if n := len(fileLines(t, path)); n != 40_003 {
		t.Errorf("%d lines: want 40003", n)
	}
}

// TestProgressIsBegunAnew checks that the progress file does not grow without end.
func TestProgressIsBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.jsonl.progress")
	p := &progress{path: path}
	next := map[rowLane]int64{}
	for i := range int64(3000) {
		next[rowLane{"sink/a", int32(i % 3)}] = i
		if err := p.append(i*10, next); err != nil {
			t.Fatal(err)
		}
		if p.size > progressLimit+1000 {
			t.Fatalf("it has %d bytes", p.size)
		}
	}
	p.close()
	_, size, got, err := openProgress(path)
	if err != nil || size != 29_990 || fmt.Sprint(got) != fmt.Sprint(next) {
		t.Errorf("read back: %d, %v, %v", size, got, err)
	}
}

type tornWriter struct {
	bytes.Buffer
	fail int
}

func (w *tornWriter) Write(p []byte) (int, error) {
	if w.fail--; w.fail >= 0 {
		n, _ := w.Buffer.Write(p[:len(p)/2])
		return n, errors.New("pipe is torn")
	}
	return w.Buffer.Write(p)
}

func TestConsole(t *testing.T) {
	w := &tornWriter{fail: 1}
	s := NewConsoleSink(w)
	r := &record.Rows{Sink: "s"}
	for i := range 5 {
		r.Values.Append(fmt.Appendf(nil, "row %d", i))
	}
	r.Values.AppendNull()
	if err := errors.Join(s.Write(t.Context(), 1, r), s.Write(t.Context(), 1, r)); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "print rows: pipe is torn") {
		t.Errorf("a torn pipe: %v", err)
	}
	s.limit = 2
	r.First = 6
	if err := errors.Join(s.Flush(t.Context()), s.Write(t.Context(), 1, r), s.Flush(t.Context()), s.Flush(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	if got, want := w.String(), "row 0\nrow 1\nrow 2\nrow 3\nrow 4\nnull\nrow 0\nrow 1\n… 4 more\n"; got != want {
		t.Errorf("printed %q: want %q", got, want)
	}
}

func TestOpenSink(t *testing.T) {
	base := t.TempDir()
	type options = map[string]string
	for _, c := range []struct {
		format  string
		options options
		file    string // below base, which must begin with text
		text    string
	}{
		{"csv", options{"path": "a/b.csv"}, "a/b.csv", "x,\"y,z\"\n"},
		{"csv", options{"path": "c.csv", "header": "false", "outputMode": "append", "checkpointLocation": "/s"}, "c.csv", "row"},
		{"json", options{"path": "out"}, "out/my_sink.jsonl", "row"},
		{"json", options{"path": "file://" + filepath.ToSlash(base) + "/uri/d.json"}, "uri/d.json", "row"},
		{"json", options{"path": base + "/abs/"}, "abs/my_sink.jsonl", "row"},
	} {
		s, err := OpenSink("my/sink", c.format, c.options, base, nil, "x", "y,z")
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		r := &record.Rows{Sink: "s"}
		r.Values.Append([]byte("row"))
		if err := errors.Join(s.Write(t.Context(), 1, r), s.Flush(t.Context()), s.Close()); err != nil {
			t.Errorf("%v: %v", c, err)
		}
		if got, err := os.ReadFile(filepath.Join(base, c.file)); err != nil || !strings.HasPrefix(string(got), c.text) {
			t.Errorf("%v: file has %q, %v", c, got, err)
		}
	}
	for _, c := range []struct {
		format  string
		options options
		want    string
	}{
		{"json", nil, "open sink my/sink: option path is missing"},
		{"json", options{"path": "s3://bucket/x"}, "path s3://bucket/x is on another system"},
		{"json", options{"path": "x", "compression": "gzip"}, "option compression has no effect on format json here: leave it out"},
		{"csv", options{"path": "x", "header": "yes"}, `option header is "yes": want true or false`},
		{"console", options{"truncate": "true"}, `option truncate is "true": want false`},
		{"console", options{"numRows": "0"}, `numRows is "0"`},
		{"redis", nil, `format is "redis": want json, csv, console or noop`},
	} {
		if _, err := OpenSink("my/sink", c.format, c.options, base, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v: want %s", c.format, c.options, err, c.want)
		}
	}
	var out bytes.Buffer
	s, err := OpenSink("c", "console", options{"numRows": "1", "truncate": "false"}, base, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Write(t.Context(), 1, sinkRows("c", 0, 0, 2)), s.Flush(t.Context())); err != nil || !strings.HasSuffix(out.String(), "\n… 1 more\n") {
		t.Errorf("console: %q, %v", out.String(), err)
	}
	if s, err := OpenSink("n", "noop", nil, base, nil); err != nil || errors.Join(s.Write(t.Context(), 1, sinkRows("c", 0, 0, 2)), s.Flush(t.Context()), s.Close()) != nil {
		t.Errorf("noop: %v", err)
	}
}
