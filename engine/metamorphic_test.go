package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/record"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
)

// extras are parts of a project beside the oracle's query. Each is its SQL, with %d for a small
// number, and its configuration.
var extras = []struct {
	text   string
	config []string
}{
	{text: `CREATE STREAMING TABLE busy AS
SELECT k, window.start AS window_start, count(*) AS n, sum(10 DIV q) FILTER (WHERE q <> 0) AS share, count(*) FILTER (WHERE x > %[1]d) AS large
FROM STREAM event GROUP BY k, window(t, '%[2]d seconds', '%[1]d seconds') HAVING count(*) > %[1]d OR k IS NULL;
CREATE STREAMING TABLE busiest AS SELECT k, 10 DIV (n - %[2]d) AS odd FROM STREAM busy WHERE n <> 3;
CREATE MATERIALIZED VIEW ranked AS SELECT k, window_start, n, rank() OVER (PARTITION BY window_start ORDER BY n DESC) AS r FROM busy;`,
		config: []string{"sink.busy.format", "json", "sink.busy.from", "busiest", "sink.busy.option.path", "busy"}},
	{text: `CREATE STREAMING TABLE both;
CREATE FLOW few AS INSERT INTO both BY NAME SELECT u, q FROM STREAM event WHERE q < %[2]d;
CREATE FLOW many AS INSERT INTO both BY NAME SELECT u, q FROM STREAM event WHERE q > %[1]d;
CREATE STREAMING TABLE sums;
CREATE FLOW by_u AS INSERT INTO sums BY NAME SELECT u AS name, sum(q) AS total FROM STREAM event GROUP BY window(t, '%[2]d seconds'), u;
CREATE FLOW by_k AS INSERT INTO sums BY NAME SELECT k AS name, sum(q) AS total FROM STREAM event GROUP BY k, window(t, '%[1]d seconds');`,
		config: []string{"sink.sums.format", "csv", "sink.sums.from", "sums", "sink.sums.option.path", "sums"}},
	{text: `CREATE STREAMING TABLE texts AS SELECT offset, CAST(value AS STRING) AS text FROM STREAM raw WHERE length(value) > %[1]d;
CREATE STREAMING TABLE arrivals AS SELECT window.start AS window_start, count(*) AS n
FROM (SELECT * FROM STREAM raw) WATERMARK timestamp DELAY OF INTERVAL %[1]d SECONDS GROUP BY window(timestamp, '%[2]d seconds');`},
	{text: `CREATE TEMPORARY VIEW parsed AS
SELECT e.*, CAST(e.ts AS TIMESTAMP) AS t FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, q INT, x DOUBLE') AS e FROM STREAM raw);
CREATE STREAMING TABLE shares AS SELECT k, 10 DIV q AS share, x FROM STREAM parsed;
CREATE STREAMING TABLE guarded AS
SELECT window.end AS window_end, sum(10 DIV (q - %[1]d)) AS total, count(*) FILTER (WHERE 10 DIV q > 1) AS n
FROM (SELECT * FROM STREAM parsed WHERE 10 DIV (q - 3) <> 2) WATERMARK t DELAY OF INTERVAL %[1]d SECONDS GROUP BY window(t, '%[2]d seconds');`,
		config: []string{"sink.shares.format", "json", "sink.shares.from", "shares", "sink.shares.option.path", "shares"}},
	{text: `CREATE TEMPORARY VIEW letter AS
SELECT t, k, q, posexplode_outer(CASE WHEN q < 3 THEN sequence(1, 6 DIV q) END) AS (place, n) FROM STREAM event;
CREATE STREAMING TABLE letters AS SELECT k, place, 10 DIV (n - %[1]d) AS share FROM STREAM letter;
CREATE STREAMING TABLE by_place AS
SELECT window.start AS s, place, count(*) AS c, sum(n) AS total, collect_list(n) AS list FROM STREAM letter WHERE n IS NULL OR n <> %[1]d
GROUP BY window(t, '%[2]d seconds', '%[1]d seconds'), place;
CREATE STREAMING TABLE unrolled AS SELECT s, place, inline(transform(list, x -> named_struct('a', x, 'b', place))) AS (a, b) FROM STREAM by_place;
CREATE TEMPORARY VIEW marked AS
SELECT * FROM (SELECT ts, explode(array(t, t - INTERVAL 7 SECONDS, CAST(NULL AS TIMESTAMP))) AS at FROM (
  SELECT e.ts, try_to_timestamp(e.ts) AS t FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, k STRING, u STRING, q INT, x DOUBLE') AS e FROM STREAM raw)))
WATERMARK at DELAY OF INTERVAL %[1]d SECONDS;
CREATE STREAMING TABLE by_mark AS SELECT window.start AS s, count(*) AS c FROM STREAM marked GROUP BY window(at, '%[2]d seconds');`,
		config: []string{"sink.unrolled.format", "json", "sink.unrolled.from", "unrolled", "sink.unrolled.option.path", "unrolled",
			"sink.letters.format", "csv", "sink.letters.from", "letters", "sink.letters.option.path", "letters"}},
	{text: `CREATE TEMPORARY VIEW inner_windows AS
SELECT window AS w, k, count(*) AS n, sum(q) AS q FROM STREAM event WHERE q >= %[1]d GROUP BY window(t, '%[1]d seconds'), k HAVING sum(q) <> 4;
CREATE STREAMING TABLE outer_windows AS SELECT window.start AS s, k, count(*) AS windows, sum(n) AS n, max(q) AS q FROM STREAM inner_windows GROUP BY window(w, '%[2]d seconds'), k;
CREATE STREAMING TABLE outermost AS SELECT window.end AS e, sum(n) AS n, sum(windows) AS windows
FROM (SELECT window AS v, count(*) AS windows, sum(n) AS n FROM (SELECT window_time(w) AS at, n FROM STREAM inner_windows WHERE n < 9) GROUP BY window(at, '%[2]d seconds')) GROUP BY window(v, '1 minute');
CREATE TEMPORARY VIEW told AS SELECT window.start AS s, count(*) AS c FROM STREAM inner_windows GROUP BY window(w, '%[2]d seconds', '%[1]d seconds');`,
		config: []string{"sink.told.format", "json", "sink.told.from", "told", "sink.told.option.path", "told",
			"sink.outer.format", "json", "sink.outer.from", "outer_windows", "sink.outer.option.path", "outer"}},
	{text: `CREATE TEMPORARY VIEW sooner AS
SELECT u, q, t FROM (SELECT try_to_timestamp(e.ts) AS t, e.u, e.q FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, u STRING, q INT') AS e FROM STREAM raw))
WATERMARK t DELAY OF INTERVAL %[1]d SECONDS;
CREATE TEMPORARY VIEW sides AS
SELECT t, u AS name, q FROM STREAM event WHERE q > %[1]d UNION ALL SELECT t, concat(u, '!'), 10 DIV (q - %[1]d) FROM STREAM sooner UNION ALL SELECT t, k, 1 FROM STREAM event;
CREATE STREAMING TABLE sided AS SELECT name, q FROM STREAM sides WHERE q < 5;
CREATE STREAMING TABLE by_name AS SELECT window.start AS s, name, count(*) AS c, collect_list(q) AS qs FROM STREAM sides GROUP BY window(t, '%[2]d seconds', '%[1]d seconds'), name;
CREATE STREAMING TABLE twice AS SELECT window.start AS s, sum(q) AS q FROM STREAM both_sides GROUP BY window(t, '%[2]d seconds');
CREATE STREAMING TABLE both_sides;
CREATE FLOW a_side AS INSERT INTO both_sides BY NAME SELECT t, CAST(q AS BIGINT) AS q FROM STREAM event;
CREATE FLOW b_side AS INSERT INTO both_sides BY NAME SELECT t, q FROM STREAM sides WHERE q = %[1]d;
CREATE TEMPORARY VIEW any_rows AS SELECT s, c FROM STREAM by_name UNION ALL SELECT s, q FROM STREAM twice;`,
		config: []string{"sink.sides.format", "json", "sink.sides.from", "sides", "sink.sides.option.path", "sides",
			"sink.any.format", "json", "sink.any.from", "any_rows", "sink.any.option.path", "any"}},
	{text: `CREATE STREAMING TABLE visits AS
SELECT session_window.start AS s, session_window.end AS e, u, count(*) AS n, sum(x / 3) AS x, collect_list(q) AS qs, count(DISTINCT k) AS ks, first(k) AS first, median(q) AS m
FROM STREAM event GROUP BY session_window(t, '%[1]d seconds'), u HAVING count(*) > 1 OR u <> 'u1';
CREATE STREAMING TABLE gaps AS
SELECT k, session_window.end AS e, count(*) FILTER (WHERE q > %[1]d) AS some, collect_set(u) AS us
FROM STREAM event GROUP BY k, session_window(t, concat(q + x, ' seconds'));
CREATE STREAMING TABLE seen AS SELECT DISTINCT k, t FROM STREAM event WHERE q >= %[1]d;
CREATE STREAMING TABLE moments AS SELECT t, count(*) AS n, collect_list(u) AS us FROM STREAM event GROUP BY t;
CREATE STREAMING TABLE visited AS SELECT window.end AS e, count(*) AS n, sum(n) AS rows, collect_list(u) AS us
FROM (SELECT session_window AS w, u, count(*) AS n FROM STREAM event GROUP BY session_window(t, '%[1]d seconds'), u) GROUP BY window(w, '%[2]d seconds');
CREATE STREAMING TABLE runs AS SELECT session_window.start AS s, session_window.end AS e, k, sum(n) AS n, collect_list(u) AS us
FROM (SELECT window AS w, k, count(*) AS n, max(u) AS u FROM STREAM event GROUP BY window(t, '%[1]d seconds'), k) GROUP BY session_window(w, '%[2]d seconds'), k;
CREATE STREAMING TABLE sessions_of_sessions AS SELECT session_window.end AS e, k, count(*) AS n
FROM (SELECT session_window.end AS at, k FROM STREAM event GROUP BY session_window(t, '%[1]d seconds'), k) GROUP BY session_window(at, '%[2]d seconds'), k;
CREATE STREAMING TABLE elements AS SELECT session_window.start AS s, n, count(*) AS c
FROM (SELECT t, explode(sequence(1, least(q, 3))) AS n FROM STREAM event) GROUP BY session_window(t, '%[1]d seconds'), n;`,
		config: []string{"sink.visits.format", "json", "sink.visits.from", "visits", "sink.visits.option.path", "visits",
			"sink.seen.format", "json", "sink.seen.from", "seen", "sink.seen.option.path", "seen",
			"alert.visits.from", "visits", "alert.visits.key", "u", "alert.visits.for", "10 seconds"}},
	{text: `CREATE TEMPORARY VIEW direct AS
SELECT window.start AS s, collect_list(u) AS us, max_by(u, x) AS best FROM STREAM event GROUP BY window(t, '%[2]d seconds', '%[1]d seconds');`,
		config: []string{"sink.direct.format", "json", "sink.direct.from", "direct", "sink.direct.option.path", "direct"}},
	{text: `CREATE STREAMING TABLE recent AS
SELECT window.start AS since, window.end - INTERVAL 1 MICROSECOND AS at, k, collect_list(n) AS ns, sum(sum_q) AS q, count(DISTINCT users) AS us
FROM STREAM answer WATERMARK window_start DELAY OF INTERVAL %[1]d SECONDS
GROUP BY window(window_start, '%[2]d seconds', '%[1]d seconds'), k HAVING sum(n) > %[1]d;
CREATE STREAMING TABLE rarer AS SELECT window.end AS until, max(q) AS q, count(*) AS n
FROM (SELECT * FROM STREAM recent WHERE q > 1) WATERMARK at DELAY OF INTERVAL 0 SECONDS GROUP BY window(at, '%[2]d seconds');
CREATE TEMPORARY VIEW many AS SELECT *, n + %[1]d AS m FROM STREAM answer WHERE n > 1;
CREATE TEMPORARY VIEW high AS SELECT u, q, t FROM STREAM event WHERE q > %[1]d;`,
		config: []string{"alert.many.from", "many", "alert.many.key", "k", "alert.many.for", "10 seconds", "alert.many.keepFiring", "5 seconds", "alert.many.summary", "${m}",
			"alert.high.from", "high", "alert.high.key", "u", "alert.high.interval", "7 seconds", "alert.high.for", "9 seconds",
			"alert.rare.from", "rarer", "alert.recent.from", "recent", "alert.recent.key", "k,us", "alert.recent.keepFiring", "11 seconds"}},
	{text: `CREATE TEMPORARY VIEW other AS
SELECT * FROM (SELECT try_to_timestamp(e.ts) AS at, e.u, e.q, e.x FROM (SELECT from_json(CAST(value AS STRING), 'ts STRING, u STRING, q INT, x DOUBLE') AS e FROM STREAM raw))
WATERMARK at DELAY OF INTERVAL %[1]d SECONDS;
CREATE STREAMING TABLE pairs AS SELECT a.u, a.q, b.q AS other, b.at, current_timestamp() AS made FROM STREAM event AS a JOIN STREAM other AS b
ON a.u = b.u AND b.at BETWEEN a.t - INTERVAL %[1]d SECONDS AND a.t + INTERVAL %[2]d SECONDS;
CREATE STREAMING TABLE left_pairs AS SELECT a.t, a.k, a.q, b.q AS other, b.x FROM STREAM event AS a LEFT JOIN STREAM other AS b
ON a.u = b.u AND a.q = b.q AND b.at > a.t AND b.at < a.t + INTERVAL %[2]d SECONDS AND 10 DIV (b.q - 1) > a.q;
CREATE STREAMING TABLE by_pair AS SELECT window.start AS s, count(*) AS c, count(other) AS pairs, collect_list(other) AS others FROM STREAM left_pairs GROUP BY window(t, '%[2]d seconds');
CREATE TEMPORARY VIEW all_pairs AS SELECT coalesce(a.u, b.u) AS u, a.q, b.x, a.w FROM (SELECT *, window(t, '%[2]d seconds') AS w FROM STREAM event WHERE q > 1) AS a
FULL JOIN (SELECT *, window(at, '%[2]d seconds') AS w FROM STREAM other) AS b ON a.w = b.w AND a.u = b.u AND a.q < %[2]d;
CREATE STREAMING TABLE some AS SELECT k, q, t FROM STREAM event AS a LEFT SEMI JOIN STREAM other AS b
ON a.k = b.u AND b.at >= a.t - INTERVAL %[2]d SECONDS AND b.at <= a.t + INTERVAL %[1]d SECONDS;
CREATE STREAMING TABLE some_more AS SELECT u, q FROM STREAM event AS a LEFT SEMI JOIN STREAM other AS b ON a.u = b.u AND b.at BETWEEN a.t AND a.t + INTERVAL %[2]d SECONDS AND a.x < b.x;
CREATE STREAMING TABLE right_pairs AS SELECT window.start AS s, b.u, count(a.q) AS n FROM STREAM event AS a RIGHT JOIN STREAM other AS b
ON a.u = b.u AND a.q <=> b.q AND a.t BETWEEN b.at AND b.at + INTERVAL %[1]d SECONDS GROUP BY window(b.at, '%[2]d seconds', '%[1]d seconds'), b.u;
CREATE STREAMING TABLE few_pairs AS SELECT u, n FROM STREAM right_pairs WHERE n < 3;`,
		config: []string{"sink.all.format", "json", "sink.all.from", "all_pairs", "sink.all.option.path", "all",
			"sink.left.format", "csv", "sink.left.from", "left_pairs", "sink.left.option.path", "left"}},
	{text: `CREATE STREAMING TABLE stamped AS
SELECT u, current_timestamp() AS at, current_date() AS d, localtimestamp() AS l, transform(sequence(1, q), x -> unix_micros(now()) + x) AS each, CAST('01:02:03' AS TIMESTAMP) AS today
FROM STREAM event WHERE q < 4 AND t < current_timestamp() - INTERVAL %[1]d SECONDS;
CREATE STREAMING TABLE restamped AS SELECT k, n, unix_micros(now()) - n AS at FROM (SELECT k, explode(sequence(1, least(q, 3))) AS n FROM STREAM event WHERE t < now()) WHERE n < unix_micros(now());
CREATE STREAMING TABLE closed AS
SELECT window.start AS s, k, count(*) FILTER (WHERE t < now() - INTERVAL 1 SECOND) AS n, max(now()) AS newest, current_timestamp() AS at
FROM STREAM event GROUP BY window(t, '%[2]d seconds', '%[1]d seconds'), k HAVING window.start < now();
CREATE STREAMING TABLE over AS SELECT s, n, unix_micros(at) - unix_micros(now()) AS same, explode(array(now(), newest)) AS at FROM STREAM closed;
CREATE STREAMING TABLE above AS SELECT window.end AS e, count(*) AS n, max(now()) AS at, now() AS closed
FROM STREAM closed WATERMARK s DELAY OF INTERVAL %[1]d SECONDS GROUP BY window(s, '%[2]d seconds');
CREATE TEMPORARY VIEW aged AS SELECT concat(s, coalesce(k, '-')) AS key, CAST(n AS STRING) AS value FROM STREAM closed;
CREATE TEMPORARY VIEW aged_above AS SELECT CAST(e AS STRING) AS key, CAST(n AS STRING) AS value FROM STREAM above;`,
		config: []string{"sink.aged.format", "redis", "sink.aged.from", "aged", "sink.aged.option.ttl", "100000 seconds",
			"sink.above.format", "redis", "sink.above.from", "aged_above", "sink.above.option.ttl", "100000 seconds"}},
}

// A project is a drawn pipeline and its topics.
type project struct {
	text       string
	config     []string
	partitions int
}

// drawProject draws an oracle's query and some of the extras.
func drawProject(t *rapid.T) project {
	p := project{text: projectOf(drawOracle(t)), config: projectConfig, partitions: rapid.IntRange(1, 3).Draw(t, "partitions")}
	for i, e := range extras {
		if !rapid.Bool().Draw(t, fmt.Sprintf("extra %d", i)) {
			continue
		}
		small := rapid.IntRange(1, 5).Draw(t, "small")
		p.text += fmt.Sprintf(e.text+"\n%[3]s", small, small+rapid.IntRange(0, 9).Draw(t, "more"), "")
		p.config = append(p.config[:len(p.config):len(p.config)], e.config...)
	}
	return p
}

func (p project) bench(t testing.TB) *enginetest.Bench {
	b := enginetest.NewBench(t, &store.Memory{}, p.text, p.config...)
	b.Topics["events"] = enginetest.NewLog(p.partitions)
	return b
}

// straight is the state after one undisturbed run.
func (p project) straight(t testing.TB, events []enginetest.Event) string {
	b := p.bench(t)
	fill(b, events)
	b.Topics["events"].Finish()
	b.Run(t, true)
	return b.State(t)
}

// interleave draws another order of the events, in which those of a partition keep theirs.
func interleave(t *rapid.T, events []enginetest.Event, partitions int) []enginetest.Event {
	byPartition := make([][]enginetest.Event, partitions)
	for _, e := range events {
		byPartition[e.Partition] = append(byPartition[e.Partition], e)
	}
	out := make([]enginetest.Event, 0, len(events))
	for len(out) < len(events) {
		p := rapid.IntRange(0, partitions-1).Draw(t, "from")
		n := min(len(byPartition[p]), rapid.IntRange(1, 30).Draw(t, "run"))
		out = append(out, byPartition[p][:n]...)
		byPartition[p] = byPartition[p][n:]
	}
	return out
}

// TestInterleavings appends the same partitions in other orders, in pieces with a run behind each:
// nothing may change by a byte.
func TestInterleavings(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawProject(rt)
		events := drawEvents(rt, p.partitions)
		want := p.straight(t, events)
		b := p.bench(t)
		topic := b.Topics["events"]
		for rest := interleave(rt, events, p.partitions); len(rest) > 0; {
			n := min(len(rest), rapid.IntRange(1, 60).Draw(rt, "chunk"))
			fill(b, rest[:n])
			rest = rest[n:]
			topic.Finish()
			b.Run(t, false)
			b.Clock.Add(7 * second)
		}
		topic.Finish()
		b.Run(t, true)
		if diff := cmp.Diff(want, b.State(t)); diff != "" {
			rt.Fatalf("state (-straight +interleaved):\n%s", diff)
		}
	})
}

// TestInterruptions runs the same streams in other batches, with a checkpoint and restart after every
// few records, and with crashes in between: before a checkpoint, between the commit and the delivery
// of its rows, and between their delivery and the commit that forgets them. Nothing may change by a byte.
func TestInterruptions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawProject(rt)
		events := drawEvents(rt, p.partitions)
		want := p.straight(t, events)

		b := p.bench(t)
		topic := b.Topics["events"]
		topic.ReadRows = rapid.SampledFrom([]int{1, 7, 4096}).Draw(rt, "readRows")
		b.BatchRows = rapid.SampledFrom([]int{1, 7, 4096}).Draw(rt, "batchRows")
		for len(events) > 0 {
			n := min(len(events), rapid.IntRange(1, 40).Draw(rt, "chunk"))
			fill(b, events[:n])
			events = events[n:]
			topic.Finish()
			b.Clock.Add(7 * second)
			switch rapid.IntRange(0, 3).Draw(rt, "crash") {
			case 0:
				crash(t, b)
			case 1:
				crashAtCommit(t, b, rapid.IntRange(1, 5).Draw(rt, "commit"), rapid.Bool().Draw(rt, "applied"))
			}
			b.Clock.Add(7 * second)
			b.Run(t, false)
		}
		topic.Finish()
		b.Run(t, true)
		if diff := cmp.Diff(want, b.State(t)); diff != "" {
			rt.Fatalf("state (-straight +interrupted):\n%s", diff)
		}
	})
}

var errCrash = errors.New("crash")

// crash runs an engine that reads everything and dies before its checkpoint.
func crash(t testing.TB, b *enginetest.Bench) { crashWith(t, b, b.Options()) }

func crashWith(t testing.TB, b *enginetest.Bench, opt engine.Options) {
	source := opt.Source
	opt.Source = func(topic string) (record.Source, error) {
		s, err := source(topic)
		return crashing{s}, err
	}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatalf("open engine: %v", err)
	}
	b.Topics["events"].Finish()
	if err := e.Run(context.Background()); !errors.Is(err, errCrash) {
		t.Fatalf("run: %v, expected a crash", err)
	}
	e.Close()
}

type crashing struct{ record.Source }

func (c crashing) Open(ctx context.Context, p int32, from record.Position) (record.Reader, error) {
	r, err := c.Source.Open(ctx, p, from)
	return crashingReader{r}, err
}

type crashingReader struct{ record.Reader }

func (c crashingReader) Read(ctx context.Context, dst *record.Records) error {
	if err := c.Reader.Read(ctx, dst); err != nil {
		return errCrash
	}
	return nil
}

// TestEphemeral runs streams in an engine that keeps no state: what it shows at its end is what one
// that does has left behind.
func TestEphemeral(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawProject(rt)
		events := drawEvents(rt, p.partitions)
		want := p.straight(t, events)
		b := p.bench(t)
		fill(b, events)
		b.Topics["events"].Finish()
		opt := b.Options()
		opt.Ephemeral, opt.CloseWindows = true, true
		e, err := engine.Open(context.Background(), opt)
		if err != nil {
			rt.Fatalf("open engine: %v", err)
		}
		defer e.Close()
		if err := e.Run(context.Background()); err != nil {
			rt.Fatalf("run: %v", err)
		}
		for _, log := range b.Logs {
			log.Finish()
		}
		if diff := cmp.Diff(want, b.StateOf(t, e)); diff != "" {
			rt.Fatalf("state (-durable +ephemeral):\n%s", diff)
		}
	})
}

// mortalStore dies at a commit, before or after it is applied.
type mortalStore struct {
	state.Store
	left    int // commits to live
	applied bool
}

func (s *mortalStore) Commit(ctx context.Context, cp state.Checkpoint, d *state.Delta) error {
	s.left--
	if s.left == 0 && !s.applied {
		return errCrash
	}
	if err := s.Store.Commit(ctx, cp, d); err != nil || s.left != 0 {
		return err
	}
	return errCrash
}

// crashAtCommit runs an engine that takes checkpoints all the time and dies at one of them, or gets
// to the end before.
func crashAtCommit(t testing.TB, b *enginetest.Bench, commit int, applied bool) {
	opt := b.Options()
	opt.CheckpointInterval = 1
	opt.Store = &mortalStore{Store: opt.Store, left: commit, applied: applied}
	e, err := engine.Open(context.Background(), opt)
	if err != nil {
		t.Fatalf("open engine: %v", err)
	}
	if err := e.Run(context.Background()); err != nil && !errors.Is(err, errCrash) {
		t.Fatalf("run: %v, expected a crash", err)
	}
	e.Close()
}
