package enginetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
	"pgregory.net/rapid"
)

func (s sourceSuite) again(t *testing.T) {
	ctx := context.Background()
	top := s.open(t, 1)
	w := top.Writer("outbox")
	if last, err := w.Last(ctx, 0); last != 0 || err != nil {
		t.Fatalf("a new producer stands at %d, %v", last, err)
	}
	for _, c := range []struct {
		from, n int
		first   int64
		mark    uint64
	}{{0, 10, 0, 5}, {0, 10, -1, 5}, {5, 10, 10, 6}, {0, 15, -1, 6}, {14, 2, 15, 7}, {16, 0, -1, 7}, {16, 5000, 16, 8}, {0, 5020, 5016, 9}} {
		if first := appendTo(t, w, 0, batch(c.from, c.n), int64(c.from), c.mark); first != c.first {
			t.Errorf("rows %d to %d were put at %d, want %d", c.from, c.from+c.n, first, c.first)
		}
		if top.Reopen != nil {
			top = top.Reopen()
			w = top.Writer("outbox")
		}
		if mark, err := w.LastMark(ctx, 0); mark != c.mark || err != nil {
			t.Errorf("after rows %d to %d the mark is %d, want %d: %v", c.from, c.from+c.n, mark, c.mark, err)
		}
	}
	if last, err := w.Last(ctx, 0); last != 5020 || err != nil {
		t.Errorf("the producer stands at %d, %v", last, err)
	}
	rows, _ := readAll(t, top.UntilEnd, 0, record.Position{})
	sameRows(t, rows, 0, 5020)
}

func (s sourceSuite) producers(t *testing.T) {
	ctx := context.Background()
	top := s.open(t, 1)
	names := []string{"a", "A", "a.b", "a.*", ">", "a b", "outbox/日本", "a_2e_62"}
	at := int64(0)
	for round := range 3 {
		for i, name := range names {
			w := top.Writer(name)
			n := i + 1
			if first := appendTo(t, w, 0, batch(int(at), n), int64(round*n), uint64(i)); first != at {
				t.Fatalf("producer %q wrote at %d, want %d", name, first, at)
			}
			at += int64(n)
		}
		appendTo(t, top.Writer("none"), 0, batch(int(at), 1), -1, 0)
		at++
	}
	for i, name := range names {
		w := top.Writer(name)
		last, err := w.Last(ctx, 0)
		mark, merr := w.LastMark(ctx, 0)
		if last != int64(3*(i+1)) || mark != uint64(i) || err != nil || merr != nil {
			t.Errorf("producer %q stands at %d with mark %d: %v %v", name, last, mark, err, merr)
		}
	}
	rows, _ := readAll(t, top.UntilEnd, 0, record.Position{})
	sameRows(t, rows, 0, int(at))
}

func (s sourceSuite) large(t *testing.T) {
	top := s.open(t, 1)
	w := top.Writer("p")
	const n = 20_000
	if first := appendTo(t, w, 0, batch(0, n), 0, 42); first != 0 {
		t.Errorf("put at %d", first)
	}
	largest := cmp.Or(top.Largest, 1<<20)
	big := &record.Records{}
	for i := range 9 {
		big.Times = append(big.Times, int64(i))
		big.Keys.AppendNull()
		big.Values.Append(make([]byte, largest-i))
	}
	appendTo(t, w, 0, big, n, 43)
	r := openReader(t, top.UntilEnd, 0, record.Position{})
	defer r.Close()
	at := 0
	for {
		got, err := readOnce(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if got.Len() > 2*4096 || len(got.Values.Data) > 8<<20 {
			t.Errorf("one read returned %d records with %d bytes", got.Len(), len(got.Values.Data))
		}
		for i, g := range rowsOf(t, got, 0) {
			if at < n && g != wantRow(at) || at >= n && len(g.value) != 1+largest-(at-n) {
				t.Fatalf("row %d (%d of its read) is wrong", at, i)
			}
			at++
		}
	}
	if at != n+9 {
		t.Errorf("%d rows were read", at)
	}
	if _, err := w.AppendMarked(context.Background(), 0, tooBig(), -1, 0); err == nil {
		t.Error("a record above 1 MiB was accepted")
	}
	if end, err := top.Source.End(context.Background(), 0); err != nil || end.Offset != n+9 {
		t.Errorf("a refused append wrote something: the end is %d, %v", end.Offset, err)
	}
}

func tooBig() *record.Records {
	r := batch(0, 2)
	r.Times = append(r.Times, 0)
	r.Keys.AppendNull()
	r.Values.Append(make([]byte, 1<<20+1))
	return r
}

func (s sourceSuite) reuse(t *testing.T) {
	top := s.open(t, 1)
	w := top.Writer("p")
	r := batch(0, 10)
	appendTo(t, w, 0, r, -1, 0)
	clear(r.Values.Data)
	clear(r.Keys.Data)
	r.Reset()
	appendTo(t, w, 0, batch(10, 10), -1, 0)
	rows, _ := readAll(t, top.UntilEnd, 0, record.Position{})
	sameRows(t, rows, 0, 20)
}

func (s sourceSuite) reopened(t *testing.T) {
	top := s.open(t, 2)
	if top.Reopen == nil {
		t.Skip("what is written does not outlive the process")
	}
	appendTo(t, top.Writer("p"), 1, batch(0, 3000), 0, 7)
	_, next := readAll(t, top.UntilEnd, 1, record.Position{})
	for round := range 3 {
		top = top.Reopen()
		w := top.Writer("p")
		if last, err := w.Last(context.Background(), 1); last != int64(3000+round) || err != nil {
			t.Fatalf("the producer stands at %d, %v", last, err)
		}
		appendTo(t, w, 1, batch(3000+round, 1), int64(3000+round), 7)
		rows, _ := readAll(t, top.UntilEnd, 1, record.Position{})
		sameRows(t, rows, 0, 3001+round)
		rows, next = readAll(t, top.UntilEnd, 1, next)
		sameRows(t, rows, 3000+round, 3001+round)
	}
}

// model appends at random through several producers, some rows again, and reads from random places.
func (s sourceSuite) model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		top := s.open(t, 1)
		stands := make(map[string]int)
		var want []string
		for range rapid.IntRange(1, 12).Draw(rt, "appends") {
			name := rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "producer")
			from := rapid.IntRange(0, stands[name]).Draw(rt, "from")
			n := rapid.IntRange(0, 9).Draw(rt, "rows")
			r := &record.Records{}
			for i := from; i < from+n; i++ {
				r.Times = append(r.Times, int64(i))
				r.Keys.AppendNull()
				r.Values.Append(fmt.Append(nil, name, i))
				if i >= stands[name] {
					want = append(want, fmt.Sprint(name, i))
				}
			}
			appendTo(t, top.Writer(name), 0, r, int64(from), 0)
			stands[name] = max(stands[name], from+n)
		}
		from := rapid.IntRange(0, len(want)).Draw(rt, "position")
		rows, _ := readAll(t, top.UntilEnd, 0, record.Position{Offset: int64(from)})
		if len(rows) != len(want)-from {
			rt.Fatalf("%d rows from %d, want %d", len(rows), from, len(want)-from)
		}
		for i, g := range rows {
			if g.value != "="+want[from+i] || g.offset != int64(from+i) {
				rt.Fatalf("row %d is %+v, want %s", from+i, g, want[from+i])
			}
		}
	})
}
