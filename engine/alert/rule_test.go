package alert

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const second = int64(1_000_000)

// run advances a rule over breaches, in steps, and returns its changes as lines.
func run(t interface{ Fatal(...any) }, x *Incidents, breaches []Breach, steps []int64, between func(*Incidents) *Incidents) []string {
	var lines []string
	emit := func(c *Change) error {
		lines = append(lines, string(c.Append(nil)))
		return nil
	}
	next := 0
	for _, to := range steps {
		for ; next < len(breaches) && breaches[next].Time <= to+30*second; next++ { // some are here before their time
			x.Add(breaches[next])
		}
		x = between(x)
		if err := x.Advance(to, emit); err != nil {
			t.Fatal(err)
		}
		x = between(x)
	}
	return lines
}

func same(x *Incidents) *Incidents { return x }

// reopened is what a checkpoint and a restart make of incidents. Entries stay in the map from one cut to the next.
func reopened(t interface{ Fatal(...any) }, stored map[string]string) func(*Incidents) *Incidents {
	return func(x *Incidents) *Incidents {
		x.Cut(func(k, v []byte) { stored[string(k)] = string(v) }, func(k []byte) { delete(stored, string(k)) })
		y := New(x.rule)
		for _, k := range slices.Sorted(maps.Keys(stored)) {
			if err := y.Restore([]byte(k), []byte(stored[k])); err != nil {
				t.Fatal(err)
			}
		}
		if err := y.Restored(); err != nil {
			t.Fatal(err)
		}
		return y
	}
}

func breachAt(key string, at int64) Breach {
	return Breach{Time: at, Key: `["` + key + `"]`, Severity: "warning", Summary: fmt.Sprint("at ", at), Evidence: Evidence{From: "t", Time: Time(at), Offset: at, Row: []byte(`{"x":1}`)}}
}

// TestStatesOfPrometheus compares 42 series of states with those of Prometheus 2.42.
func TestStatesOfPrometheus(t *testing.T) {
	text, err := os.ReadFile("testdata/prometheus.tsv")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		number := func(s string) int64 {
			x, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				t.Fatal(line, err)
			}
			return x * second
		}
		x := New(Rule{Name: f[0], Labels: []string{"k"}, For: number(f[1]), KeepFiring: number(f[2]), Interval: number(f[3]), Windowed: true})
		for _, at := range strings.Fields(f[5]) {
			x.Add(breachAt("a", number(at)))
		}
		state, active := Inactive, None
		for _, want := range strings.Fields(f[6]) {
			w := strings.Split(want, ":")
			if err := x.Advance(number(w[0]), func(c *Change) error {
				state, active = c.State, c.ActiveAt
				if state == Resolved {
					state = Inactive
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			got := string(state)
			if string(state) != w[1] || state != Inactive && int64(active) != number(w[2]) {
				t.Errorf("%s %s at %s: %s since %v, and Prometheus has %s since %s", f[0], f[4], w[0], got, active, w[1], w[2])
			}
		}
		n++
	}
	if n != 42 {
		t.Errorf("%d series", n)
	}
}

// naive goes through all evaluations by the rules of Prometheus, and gives the changes as "time key state".
func naive(r Rule, truth map[string]map[int64]bool, last int64) []string {
	type thing struct {
		state  State
		active int64
		keep   int64
	}
	things := map[string]*thing{}
	var out []string
	for at := int64(0); at <= last; at += r.Interval {
		for _, started := range []bool{true, false} { // at one time what goes on is told before what ends
			for _, key := range slices.Sorted(maps.Keys(truth)) {
				th := things[key]
				if th == nil {
					th = &thing{state: Inactive, keep: -1}
					things[key] = th
				}
				before := th.state
				if truth[key][at] != started {
					continue
				}
				if started {
					th.keep = -1
					if th.state == Inactive {
						th.state, th.active = Pending, at
					}
					if th.state == Pending && at-th.active >= r.For {
						th.state = Firing
					}
				} else {
					if th.state == Firing {
						if th.keep < 0 {
							th.keep = at
						}
						if at-th.keep >= r.KeepFiring {
							th.state = Inactive
						}
					} else {
						th.state = Inactive
					}
				}
				if th.state != before {
					told := th.state
					if before == Firing {
						told = Resolved
					}
					out = append(out, fmt.Sprint(at/second, " ", key, " ", told))
				}
			}
		}
	}
	return out
}

// TestIncidentsDependOnBreachesAlone: any order and interleaving, any steps of the watermark and a restart after each give
// the same changes byte for byte, and they are those of the rules of Prometheus.
func TestIncidentsDependOnBreachesAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval := rapid.SampledFrom([]int64{1, 7, 15}).Draw(t, "interval") * second
		r := Rule{Name: "r", From: "t", Labels: []string{"k"}, Interval: interval, Windowed: true,
			For:        rapid.Int64Range(0, 60).Draw(t, "for") * second,
			KeepFiring: rapid.Int64Range(0, 60).Draw(t, "keep") * second}
		truth := map[string]map[int64]bool{}
		var all []Breach
		const evaluations = 16
		for _, key := range []string{"a", "b", "c"} {
			truth[key] = map[int64]bool{}
			for i := range int64(evaluations) {
				if rapid.IntRange(0, 9).Draw(t, "breach") < 6 {
					truth[key][i*interval] = true
					all = append(all, breachAt(key, i*interval))
				}
			}
		}
		end := evaluations * interval * 10
		once := run(t, New(r), all, []int64{end}, same)
		for range 2 {
			mixed := rapid.Permutation(all).Draw(t, "order")
			slices.SortStableFunc(mixed, func(a, b Breach) int { return int(a.Time/(5*interval) - b.Time/(5*interval)) })
			var steps []int64
			for at := int64(0); at < evaluations*interval; {
				at += rapid.Int64Range(1, 3*interval).Draw(t, "step")
				steps = append(steps, at-5*interval)
			}
			x := New(r)
			for _, b := range mixed {
				x.Add(b)
			}
			restarted := run(t, x, nil, append(steps, end), reopened(t, map[string]string{}))
			if !slices.Equal(once, restarted) {
				t.Fatalf("in one step:\n%s\nin steps with restarts:\n%s", strings.Join(once, "\n"), strings.Join(restarted, "\n"))
			}
		}
		var told []string
		emit := func(c *Change) error {
			told = append(told, fmt.Sprint(int64(c.Time)/second, " ", c.Labels["k"], " ", c.State))
			return nil
		}
		x := New(r)
		for _, b := range all {
			x.Add(b)
		}
		if err := x.Advance(end, emit); err != nil {
			t.Fatal(err)
		}
		if want := naive(r, truth, end); !slices.Equal(told, want) {
			t.Fatalf("told:\n%s\nby the rules:\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
		if x.Held() != 0 {
			t.Fatalf("%d rows are held after the end", x.Held())
		}
	})
}

// TestEvidenceIsTheFirstAndTheNewest: a long incident keeps ten rows and counts all.
func TestEvidenceIsTheFirstAndTheNewest(t *testing.T) {
	x := New(Rule{Name: "r", Labels: []string{"k"}, Interval: second})
	for i := range int64(100) {
		x.Add(breachAt("a", i*second))
	}
	var last Change
	if err := x.Advance(200*second, func(c *Change) error { last = *c; return nil }); err != nil {
		t.Fatal(err)
	}
	var at []int64
	for _, e := range last.Evidence {
		at = append(at, e.Offset/second)
	}
	if want := []int64{0, 1, 2, 3, 4, 95, 96, 97, 98, 99}; last.State != Resolved || last.Breaches != 100 || !slices.Equal(at, want) {
		t.Errorf("%s, %d breaches, evidence %v", last.State, last.Breaches, at)
	}
}

// TestTooManyIncidents: keys beyond the limit are counted, and have incidents once others have ended.
func TestTooManyIncidents(t *testing.T) {
	x := New(Rule{Name: "r", Labels: []string{"k"}, Interval: second})
	for i := range MostIncidents + 5 {
		x.Add(breachAt(fmt.Sprint(i), 0))
	}
	x.Add(breachAt("later", 10*second))
	fired := 0
	if err := x.Advance(10*second, func(c *Change) error {
		if c.State == Firing {
			fired++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if fired != MostIncidents+1 || x.Overflow != 5 {
		t.Errorf("%d fired, %d were too many", fired, x.Overflow)
	}
}
