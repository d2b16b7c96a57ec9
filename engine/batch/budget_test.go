package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/plan"
)

// heavyRows is a table like a topic's, with rows enough that what grows with them is seen.
func heavyRows() memoryTable {
	t := table("t", "id:int k:string v:double")
	for i := range 20_000 {
		t.rows = append(t.rows, []any{i, fmt.Sprintf("user_%d", i%997), float64(i) / 7})
	}
	return t
}

// heavyQueries need far more memory than the budget of the tests has, if they are computed as they stand.
var heavyQueries = []string{
	"SELECT sum(size(sequence(1, 1000000 + id % 2))) FROM t",
	"SELECT id, sequence(1, 1000000) AS s FROM t ORDER BY size(s)",
	"SELECT count(*) FROM t WHERE array_contains(sequence(1, 900000 + id % 100000), -id)",
	"SELECT collect_list(repeat(k, 100000)) FROM t",
	"SELECT collect_set(concat(k, id, space(10000))) FROM t",
	"SELECT array_agg(sequence(1, 1000)) FROM t",
	"SELECT max(length(repeat(k, 1000000))) FROM t",
	"SELECT a.id, b.id, repeat(a.k, 1000) AS w FROM t AS a CROSS JOIN t AS b ORDER BY w",
	"SELECT count(*) FROM (SELECT repeat(k, 10000) AS w FROM t) AS a JOIN (SELECT repeat(k, 10000) AS w FROM t) AS b ON a.w <> b.w",
	"SELECT a.id FROM (SELECT id, repeat(k, 5000) AS w FROM t) AS a LEFT JOIN (SELECT id, repeat(k, 5000) AS w FROM t) AS b ON a.w = b.w AND a.id < b.id",
	"SELECT id, rpad(k, 100000, '.') AS w FROM t ORDER BY w DESC",
	"SELECT DISTINCT concat(id, repeat('x', 50000)) FROM t",
	"SELECT concat(id, repeat('x', 50000)) FROM t EXCEPT SELECT k FROM t",
	"SELECT concat(id, repeat('x', 50000)) AS w, count(*) FROM t GROUP BY 1",
	"SELECT k, collect_list(repeat(k, 1000)) OVER (ORDER BY id) FROM t",
	"SELECT lag(repeat(k, 50000)) OVER (ORDER BY id) AS w FROM t",
	"SELECT sum(size(transform(sequence(1, 3000), x -> transform(sequence(1, 3000), y -> x * y)))) FROM t",
	"SELECT size(flatten(transform(sequence(1, 3000), x -> sequence(1, 3000)))) FROM t",
	"SELECT size(array_repeat(array_repeat(k, 1000), 100000)) FROM t",
	"SELECT length(array_join(array_repeat(repeat(k, 100), 100000), repeat('-', 1000))) FROM t",
	"SELECT length(replace(repeat(k, 10000), 'u', repeat('y', 100000))) FROM t",
	"SELECT length(regexp_replace(repeat(k, 100000), 'u', repeat('yz', 100000))) FROM t",
	"SELECT length(concat_ws(repeat(',', 100000), array_repeat('a', 100000))) FROM t",
	"SELECT length(to_json(transform(sequence(1, 500000), x -> named_struct('" + strings.Repeat("n", 500) + "', x)))) FROM t",
	"SELECT length(format_string('" + strings.Repeat("%1$900000d", 2000) + "', id)) FROM t",
	"SELECT size(split(repeat(k, 1000000), '_')) FROM t",
	"SELECT size(split(repeat(k, 1000000), '')) FROM t",
	"SELECT size(regexp_extract_all(repeat(k, 1000000), '(.)', 1)) FROM t",
	"SELECT aggregate(sequence(1, 60), k, (a, x) -> concat(a, a)) FROM t",
	"SELECT aggregate(sequence(1, 40), array(id), (a, x) -> concat(a, a)) FROM t",
	"SELECT size(zip_with(sequence(1, 1000000), sequence(1, 1000000), (x, y) -> array(x, y, x, y))) FROM t",
	"SELECT window.start, count(*), collect_list(repeat(k, 1000)) FROM (SELECT k, timestamp_seconds(id) AS at FROM t) GROUP BY window(at, '1 hour', '1 second')",
	"SELECT stack(20, k, k, k, k, k, k, k, k, k, k, k, k, k, k, k, k, k, k, k, k) AS s FROM t ORDER BY repeat(s, 1000)",
	"SELECT k, max(repeat(k, 1000)), min(concat(k, id, space(1000))), max_by(repeat(k, 500), id) FROM t GROUP BY k, id",
	"SELECT count(DISTINCT repeat(concat(k, id), 500)), count(DISTINCT id, concat(k, space(1000))) FROM t",
	"SELECT explode(split(repeat(k, 1000), '')) AS c FROM t ORDER BY c",
	"SELECT k, id, v, count(*) FROM t GROUP BY CUBE (k, id, v)",
	"SELECT max_by(repeat(k, 1000), id, 100000) FROM t",
	"SELECT sum(length(repeat(k, 1000)) + id) OVER (PARTITION BY repeat(k, 100), id ORDER BY repeat(k, 100)) FROM t",
	"SELECT translate(repeat(k, 1000000), 'u', repeat('y', 1000)) FROM t",
	"SELECT (SELECT array_agg(sequence(1, 10000)) FROM t) AS a FROM t",
	"SELECT id FROM t WHERE id IN (SELECT length(repeat(b.k, 100000)) FROM t AS b ORDER BY repeat(b.k, 100000))",
	"SELECT CASE WHEN id > 0 THEN repeat(k, 1000000) ELSE k END AS w FROM t ORDER BY w",
	"SELECT coalesce(repeat(k, 1000000), k) AS w FROM t ORDER BY w",
	"SELECT map_from_arrays(sequence(1, 2000), sequence(1, 2000)) FROM t",
	"SELECT array_union(sequence(1, 2000), sequence(2, 2001)) FROM t",
	"SELECT levenshtein(repeat(k, 100000), repeat('abc', 1000000)) FROM t",
}

// errTurns ends a query that has had turns enough.
var errTurns = errors.New("enough turns")

// runIn runs a query in a budget of so much memory, for so many turns at most, and returns the most that the heap had
// grown by, what is garbage and not collected yet included.
func runIn(memory int64, text string, turns int, t memoryTable) (grown int64, err error) {
	root, faults := plan.BindQuery(nil, text, []*plan.Dataset{t.dataset})
	if len(faults) > 0 {
		return 0, faults
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	b := NewBudget(Limits{Memory: memory, Running: 1, Working: 1, Waiting: 1,
		Clock: func() int64 { return 0 },
		Share: func(int) float64 {
			if turns--; turns == 0 {
				cancel(errTurns)
			}
			return 1
		}})
	runtime.GC()
	before, most := heapInUse(), int64(0)
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for tick := time.Tick(time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-tick:
				most = max(most, heapInUse()-before)
			}
		}
	}()
	ctx, end, err := b.Begin(ctx)
	if err != nil {
		return 0, err
	}
	open := func(*plan.Dataset) (Input, error) { return &memoryInput{table: t, size: 4096}, nil }
	err = Run(ctx, root, open, expr.Env{Zone: time.UTC}, func(*column.Batch) error { return nil })
	end()
	close(done)
	<-watched
	if b.Held() != 0 {
		return most, fmt.Errorf("%d bytes stay counted after %w", b.Held(), err)
	}
	return most, err
}

// heapInUse is the bytes of objects in the heap, those that no collection has taken yet among them.
func heapInUse() int64 {
	s := [1]metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s[:])
	return int64(s[0].Value.Uint64())
}

// TestHeavyQueriesKeepToTheBudget runs queries that would take gigabytes: each ends with its rows, with the error that
// names the limit, or by its turns, and the heap never grows by more than half as much again as the limit.
func TestHeavyQueriesKeepToTheBudget(t *testing.T) {
	const memory, mostTurns = 32 << 20, 150
	rows := heavyRows()
	for _, text := range heavyQueries {
		grown, err := runIn(memory, text, mostTurns, rows)
		var failed *Error
		switch {
		case err == nil, errors.Is(err, errTurns):
		case errors.As(err, &failed) && failed.Class == "OUT_OF_MEMORY":
			if !strings.Contains(err.Error(), "32 MiB") || !strings.Contains(err.Error(), "nagare.query.memory") {
				t.Errorf("%.80s: the error does not name the limit: %v", text, err)
			}
		default:
			t.Errorf("%.80s: %v", text, err)
		}
		if grown > memory*3/2 {
			t.Errorf("%.80s: the heap has grown by %s", text, Size(grown))
		}
		t.Logf("%6s %.90s: %.60v", Size(grown), text, err)
	}
}

// TestQueriesWaitForOneAnother fills the places: one query waits, the next is refused, and one that waits for
// too long, or whose client leaves, is told why.
func TestQueriesWaitForOneAnother(t *testing.T) {
	b := NewBudget(Limits{Memory: 1 << 20, Running: 1, Working: 1, Waiting: 1, Timeout: time.Hour})
	_, end, err := b.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	left := errors.New("the client left")
	leaving, leave := context.WithCancelCause(context.Background())
	waits := make(chan error)
	go func() {
		_, _, err := b.Begin(leaving)
		waits <- err
	}()
	for b.waiting.Load() == 0 {
		runtime.Gosched()
	}
	var busy *BusyError
	if _, _, err := b.Begin(context.Background()); !errors.As(err, &busy) || busy.Waiting != 1 {
		t.Errorf("a query too many: %v", err)
	}
	leave(left)
	if err := <-waits; !errors.Is(err, left) {
		t.Errorf("the query whose client left: %v", err)
	}
	late, cancel := context.WithTimeoutCause(context.Background(), 0, &TimeoutError{After: time.Hour})
	defer cancel()
	var timeout *TimeoutError
	if _, _, err := b.Begin(late); !errors.As(err, &timeout) || !timeout.Waited || !strings.Contains(err.Error(), "nagare.query.timeout") {
		t.Errorf("the query that waited for too long: %v", err)
	}
	end()
	_, end, err = b.Begin(context.Background())
	if err != nil || b.queries.Load() != 1 || b.waiting.Load() != 0 {
		t.Fatalf("%v; %d queries, %d wait", err, b.queries.Load(), b.waiting.Load())
	}
	end()
}

// TestQueriesRest has queries work for a part of the time, by a clock of the test: what they do beyond is made up
// for by a rest.
func TestQueriesRest(t *testing.T) {
	now := int64(0)
	b := NewBudget(Limits{Memory: 1 << 20, Running: 1, Working: 1, Clock: func() int64 { return now }, Share: func(int) float64 { return 0.25 }})
	ctx, end, err := b.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	j := job(ctx)
	now += int64(10 * time.Millisecond)
	if d := j.rest(); d != 30*time.Millisecond {
		t.Errorf("a rest of %v after 10 ms, want 30 ms", d)
	}
	now += int64(40 * time.Millisecond) // a turn counts 20 ms at most, and 10 were earned
	if d := j.rest(); d != 70*time.Millisecond {
		t.Errorf("a rest of %v, want 70 ms", d)
	}
	now += int64(time.Second)
	j.since = now
	if d := j.rest(); d != 0 {
		t.Errorf("a rest of %v after a long time without work", d)
	}
}

// TestRestIsNoWork has a query work in turns of 10 ms, in virtual time: it gets the part of the time that is its share,
// its rests not counted as work.
func TestRestIsNoWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		b := NewBudget(Limits{Memory: 1 << 20, Running: 1, Working: 1, Clock: func() int64 { return int64(time.Since(begun)) }, Share: func(int) float64 { return 0.25 }})
		ctx, end, err := b.Begin(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer end()
		const turns, turn = 100, 10 * time.Millisecond
		for range turns {
			time.Sleep(turn)
			if err := job(ctx).yield(); err != nil {
				t.Fatal(err)
			}
		}
		if took, want := time.Since(begun), turns*turn*4; took != want {
			t.Errorf("%v of work took %v, want %v with a share of a quarter", turns*turn, took, want)
		}
	})
}
