package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/record"
)

// A countingSource counts the records that its readers return.
type countingSource struct {
	record.Source
	read *atomic.Int64
}

type countingReader struct {
	record.Reader
	read *atomic.Int64
}

func (s countingSource) Open(ctx context.Context, p int32, from record.Position) (record.Reader, error) {
	r, err := s.Source.Open(ctx, p, from)
	return countingReader{r, s.read}, err
}

func (r countingReader) Read(ctx context.Context, dst *record.Records) error {
	err := r.Reader.Read(ctx, dst)
	if err == nil {
		r.read.Add(int64(dst.Len()))
	}
	return err
}

// counting has all topics of an engine count what is read of them.
func counting(opt *engine.Options) *atomic.Int64 {
	read, source := &atomic.Int64{}, opt.Source
	opt.Source = func(topic string) (record.Source, error) {
		s, err := source(topic)
		return countingSource{s, read}, err
	}
	return read
}

// linesOf is the rows of a query, as JSON.
func linesOf(t *testing.T, e *engine.Engine, text string) []string {
	t.Helper()
	lines := []string{}
	err := e.Query(context.Background(), text, func(b *column.Batch) error {
		view := column.Vector{Type: column.StructOf(b.Schema.Fields...), Kids: b.Cols}
		for _, i := range b.Sel {
			lines = append(lines, string(codec.AppendJSON(nil, &view, int(i), codec.JSONFormat{Exact: true})))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return lines
}

// longTopic is an engine over 30,000 records in 3 partitions, in blocks of 64, that has read them.
func longTopic(t *testing.T) (*engine.Engine, *atomic.Int64) {
	b := newBench(t, plainOracle, 3)
	b.Topics["events"].ReadRows = 64
	for i, e := range steadyEvents(30_000, 3) {
		b.Topics["events"].Append(i%3, e.Append, nil, []byte(e.Value))
	}
	b.Topics["events"].Finish()
	opt := b.Options()
	read := counting(&opt)
	e := running(t, opt)
	catchUp(t, e)
	return e, read
}

// TestFewRecordsAreAFewBlocks asks for a few records of a long topic, by conditions on their metadata and by the order of
// the log: the same rows come as by conditions that cannot be pushed down, out of a few blocks.
func TestFewRecordsAreAFewBlocks(t *testing.T) {
	e, read := longTopic(t)
	for _, q := range []struct {
		where, rest string
		most        int64 // records read
	}{
		{"partition = 1 AND offset = 5000", "", 64},
		{"offset = 5000", "", 3 * 64},
		{"5000 >= offset AND offset > 4990 AND partition IN (0, 2)", "", 2 * 64},
		{"offset BETWEEN 9000 AND 9100 AND partition = 2", "ORDER BY offset", 3 * 64},
		{"partition = 0 AND (offset < 10 OR offset IN (7000, 7001, NULL))", "", 2 * 64},
		{"offset <=> 1L AND partition + 0 = 1", "", 3 * 64},
		{"CAST(offset AS BIGINT) >= 9990", "", 3 * 64},
		{"offset = 10 - 3 AND partition < length('b')", "", 64},
		{"partition = 7", "", 0},
		{"offset = NULL", "", 0},
		{"offset < -1 OR partition > 2", "", 0},
		{"partition = 1", "ORDER BY offset DESC LIMIT 5", 2 * 256},
		{"true", "ORDER BY offset DESC, partition LIMIT 4 OFFSET 2", 3 * 2 * 256},
		{"true", "ORDER BY partition, offset LIMIT 3", 3 * 64},
		{"true", "ORDER BY partition DESC LIMIT 3", 3 * 64},
		{"offset < 200", "ORDER BY offset DESC LIMIT 3", 3 * 256},
		{"CAST(value AS STRING) LIKE '%7%'", "ORDER BY offset DESC LIMIT 3", 3 * 2 * 256},
	} {
		want := linesOf(t, e, fmt.Sprintf("SELECT partition, offset, CAST(value AS STRING) AS value FROM (SELECT * FROM events ORDER BY partition, offset, key) WHERE CASE WHEN %s THEN true END %s", q.where, q.rest))
		read.Store(0)
		got := linesOf(t, e, fmt.Sprintf("SELECT partition, offset, CAST(value AS STRING) AS value FROM events WHERE %s %s", q.where, q.rest))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("WHERE %s %s (-all read +pushed down):\n%s", q.where, q.rest, diff)
		}
		if n := read.Load(); n > q.most {
			t.Errorf("WHERE %s %s reads %d records, more than %d", q.where, q.rest, n, q.most)
		}
		if strings.HasPrefix(q.where, "offset < 200") && len(want) != 3 {
			t.Errorf("the question has %d answers", len(want))
		}
	}
}

// TestNarrowedJoins joins records of a topic that conditions narrow on either side, for every kind of join.
func TestNarrowedJoins(t *testing.T) {
	e, read := longTopic(t)
	for _, kind := range []string{"INNER JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "LEFT SEMI JOIN", "LEFT ANTI JOIN"} {
		for _, where := range []string{"a.offset < 3", "a.offset < 3 AND a.partition = 0"} {
			text := func(a, b string) string {
				return fmt.Sprintf("SELECT a.partition, a.offset FROM (SELECT * FROM events WHERE %s) a %s (SELECT * FROM events WHERE %s) b ON a.offset = b.offset AND a.partition = b.partition AND b.offset < 2 WHERE %s ORDER BY 1, 2", a, kind, b, where)
			}
			want := linesOf(t, e, text("CASE WHEN offset < 5 THEN true END", "CASE WHEN offset < 5 THEN true END"))
			read.Store(0)
			if diff := cmp.Diff(want, linesOf(t, e, text("offset < 5", "offset < 5"))); diff != "" {
				t.Errorf("%s WHERE %s (-all read +pushed down):\n%s", kind, where, diff)
			}
			if n := read.Load(); n > 6*64 {
				t.Errorf("%s WHERE %s reads %d records", kind, where, n)
			}
		}
	}
}

// TestLastRowsOfALog reads the last rows of a topic, of a table of rows and of what was kept, in a few blocks.
func TestLastRowsOfALog(t *testing.T) {
	e, read := longTopic(t)
	for _, limit := range []int{0, 1, 100, 10_001, 40_000} {
		read.Store(0)
		rows, err := e.Table(context.Background(), "events", false, limit)
		if err != nil {
			t.Fatal(err)
		}
		n := read.Load()
		if want := min(limit, 30_000); rows.Batch.Len != want {
			t.Errorf("the last %d rows are %d", limit, rows.Batch.Len)
		}
		if limit > 0 && rows.Batch.Cols[4].Int[rows.Batch.Len-1] != 9_999 {
			t.Errorf("the last of %d rows has offset %d", limit, rows.Batch.Cols[4].Int[rows.Batch.Len-1])
		}
		if limit <= 100 && n > 512 {
			t.Errorf("%d records are read for the last %d", n, limit)
		}
	}
}

// TestTimesNarrowAQuestion asks by the time of append, of a topic whose producers give times of their own: what lies
// elsewhere is not read again, and a record out of order is found.
func TestTimesNarrowAQuestion(t *testing.T) {
	const hour, each = int64(3_600_000_000), 33_000
	b := newBench(t, plainOracle, 3)
	b.Topics["events"].ReadRows = 64
	start := steadyEvents(1, 1)[0]
	for i := range 3 * each {
		at := start.Append + int64(i/3)*1_000_000
		switch i {
		case 3 * 5000: // partition 0, of tomorrow
			at += 24 * hour
		case 3*30_000 + 1: // partition 1, of yesterday
			at -= 24 * hour
		}
		b.Topics["events"].Append(i%3, at, nil, []byte(start.Value))
	}
	b.Topics["events"].Finish()
	opt := b.Options()
	read := counting(&opt)
	e := running(t, opt)
	catchUp(t, e)
	stamp := func(micros int64) string { return fmt.Sprintf("timestamp_micros(%d)", micros) }
	at := func(second int64) string { return stamp(start.Append + second*1_000_000) }
	const piece = 8192
	for _, q := range []struct {
		where string
		most  int64 // records read
	}{
		{"timestamp >= " + at(32_990), 4*(each%piece) + piece},
		{"timestamp < " + at(10), 3*piece + 2*piece},
		{"timestamp BETWEEN " + at(9000) + " AND " + at(9100) + " AND partition = 2", piece},
		{"timestamp > " + stamp(start.Append+23*hour), 4 * piece},
		{"timestamp < " + stamp(start.Append-1), 2 * piece},
		{"timestamp = " + at(40_000_000), 0},
		{"timestamp >= " + at(20_000) + " AND offset < 20100 AND partition = 0", 2 * piece},
	} {
		want := linesOf(t, e, fmt.Sprintf("SELECT partition, offset, timestamp FROM (SELECT * FROM events ORDER BY partition, offset, key) WHERE CASE WHEN %s THEN true END", q.where))
		read.Store(0)
		got := linesOf(t, e, fmt.Sprintf("SELECT partition, offset, timestamp FROM events WHERE %s", q.where))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("WHERE %s (-all read +narrowed):\n%.2000s", q.where, diff)
		}
		if n := read.Load(); n > q.most {
			t.Errorf("WHERE %s reads %d records, more than %d", q.where, n, q.most)
		}
		if len(want) == 0 && q.most > 0 {
			t.Errorf("WHERE %s has no answer", q.where)
		}
	}
}
