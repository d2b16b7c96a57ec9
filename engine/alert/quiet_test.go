package alert

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestQuietBreachesChangeNothing: breaches that stand close together, that come late and in any order, and of which cuts keep
// no more than the time give the changes of state that they give without any cut, byte for byte.
func TestQuietBreachesChangeNothing(t *testing.T) {
	quiet := 0
	rapid.Check(t, func(t *rapid.T) {
		r := Rule{Name: "r", From: "t", Labels: []string{"k"},
			Interval:   rapid.Int64Range(1, 20).Draw(t, "interval"),
			For:        rapid.SampledFrom([]int64{0, 0, 15}).Draw(t, "for"),
			KeepFiring: rapid.SampledFrom([]int64{0, 0, 12}).Draw(t, "keep")}
		var all []Breach
		for key := range rapid.IntRange(1, 3).Draw(t, "keys") {
			at := rapid.Int64Range(0, 50).Draw(t, "start")
			for i := range rapid.IntRange(1, 80).Draw(t, "breaches") {
				at += rapid.SampledFrom([]int64{0, 0, 1, 1, 2, 3, 7, 15, 40}).Draw(t, "gap")
				b := breachAt(fmt.Sprint(key), at)
				b.Evidence.Offset = int64(i)
				all = append(all, b)
			}
		}
		straight := New(r)
		for _, b := range all {
			straight.Add(b)
		}
		want := run(t, straight, nil, []int64{math.MaxInt64}, same)

		late := rapid.Int64Range(0, 60).Draw(t, "late") // how far behind the newest breach the watermark is
		type arrival struct {
			at int64
			Breach
		}
		var comes []arrival
		for _, b := range all {
			comes = append(comes, arrival{b.Time + rapid.Int64Range(0, late).Draw(t, "delay"), b})
		}
		slices.SortStableFunc(comes, func(a, b arrival) int { return int(a.at - b.at) })
		reopen := reopened(t, map[string]string{})
		x := New(r)
		var got []string
		for len(comes) > 0 {
			n := min(rapid.IntRange(1, 40).Draw(t, "comes"), len(comes))
			for _, c := range comes[:n] {
				x.Add(c.Breach)
			}
			to := int64(math.MaxInt64)
			if comes = comes[n:]; len(comes) > 0 {
				to = comes[0].at - late - 1
			}
			if rapid.Bool().Draw(t, "cut before") {
				x = reopen(x)
			}
			for _, in := range x.keys {
				quiet += len(in.quiet)
			}
			got = append(got, run(t, x, nil, []int64{to}, same)...)
			if rapid.Bool().Draw(t, "cut behind") {
				x = reopen(x)
			}
			x.Current() // whoever looks changes nothing
		}
		if !slices.Equal(want, got) {
			t.Fatalf("without cuts:\n%s\nwith cuts:\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
		}
		if x.Held() != 0 {
			t.Fatalf("%d rows are held after the end", x.Held())
		}
	})
	if quiet == 0 {
		t.Error("no breach was ever quiet")
	}
}

// TestLookingAtAnIncidentEndsItNoSooner: whoever looks at an incident behind a quiet breach has it go on as long as without
// a look.
func TestLookingAtAnIncidentEndsItNoSooner(t *testing.T) {
	for _, looks := range []bool{false, true} {
		x := New(Rule{Name: "r", Labels: []string{"k"}, Interval: 15})
		for _, at := range []int64{0, 1, 2, 3, 4, 5, 20, 20, 20, 20, 20} { // 5 becomes quiet
			x.Add(breachAt("a", at))
		}
		var ended []int64
		advance := func(to int64) {
			if err := x.Advance(to, func(c *Change) error {
				if c.State == Resolved {
					ended = append(ended, int64(c.Time))
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		advance(4)
		x.Cut(func(_, _ []byte) {}, func([]byte) {})
		if quiet := x.keys[`["a"]`].quiet; !slices.Equal(quiet, []int64{5}) {
			t.Fatalf("%v are quiet", quiet)
		}
		advance(6)
		if looks {
			x.Current()
		}
		advance(math.MaxInt64)
		if want := []int64{20 + 15}; !slices.Equal(ended, want) {
			t.Errorf("looked at: %v: ended at %v, not at %v", looks, ended, want)
		}
	}
}

// TestCheckpointsKeepOfBusyIncidentsWhatIsShown: of an incident with a thousand breaches that wait a checkpoint has the rows
// that may be shown, and the times of the others; and nothing of them once it has ended.
func TestCheckpointsKeepOfBusyIncidentsWhatIsShown(t *testing.T) {
	x := New(Rule{Name: "r", Labels: []string{"k"}, Interval: 60 * second})
	stored := map[string]string{}
	cut := func() {
		x.Cut(func(k, v []byte) { stored[string(k)] = string(v) }, func(k []byte) { delete(stored, string(k)) })
	}
	for i := range int64(7) {
		x.Add(breachAt("a", i))
	}
	if err := x.Advance(6, func(*Change) error { return nil }); err != nil {
		t.Fatal(err)
	}
	cut()
	for round := range int64(3) {
		for i := range int64(1000) {
			x.Add(breachAt("a", (round+1)*second+i))
		}
		cut()
		if want := 1 + 1 + 7 + 5; len(stored) != want { // the incident, its quiet breaches, seven that are shown, and the newest
			t.Errorf("round %d: %d entries, not %d", round, len(stored), want)
		}
		if n := len(stored[`$["a"]`]); n > 2*1000*int(round+1) {
			t.Errorf("round %d: %d bytes of quiet breaches", round, n)
		}
		if c := x.Current(); len(c) != 1 || c[0].Breaches != 7 {
			t.Errorf("round %d: %+v", round, c)
		}
	}
	if err := x.Advance(2*second, func(*Change) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if c := x.Current(); c[0].Breaches != 7+1000+1 {
		t.Errorf("%d breaches at a moment between", c[0].Breaches)
	}
	if err := x.Advance(math.MaxInt64, func(*Change) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if cut(); len(stored) != 0 {
		t.Errorf("%d entries are left: %v", len(stored), stored)
	}
}
