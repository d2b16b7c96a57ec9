package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/engine/record"
)

func events(n int64) string {
	var out bytes.Buffer
	if err := generator.WriteNDJSON(&out, n); err != nil {
		panic(err)
	}
	return out.String()
}

func keyed(t testing.TB, n int64) (content string, s *Source, want [][]seen) {
	content = events(n)
	s = open(t, Config{Path: write(t, "a.ndjson", content), Partitions: 3, KeyField: "user_id"})
	return content, s, oracle(t, strings.Split(strings.TrimSuffix(content, "\n"), "\n"), "user_id", 3)
}

// TestResume opens partitions again at random positions, while other readers are half way.
func TestResume(t *testing.T) {
	_, s, want := keyed(t, 30_000)
	same(t, readSource(t, s), want)
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		p := r.IntN(3)
		from := r.IntN(len(want[p]) + 1)
		got, err := readFrom(s, int32(p), int64(from))
		if err != nil {
			t.Fatal(err)
		}
		same(t, [][]seen{got}, [][]seen{want[p][from:]})
		if t.Failed() {
			t.Fatalf("partition %d from %d", p, from)
		}
	}
	_, err := readFrom(s, 1, int64(len(want[1])+1))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("from offset %d: it ends at %d; it was longer", len(want[1])+1, len(want[1]))) {
		t.Errorf("behind the end: %v", err)
	}
	if _, err := s.Open(context.Background(), 3, record.Position{}); err == nil || !strings.Contains(err.Error(), "partition 3: it has 0 to 2") {
		t.Errorf("partition 3: %v", err)
	}
}

// TestOneAfterTheOther reads whole partitions in turn, which must not wait for readers that are not
// there.
func TestOneAfterTheOther(t *testing.T) {
	_, s, want := keyed(t, 40_000)
	got := make([][]seen, 3)
	for p := range got {
		var err error
		if got[p], err = readFrom(s, int32(p), 0); err != nil {
			t.Fatal(err)
		}
	}
	same(t, got, want)

	// The same with readers that stay open.
	first, err := s.Open(context.Background(), 0, record.Position{})
	if err != nil {
		t.Fatal(err)
	}
	if got[0], err = readAll(first, 0); err != nil {
		t.Fatal(err)
	}
	for p := int32(1); p < 3; p++ {
		if got[p], err = readFrom(s, p, 0); err != nil {
			t.Fatal(err)
		}
	}
	first.Close()
	same(t, got, want)
}

// TestClosedReader checks that a reader which goes away holds the others up no more.
func TestClosedReader(t *testing.T) {
	_, s, want := keyed(t, 40_000)
	var readers [3]record.Reader
	for p := range readers {
		var err error
		if readers[p], err = s.Open(context.Background(), int32(p), record.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	var b record.Records
	if err := readers[1].Read(context.Background(), &b); err != nil || b.Len() == 0 {
		t.Fatal(err)
	}
	readers[1].Close()
	readers[1].Close()
	if err := readers[1].Read(context.Background(), &b); err == nil || !strings.Contains(err.Error(), "reader is closed") {
		t.Errorf("a closed reader gives %v", err)
	}
	done := make(chan error)
	for _, p := range []int32{0, 2} {
		go func() {
			got, err := readAll(readers[p], p)
			if err == nil && len(got) != len(want[p]) {
				err = fmt.Errorf("partition %d has %d records: want %d", p, len(got), len(want[p]))
			}
			done <- err
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Error(err)
	}
}

// TestEndsWithItsReaders checks, in a bubble that waits for every goroutine, that a pass which nobody
// reads any more is over.
func TestEndsWithItsReaders(t *testing.T) {
	content := events(40_000)
	path := write(t, "a.ndjson", content)
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Path: path, Partitions: 2})
		var b record.Records
		r, err := s.Open(t.Context(), 0, record.Position{})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Read(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		r.Close()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Open(ctx, 0, record.Position{}); !errors.Is(err, context.Canceled) {
			t.Errorf("open with an ended context: %v", err)
		}
		if r, err = s.Open(t.Context(), 1, record.Position{}); err != nil {
			t.Fatal(err)
		}
		if err := r.Read(ctx, &b); err != context.Canceled {
			t.Errorf("read with an ended context: %v", err)
		}
		if err := r.Read(t.Context(), &b); err != nil || b.Len() == 0 {
			t.Errorf("%d records, %v", b.Len(), err)
		}
		r.Close()
		if _, err := s.End(ctx, 0); err != context.Canceled {
			t.Errorf("end with an ended context: %v", err)
		}
		if end, err := s.End(t.Context(), 0); err != nil || end.Offset != 20_000 {
			t.Errorf("end is %v, %v", end, err)
		}
	})
}

// TestStdin checks that what has come in is handed over before the next read waits, and that it can
// be read once.
func TestStdin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		go io.WriteString(out, "{}\n[") // Open looks at the first line
		s := open(t, Config{Path: "-", Partitions: 2, Stdin: in})
		var readers [2]record.Reader
		for p := range readers {
			var err error
			if readers[p], err = s.Open(t.Context(), int32(p), record.Position{}); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.End(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "known only when all has been read") {
			t.Errorf("end of standard input: %v", err)
		}
		results := make(chan string)
		for p, r := range readers {
			go func() {
				var b record.Records
				for {
					err := r.Read(t.Context(), &b)
					if err != nil {
						results <- fmt.Sprint(p, err)
						return
					}
					for i := range b.Len() {
						results <- fmt.Sprintf("%d %d %s", p, b.Offsets[i], b.Values.At(i))
					}
				}
			}()
		}
		for _, step := range [][2]string{{"", "0 0 {}"}, {"]\n", "1 0 []"}, {"\n1\n", "0 1 1"}} {
			io.WriteString(out, step[0])
			if got := <-results; got != step[1] {
				t.Errorf("after %q came %q: want %q", step[0], got, step[1])
			}
		}
		io.WriteString(out, "last")
		out.Close()
		got := map[string]bool{<-results: true, <-results: true, <-results: true}
		if !got["1 1 last"] || !got["0 EOF"] && !got["0EOF"] {
			t.Errorf("at the end came %v", got)
		}
		if end, err := s.End(t.Context(), 1); err != nil || end.Offset != 2 {
			t.Errorf("end is %v, %v", end, err)
		}
		if _, err := s.Open(t.Context(), 0, record.Position{}); err == nil || !strings.Contains(err.Error(), "it can be read once") {
			t.Errorf("standard input is opened again: %v", err)
		}
	})
}

// TestProgress checks that the bytes read are told, up to all of them.
func TestProgress(t *testing.T) {
	content := events(5000)
	for _, name := range []string{"a.ndjson", "a.ndjson.gz"} {
		path := write(t, name, content)
		var done, total, calls int64
		s := open(t, Config{Path: path, Progress: func(d, all int64) {
			if d < done {
				t.Errorf("%d bytes after %d", d, done)
			}
			done, total = d, all
			calls++
		}})
		if calls > 0 {
			t.Errorf("%s: told of progress while it is opened", name)
		}
		readSource(t, s)
		if calls < 2 || done != total || total == 0 {
			t.Errorf("%s: %d calls, %d of %d bytes", name, calls, done, total)
		}
	}
}

// TestMemoryIsBounded checks the buffers of a pass with many partitions.
func TestMemoryIsBounded(t *testing.T) {
	for _, n := range []int{1, 3, 12, 100, 400} {
		p := newPass(&Source{partitions: n})
		if all := p.bytes * n * laneBuffers; all > passBytes || p.bytes < minBuffer {
			t.Errorf("%d partitions have %d buffers of %d bytes", n, n*laneBuffers, p.bytes)
		}
	}
}

// TestNoAllocationPerRecord compares the allocations of a short file with those of one ten times as
// long: what is left is the buffers of a pass.
func TestNoAllocationPerRecord(t *testing.T) {
	count := func(path, key string) uint64 {
		var before, after runtime.MemStats
		s := open(t, Config{Path: path, Partitions: 3, KeyField: key})
		drain(t, s) // warm
		runtime.ReadMemStats(&before)
		drain(t, s)
		runtime.ReadMemStats(&after)
		return after.Mallocs - before.Mallocs
	}
	var csv strings.Builder
	csv.WriteString("user_id,a,b\n")
	for i := range 60_000 {
		fmt.Fprintf(&csv, "user_%d,%d,\"x \"\"%d\"\" y\"\n", i, i, i)
	}
	short := csv.String()
	short = short[:strings.Index(short, "user_6000,")]
	for _, c := range [][2]string{
		{write(t, "short.ndjson", events(6000)), write(t, "long.ndjson", events(60_000))},
		{write(t, "short.csv", short), write(t, "long.csv", csv.String())},
	} {
		few, many := count(c[0], "user_id"), count(c[1], "user_id")
		if many > few+1000 {
			t.Errorf("%s: %d allocations for 6,000 records, %d for 60,000", c[0], few, many)
		}
	}
}
