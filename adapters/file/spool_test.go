package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// What is written to a spool is read back from any place on.
func TestSpool(t *testing.T) {
	ctx := context.Background()
	s := NewSpool(t.TempDir(), 1, "rows", 2)
	defer s.Close()
	for _, from := range []int64{0, 100, 101} {
		n := 100
		if from == 100 {
			n = 1
		}
		rows := spoolRows("rows", 1, from, n)
		if err := s.Write(ctx, 0, rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Write(ctx, 0, spoolRows("rows", 1, 150, 1)); err == nil {
		t.Error("a row was written twice")
	}
	if err := s.Write(ctx, 0, spoolRows("rows", 2, 0, 1)); err == nil {
		t.Error("a row of a partition that is not there was taken")
	}
	if end, err := s.End(ctx, 1); err != nil || end.Offset != 201 {
		t.Errorf("the end is %v, %v", end, err)
	}
	for _, from := range []int64{0, 1, 99, 100, 101, 150, 200, 201} {
		next := from
		for rec := range blocks(t, s, 1, from) {
			for i := range rec.Len() {
				if rec.Offsets[i] != next || string(rec.Values.At(i)) != string(spoolRows("", 0, next, 1).Values.At(0)) || rec.Times[i] != next || !rec.Keys.IsNull(i) {
					t.Fatalf("from %d: record %d is offset %d value %s time %d", from, next, rec.Offsets[i], rec.Values.At(i), rec.Times[i])
				}
				next++
			}
			if rec.Next.Offset != next {
				t.Errorf("from %d: goes on at %d, want %d", from, rec.Next.Offset, next)
			}
		}
		if next != 201 {
			t.Errorf("from %d: ended at %d", from, next)
		}
	}
	for range blocks(t, s, 0, 0) {
		t.Error("an empty partition has records")
	}
}

func blocks(t *testing.T, s record.Source, p int32, from int64) func(func(*record.Records) bool) {
	return func(yield func(*record.Records) bool) {
		r, err := s.Open(context.Background(), p, record.Position{Offset: from})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for {
			var rec record.Records
			err := r.Read(context.Background(), &rec)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !yield(&rec) {
				return
			}
		}
	}
}

// spoolRows is rows first … first+n-1: row i has the value "v<i>" and the time i.
func spoolRows(sink string, partition int32, first int64, n int) *record.Rows {
	r := &record.Rows{Sink: sink, Partition: partition, First: first}
	for i := first; i < first+int64(n); i++ {
		r.Values.Append(fmt.Appendf(nil, "v%d", i))
		r.Times = append(r.Times, i)
	}
	return r
}

func TestSpoolWithoutRoom(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	s := NewSpool(t.TempDir(), 1, "rows", 1)
	f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.parts[0].file = f
	defer s.Close()
	if err := s.Write(context.Background(), 0, spoolRows("rows", 0, 0, 1)); err == nil {
		t.Error("a full disk was not noticed")
	}
}

func TestTallyCounts(t *testing.T) {
	ctx := context.Background()
	l := NewTally(2)
	for _, from := range []int64{0, 10} {
		if err := l.Write(ctx, 0, spoolRows("rows", 1, from, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if end, _ := l.End(ctx, 1); end.Offset != 20 {
		t.Errorf("counted %d rows of 20", end.Offset)
	}
	if _, err := l.Open(ctx, 1, record.Position{}); err == nil {
		t.Error("rows that were only counted were read")
	}
}
