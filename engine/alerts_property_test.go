package engine_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/engine/enginetest"
)

// An alertProject is a drawn project with alerts over rows and over windows, and how their rules are.
type alertProject struct {
	project
	delay, slide, size int64 // microseconds
	minQ, minN         int
	rules              map[string]alert.Rule // without labels
	topics             []string
}

// drawAlerts draws a project that reads one topic or two.
func drawAlerts(t *rapid.T) alertProject {
	p := alertProject{topics: []string{"events"}, rules: map[string]alert.Rule{}}
	if rapid.Bool().Draw(t, "two topics") {
		p.topics = append(p.topics, "others")
	}
	p.partitions = rapid.IntRange(1, 3).Draw(t, "partitions")
	p.delay = second * int64(rapid.IntRange(0, 8).Draw(t, "delay"))
	p.slide = second * int64(rapid.IntRange(1, 12).Draw(t, "slide"))
	p.size = p.slide * int64(rapid.IntRange(1, 3).Draw(t, "times"))
	p.minQ, p.minN = rapid.IntRange(0, 2).Draw(t, "minQ"), rapid.IntRange(1, 3).Draw(t, "minN")
	p.text = fmt.Sprintf(`
CREATE TEMPORARY VIEW event AS
SELECT * FROM (
  SELECT topic, partition, offset, e.* EXCEPT (ts), try_to_timestamp(e.ts) AS t
  FROM (SELECT topic, partition, offset, from_json(CAST(value AS STRING), 'ts STRING, k STRING, u STRING, q INT, x DOUBLE') AS e FROM STREAM raw)
) WATERMARK t DELAY OF INTERVAL %[1]d SECONDS
WHERE t IS NOT NULL;
CREATE TEMPORARY VIEW high AS SELECT k, u, q, t, topic, partition, offset FROM STREAM event WHERE q > %[2]d;
CREATE STREAMING TABLE kept AS SELECT k, u, q, t, topic, partition, offset FROM STREAM event WHERE q > %[3]d;
CREATE STREAMING TABLE counts AS
SELECT window.end AS window_end, k, count(*) AS n, window.start AS window_start FROM STREAM event GROUP BY window(t, '%[4]d seconds', '%[5]d seconds'), k;
CREATE STREAMING TABLE busy AS SELECT window_end, k, n FROM STREAM counts WHERE n >= %[6]d;
CREATE STREAMING TABLE recent AS
SELECT window.end AS until, k, sum(n) AS n FROM STREAM counts WATERMARK window_start DELAY OF INTERVAL 0 SECONDS
GROUP BY window(window_start, '%[7]d seconds', '%[5]d seconds'), k HAVING sum(n) > %[6]d;
CREATE TEMPORARY VIEW patient AS SELECT * FROM (SELECT k, q, t FROM STREAM event) WATERMARK t DELAY OF INTERVAL %[8]d SECONDS;
CREATE STREAMING TABLE either;
CREATE FLOW summed AS INSERT INTO either BY NAME SELECT window.end AS window_end, k, sum(q) AS n FROM STREAM patient GROUP BY window(t, '%[5]d seconds'), k;
CREATE FLOW counted AS INSERT INTO either BY NAME SELECT window.end AS window_end, k, count(*) AS n FROM STREAM event GROUP BY window(t, '%[4]d seconds', '%[5]d seconds'), k;
CREATE STREAMING TABLE of_both AS SELECT window_end, k, n FROM STREAM either WHERE n >= %[6]d;`,
		p.delay/second, p.minQ, p.minQ, p.size/second, p.slide/second, p.minN, 3*p.slide/second, p.delay/second+5)
	p.config = []string{"source.raw.format", "kafka", "source.raw.option.subscribe", strings.Join(p.topics, ","), "nagare.watermark.futureLimit", "60 seconds"}
	for _, of := range [][2]string{{"rows", "high"}, {"windows", "busy"}, {"regrouped", "recent"}, {"flows", "of_both"}} {
		name, from := of[0], of[1]
		r := alert.Rule{Name: name, From: from, For: second * int64(rapid.IntRange(0, 20).Draw(t, name+" for")),
			KeepFiring: second * int64(rapid.IntRange(0, 20).Draw(t, name+" keep")), Interval: p.slide, Windowed: name != "rows"}
		if name == "flows" && p.size != p.slide {
			p.config = append(p.config, "alert.flows.interval", seconds(p.slide))
		}
		config := []string{"from", from, "key", "k", "for", seconds(r.For), "keepFiring", seconds(r.KeepFiring), "summary", "${k}"}
		if name == "rows" {
			r.Interval = second * int64(rapid.IntRange(1, 20).Draw(t, "interval"))
			config = append(config, "interval", seconds(r.Interval), "description", "${u} ${q}", "severity", "${u}")
		}
		p.rules[name] = r
		for i := 0; i < len(config); i += 2 {
			p.config = append(p.config, "alert."+name+"."+config[i], config[i+1])
		}
	}
	return p
}

func seconds(micros int64) string { return fmt.Sprintf("%d seconds", micros/second) }

func (p alertProject) bench(t testing.TB) *enginetest.Bench {
	b := p.project.bench(t)
	for _, topic := range p.topics {
		b.Topics[topic] = enginetest.NewLog(p.partitions)
	}
	return b
}

// fill appends events; their partitions go through those of the first topic, then those of the second.
func (p alertProject) fill(b *enginetest.Bench, events []enginetest.Event) {
	for _, e := range events {
		b.Topics[p.topics[e.Partition/p.partitions]].Append(e.Partition%p.partitions, e.Append, nil, []byte(e.Value))
	}
}

func (p alertProject) finish(b *enginetest.Bench) {
	for _, topic := range p.topics {
		b.Topics[topic].Finish()
	}
}

// told is the whole content of the sink of alerts, rule by rule.
func told(b *enginetest.Bench) string {
	var out strings.Builder
	log := b.Sinks[engine.AlertSink]
	for i, a := range b.Pipeline.Alerts {
		fmt.Fprintf(&out, "== %s\n%s\n", a.Name, strings.Join(log.Values(i), "\n"))
	}
	return out.String()
}

// TestAlertsAreAFunctionOfTheTopics runs the same topics in batches of 1, 7 and 4096, in another interleaving, with a
// restart after every batch and with crashes: each change of state of each incident is there once, the same byte for
// byte, and rows one for one make the incidents that a naive oracle has.
func TestAlertsAreAFunctionOfTheTopics(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawAlerts(rt)
		lanes := p.partitions * len(p.topics)
		events := drawEvents(rt, lanes)
		b := p.bench(t)
		p.fill(b, events)
		p.finish(b)
		b.Run(t, true)
		want := told(b)

		for _, rows := range []int{1, 7, 4096} {
			b := p.bench(t)
			b.BatchRows = rows
			for _, topic := range p.topics {
				b.Topics[topic].ReadRows = rows
			}
			for rest := interleave(rt, events, lanes); len(rest) > 0; {
				n := min(len(rest), rows, 25) // a restart behind each batch
				if rows == 1 {
					n = min(len(rest), rapid.IntRange(1, 3).Draw(rt, "batches"))
				}
				p.fill(b, rest[:n])
				rest = rest[n:]
				p.finish(b)
				if rapid.IntRange(0, 9).Draw(rt, "crash") == 0 {
					crashAtCommit(t, b, rapid.IntRange(1, 3).Draw(rt, "commit"), rapid.Bool().Draw(rt, "applied"))
				}
				b.Run(t, false)
			}
			p.finish(b)
			b.Run(t, true)
			if diff := gocmp.Diff(want, told(b)); diff != "" {
				rt.Fatalf("changes of state (-straight +in batches of %d):\n%s", rows, diff)
			}
		}
		var got []string
		for i, a := range b.Pipeline.Alerts {
			if a.Name == "rows" {
				got = shortChanges(rt, b.Sinks[engine.AlertSink].Values(i))
			}
		}
		if diff := gocmp.Diff(p.oracle(events), got); diff != "" {
			rt.Fatalf("incidents of rows (-oracle +engine):\n%s", diff)
		}
		e := openEnded(t, b)
		defer e.Close()
		for i, a := range b.Pipeline.Alerts {
			if r := p.rules[a.Name]; r.Windowed {
				if diff := gocmp.Diff(windowOracle(t, e, r), shortChanges(rt, b.Sinks[engine.AlertSink].Values(i))); diff != "" {
					rt.Fatalf("incidents of windows of %s (-oracle over the table +engine):\n%s", r.From, diff)
				}
			}
		}
	})
}

func openEnded(t testing.TB, b *enginetest.Bench) *engine.Engine {
	e, err := engine.Open(context.Background(), b.Options())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// shortChanges is changes as "time key state since breaches evidence".
func shortChanges(t *rapid.T, values []string) []string {
	out := []string{}
	for _, v := range values {
		var c alert.Change
		if err := json.Unmarshal([]byte(v), &c); err != nil {
			t.Fatal(err)
		}
		key, ok := c.Labels["k"]
		if !ok {
			key = "NULL"
		}
		line := shortChange(int64(c.Time), key, c.State, int64(c.ActiveAt), c.Breaches)
		for _, e := range c.Evidence {
			line += evidencePlace(e)
		}
		out = append(out, line)
	}
	return out
}

func shortChange(at int64, key string, state alert.State, since, breaches int64) string {
	return fmt.Sprintf("%d %s %s since %d, %d:", at, key, state, since, breaches)
}

func evidencePlace(e alert.Evidence) string {
	if e.Topic == "" {
		return fmt.Sprintf(" %d", e.Time)
	}
	return fmt.Sprintf(" %s/%d/%d", e.Topic, e.Partition, e.Offset)
}

// An oracleBreach is a breach as a naive reader of the topics sees it.
type oracleBreach struct {
	at, seen int64 // when it counts, and its own time
	key      string
	evidence alert.Evidence
}

// breaches finds those of rows: each partition by itself, in its order, with its own watermark.
func (p alertProject) breaches(events []enginetest.Event) (list []oracleBreach) {
	o := enginetest.Oracle{}
	marks := map[int]int64{}
	offsets := map[int]int64{}
	for _, e := range events {
		offset := offsets[e.Partition]
		offsets[e.Partition]++
		ts, k, q, ok := o.Breach(e.Value)
		if !ok || ts > e.Append+60*second {
			continue
		}
		mark, marked := marks[e.Partition]
		if !marked {
			mark = math.MinInt64
		}
		marks[e.Partition] = max(mark, ts-p.delay)
		if q == nil || *q <= int64(p.minQ) {
			continue
		}
		b := oracleBreach{at: ts, seen: ts, key: "NULL"}
		if marked && ts <= mark {
			b.at = mark + 1
		}
		if k != nil {
			b.key = *k
		}
		b.evidence = alert.Evidence{Topic: p.topics[e.Partition/p.partitions], Partition: int32(e.Partition % p.partitions), Offset: offset, Time: alert.Time(ts)}
		list = append(list, b)
	}
	return list
}

// oracle is the incidents of rows.
func (p alertProject) oracle(events []enginetest.Event) []string {
	return tell(p.rules["rows"], p.breaches(events))
}

// windowOracle is the incidents of windows, by the rows of the table that the alert reads.
func windowOracle(t testing.TB, e *engine.Engine, r alert.Rule) []string {
	var list []oracleBreach
	for _, line := range enginetest.Lines(t, e, r.From) {
		f := strings.Split(line, ",")
		end, err := parseClock(f[0])
		if err != nil {
			t.Fatal(err)
		}
		b := oracleBreach{at: end, seen: end, key: f[1], evidence: alert.Evidence{Time: alert.Time(end)}}
		switch f[1] {
		case "":
			b.key = "NULL"
		case `""`:
			b.key = ""
		}
		list = append(list, b)
	}
	return tell(r, list)
}

func parseClock(text string) (int64, error) {
	var at alert.Time
	err := at.UnmarshalJSON([]byte(`"` + text + `"`))
	return int64(at), err
}

// tell goes through the times at which something can happen to a key, and tells its changes by the rules of Prometheus:
// what is true stays true for the interval, pending fires once it has been true for For, and is forgotten at the first
// false; firing ends once it has been false for KeepFiring, at a time at which the rule is looked at.
func tell(r alert.Rule, list []oracleBreach) []string {
	kept := r.KeepFiring
	if over := kept % r.Interval; r.Windowed && over > 0 {
		kept += r.Interval - over
	}
	keys := map[string][]oracleBreach{}
	for _, b := range list {
		keys[b.key] = append(keys[b.key], b)
	}
	type change struct {
		at   int64
		ends int // 1: behind those that begin or go on at that time
		key  string
		line string
	}
	var changes []change
	for key, of := range keys {
		slices.SortStableFunc(of, func(a, b oracleBreach) int {
			return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.seen, b.seen), strings.Compare(a.evidence.Topic, b.evidence.Topic),
				cmp.Compare(a.evidence.Partition, b.evidence.Partition), cmp.Compare(a.evidence.Offset, b.evidence.Offset))
		})
		for i := 0; i < len(of); {
			since, fired, n := of[i].at, int64(-1), 0
			var evidence []alert.Evidence
			say := func(at int64, ends int, state alert.State) {
				line := shortChange(at, key, state, since, int64(n))
				for j, e := range evidence { // the first five and the newest five
					if j < 5 || j >= len(evidence)-5 {
						line += evidencePlace(e)
					}
				}
				changes = append(changes, change{at, ends, keyOrder(key), line})
			}
			for first := i; i < len(of); i++ {
				if i > first {
					end := of[i-1].at + r.Interval
					if fired >= 0 {
						end += kept
					}
					if of[i].at > end {
						break
					}
				}
				n++
				evidence = append(evidence, of[i].evidence)
				switch {
				case fired < 0 && of[i].at-since >= r.For:
					fired = of[i].at
					say(of[i].at, 0, alert.Firing)
				case n == 1:
					say(of[i].at, 0, alert.Pending)
				}
			}
			end := of[i-1].at + r.Interval
			if fired >= 0 {
				say(end+kept, 1, alert.Resolved)
			} else {
				say(end, 1, alert.Inactive)
			}
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.ends, b.ends), strings.Compare(a.key, b.key))
	})
	out := []string{}
	for _, c := range changes {
		out = append(out, c.line)
	}
	return out
}

// keyOrder is a key as the order of changes of one time has it: NULL behind all texts.
func keyOrder(key string) string {
	if key == "NULL" {
		return "[null]"
	}
	return `["` + key + `"]`
}
