package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/nagare-stream/nagare/engine/record"
)

// A Topic is a source that can be written to, for SourceSuite.
type Topic struct {
	Source   record.Source // readers wait at the end
	UntilEnd record.Source // readers end with io.EOF at the end they saw when they were opened
	Writer   func(producer string) TopicWriter
	Reopen   func() Topic // nil: what is written does not outlive the process
	// Keeps is what the log keeps of an append time, in microseconds; math.MinInt64: nothing that can
	// be told; nil: all of it.
	Keeps func(micros int64) int64
	// Largest is the largest value that the log takes, in bytes; 0: 1 MiB.
	Largest int
}

func (t *Topic) keeps(micros int64) int64 {
	if t.Keeps == nil {
		return micros
	}
	return t.Keeps(micros)
}

// A TopicWriter appends the records of one producer.
type TopicWriter interface {
	// AppendMarked returns the offset of the first record written, -1 if all were there already. seq
	// is the producer's number of the first record, -1 for none.
	AppendMarked(ctx context.Context, partition int32, r *record.Records, seq int64, mark uint64) (int64, error)
	Last(ctx context.Context, partition int32) (int64, error)
	LastMark(ctx context.Context, partition int32) (uint64, error)
}

// SourceSuite checks that an implementation of record.Source does what the port demands, and that
// sending rows again changes nothing; each case names the rule. open returns an empty topic.
func SourceSuite(t *testing.T, open func(t testing.TB, partitions int) Topic) {
	s := sourceSuite{open}
	t.Run("what is appended is read, with dense offsets", s.read)
	t.Run("any bytes, empty and NULL are kept apart", s.anyBytes)
	t.Run("partitions are apart", s.partitions)
	t.Run("a reader starts at any offset, with and without the log's own place", s.positions)
	t.Run("a position behind the end is an error", s.behind)
	t.Run("a reader at the end waits and is woken", s.wakes)
	t.Run("a cancelled read returns the context's error and loses nothing", s.cancelled)
	t.Run("a bounded reader ends where the log ended", s.untilEnd)
	t.Run("rows sent again are cut away", s.again)
	t.Run("producers do not know of each other", s.producers)
	t.Run("a large append keeps its order and its mark comes last", s.large)
	t.Run("the records may be used again after an append", s.reuse)
	t.Run("all is there after a restart", s.reopened)
	t.Run("any appends and readers agree with a list", s.model)
}

type sourceSuite struct {
	open func(t testing.TB, partitions int) Topic
}

// row is a record as the suite compares it.
type row struct {
	offset, time int64
	key, value   string // "-" for NULL, else "=" and the bytes
}

func text(b []byte) string {
	if b == nil {
		return "-"
	}
	return "=" + string(b)
}

// batch makes n records numbered from from.
func batch(from, n int) *record.Records {
	r := &record.Records{}
	for i := from; i < from+n; i++ {
		r.Times = append(r.Times, int64(1_770_000_000_000_000+i*1000))
		r.Keys.Append(fmt.Appendf(nil, "user_%d", i%17))
		r.Values.Append(fmt.Appendf(nil, `{"n":%d}`, i))
	}
	return r
}

func wantRow(i int) row {
	return row{int64(i), int64(1_770_000_000_000_000 + i*1000), fmt.Sprintf("=user_%d", i%17), fmt.Sprintf(`={"n":%d}`, i)}
}

func appendTo(t testing.TB, w TopicWriter, partition int32, r *record.Records, seq int64, mark uint64) int64 {
	t.Helper()
	first, err := w.AppendMarked(context.Background(), partition, r, seq, mark)
	if err != nil {
		t.Fatalf("append: %v", err)
	}
	return first
}

func openReader(t testing.TB, s record.Source, partition int32, from record.Position) record.Reader {
	t.Helper()
	r, err := s.Open(context.Background(), partition, from)
	if err != nil {
		t.Fatalf("open at %+v: %v", from, err)
	}
	return r
}

// readAll reads a bounded source to its end.
func readAll(t testing.TB, s record.Source, partition int32, from record.Position) ([]row, record.Position) {
	t.Helper()
	r := openReader(t, s, partition, from)
	defer r.Close()
	var rows []row
	next := from
	for {
		got, err := readOnce(r)
		if errors.Is(err, io.EOF) {
			return rows, next
		}
		if err != nil {
			t.Fatalf("read: %v", err)
		}
		rows, next = append(rows, rowsOf(t, got, partition)...), got.Next
	}
}

// Values reads the values of a bounded source to its end, by partition; a NULL is "".
func Values(t testing.TB, s record.Source) [][]string {
	t.Helper()
	n, err := s.Partitions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	values := make([][]string, n)
	for p := range values {
		rows, _ := readAll(t, s, int32(p), record.Position{})
		for _, r := range rows {
			values[p] = append(values[p], r.value[1:])
		}
	}
	return values
}

func readOnce(r record.Reader) (*record.Records, error) {
	var got record.Records
	err := r.Read(context.Background(), &got)
	return &got, err
}

func rowsOf(t testing.TB, r *record.Records, partition int32) []row {
	t.Helper()
	n := r.Len()
	if n == 0 || len(r.Times) != n || r.Keys.Len() != n || r.Values.Len() != n {
		t.Fatalf("a read returned %d offsets, %d times, %d keys, %d values", n, len(r.Times), r.Keys.Len(), r.Values.Len())
	}
	if r.Partition != partition {
		t.Fatalf("a read of partition %d returned partition %d", partition, r.Partition)
	}
	if r.Next.Offset != r.Offsets[n-1]+1 {
		t.Fatalf("a read up to offset %d goes on at %d", r.Offsets[n-1], r.Next.Offset)
	}
	rows := make([]row, n)
	for i := range rows {
		rows[i] = row{r.Offsets[i], r.Times[i], text(r.Keys.At(i)), text(r.Values.At(i))}
	}
	return rows
}

func sameRows(t testing.TB, got []row, from, to int) {
	t.Helper()
	if len(got) != to-from {
		t.Fatalf("%d rows were read, want %d", len(got), to-from)
	}
	for i, g := range got {
		if w := wantRow(from + i); g != w {
			t.Fatalf("row %d is %+v, want %+v", from+i, g, w)
		}
	}
}

func (s sourceSuite) read(t *testing.T) {
	top := s.open(t, 1)
	w := top.Writer("p")
	at := 0
	for _, n := range []int{1, 7, 100, 1, 1000, 3} {
		if first := appendTo(t, w, 0, batch(at, n), -1, 0); first != int64(at) {
			t.Errorf("%d records were put at offset %d, want %d", n, first, at)
		}
		at += n
	}
	if first := appendTo(t, w, 0, &record.Records{}, -1, 0); first != -1 {
		t.Errorf("no records were put at offset %d", first)
	}
	rows, next := readAll(t, top.UntilEnd, 0, record.Position{})
	sameRows(t, rows, 0, at)
	end, err := top.Source.End(context.Background(), 0)
	if err != nil || end != next {
		t.Errorf("the end is %+v, a reader ended at %+v: %v", end, next, err)
	}
	again, _ := readAll(t, top.UntilEnd, 0, record.Position{})
	sameRows(t, again, 0, at)
}

func (s sourceSuite) anyBytes(t *testing.T) {
	top := s.open(t, 1)
	values := [][]byte{nil, {}, []byte("a\nb\r\n\x00"), {0xff, 0xfe}, []byte("日本語"), make([]byte, 300), nil}
	r := &record.Records{}
	for i := range values {
		r.Times = append(r.Times, []int64{0, -5, 1 << 60, 3, -1 << 60, 7, 7}[i])
		r.Keys.Append(values[len(values)-1-i])
		r.Values.Append(values[i])
	}
	w := top.Writer("p")
	appendTo(t, w, 0, r, -1, 0)
	nulls := &record.Records{Times: make([]int64, 130)}
	for i := range 130 { // more than two words of a bitmap
		nulls.Keys.AppendNull()
		if i%3 == 0 {
			nulls.Values.AppendNull()
		} else {
			nulls.Values.Append([]byte("x"))
		}
	}
	appendTo(t, w, 0, nulls, -1, 0)
	rows, _ := readAll(t, top.UntilEnd, 0, record.Position{})
	if len(rows) != len(values)+130 {
		t.Fatalf("%d rows", len(rows))
	}
	for i := range values {
		want := row{int64(i), top.keeps(r.Times[i]), text(values[len(values)-1-i]), text(values[i])}
		if want.time == math.MinInt64 {
			want.time = rows[i].time
		}
		if rows[i] != want {
			t.Errorf("row %d is %+v, want %+v", i, rows[i], want)
		}
	}
	for i, g := range rows[len(values):] {
		want := "=x"
		if i%3 == 0 {
			want = "-"
		}
		if g.key != "-" || g.value != want {
			t.Errorf("row %d is %+v, want NULL and %s", g.offset, g, want)
		}
	}
	// From inside of the batch, so that NULLs move.
	inside, _ := readAll(t, top.UntilEnd, 0, record.Position{Offset: int64(len(values)) + 64})
	for i, g := range inside {
		if want := rows[len(values)+64+i]; g != want {
			t.Fatalf("from inside of a batch row %d is %+v, want %+v", i, g, want)
		}
	}
}

func (s sourceSuite) partitions(t *testing.T) {
	top := s.open(t, 3)
	ctx := context.Background()
	for _, src := range []record.Source{top.Source, top.UntilEnd} {
		if n, err := src.Partitions(ctx); n != 3 || err != nil {
			t.Fatalf("Partitions is %d, %v", n, err)
		}
	}
	w := top.Writer("p")
	for p := range int32(3) {
		appendTo(t, w, p, batch(0, 10+int(p)), 0, uint64(p))
	}
	for p := range int32(3) {
		rows, _ := readAll(t, top.UntilEnd, p, record.Position{})
		sameRows(t, rows, 0, 10+int(p))
		if last, err := w.Last(ctx, p); last != int64(10+p) || err != nil {
			t.Errorf("in partition %d the producer stands at %d, %v", p, last, err)
		}
	}
	for _, p := range []int32{-1, 3} {
		if _, err := top.Source.Open(ctx, p, record.Position{}); err == nil {
			t.Errorf("partition %d was opened", p)
		}
		if _, err := top.Source.End(ctx, p); err == nil {
			t.Errorf("partition %d has an end", p)
		}
		if _, err := w.AppendMarked(ctx, p, batch(0, 1), -1, 0); err == nil {
			t.Errorf("partition %d was written", p)
		}
	}
}

func (s sourceSuite) positions(t *testing.T) {
	top := s.open(t, 1)
	w := top.Writer("p")
	n := 0
	for i := range 8 {
		appendTo(t, w, 0, batch(n, 1+i), -1, 0)
		n += 1 + i
	}
	var places []record.Position // where each read went on
	r := openReader(t, top.UntilEnd, 0, record.Position{})
	defer r.Close()
	for {
		got, err := readOnce(r)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		places = append(places, got.Next)
	}
	for from := 0; from <= n; from++ {
		rows, _ := readAll(t, top.UntilEnd, 0, record.Position{Offset: int64(from)})
		sameRows(t, rows, from, n)
		for _, p := range places { // the hint of another place must not change anything
			rows, next := readAll(t, top.UntilEnd, 0, record.Position{Offset: int64(from), Log: p.Log})
			sameRows(t, rows, from, n)
			if from < n && next.Offset != int64(n) {
				t.Errorf("a reader from %d ended at %+v", from, next)
			}
		}
	}
}

func (s sourceSuite) behind(t *testing.T) {
	top := s.open(t, 1)
	if r, err := top.Source.Open(context.Background(), 0, record.Position{Offset: 1}); err == nil {
		r.Close()
		t.Error("offset 1 of an empty log was opened")
	}
	appendTo(t, top.Writer("p"), 0, batch(0, 10), -1, 0)
	if r, err := top.Source.Open(context.Background(), 0, record.Position{Offset: 11}); err == nil {
		r.Close()
		t.Error("offset 11 of a log of 10 records was opened: a truncation would not be noticed")
	}
}

func (s sourceSuite) wakes(t *testing.T) {
	top := s.open(t, 1)
	w := top.Writer("p")
	r := openReader(t, top.Source, 0, record.Position{})
	defer r.Close()
	rows := make(chan []row)
	go func() {
		defer close(rows)
		for n := 0; n < 50; {
			got, err := readOnce(r)
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			n += got.Len()
			rows <- rowsOf(t, got, 0)
		}
	}()
	for i := range 50 {
		appendTo(t, w, 0, batch(i, 1), -1, 0)
		got, ok := <-rows // one at a time, so that the reader waits at the end every time
		if !ok {
			return
		}
		sameRows(t, got, i, i+1)
	}
	if _, ok := <-rows; ok {
		t.Error("more rows were read than written")
	}
}

func (s sourceSuite) cancelled(t *testing.T) {
	top := s.open(t, 1)
	r := openReader(t, top.Source, 0, record.Position{})
	defer r.Close()
	var got record.Records
	for i := range 3 {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- r.Read(ctx, &got) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("a cancelled read returned %v", err)
		}
		appendTo(t, top.Writer("p"), 0, batch(i, 1), -1, 0)
		again, err := readOnce(r)
		if err != nil {
			t.Fatalf("a read after a cancelled one returned %v", err)
		}
		sameRows(t, rowsOf(t, again, 0), i, i+1)
	}
}

func (s sourceSuite) untilEnd(t *testing.T) {
	top := s.open(t, 1)
	w := top.Writer("p")
	if rows, _ := readAll(t, top.UntilEnd, 0, record.Position{}); len(rows) != 0 {
		t.Errorf("an empty log has %d rows", len(rows))
	}
	appendTo(t, w, 0, batch(0, 10), -1, 0)
	r := openReader(t, top.UntilEnd, 0, record.Position{})
	defer r.Close()
	appendTo(t, w, 0, batch(10, 10), -1, 0)
	got, err := readOnce(r)
	if err != nil {
		t.Fatal(err)
	}
	sameRows(t, rowsOf(t, got, 0), 0, 10)
	for range 2 {
		if _, err := readOnce(r); !errors.Is(err, io.EOF) {
			t.Errorf("at the end a read returned %v", err)
		}
	}
	rest, _ := readAll(t, top.UntilEnd, 0, got.Next)
	sameRows(t, rest, 10, 20)
}
