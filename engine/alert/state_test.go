package alert

import (
	"fmt"
	"math"
	"reflect"
	"testing"
)

// TestCutWritesABreachOnce: what a checkpoint writes depends on what is new, not on what waits or is shown, and once
// everything has ended nothing stays.
func TestCutWritesABreachOnce(t *testing.T) {
	x := New(Rule{Name: "r", Labels: []string{"k"}, Interval: 60 * second})
	stored := map[string]string{}
	cut := func() (puts, removes int) {
		x.Cut(func(k, v []byte) { stored[string(k)] = string(v); puts++ }, func(k []byte) { delete(stored, string(k)); removes++ })
		return puts, removes
	}
	advance := func(to int64) {
		if err := x.Advance(to, func(*Change) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(100) {
		x.Add(breachAt(fmt.Sprint(i%5), i*second))
	}
	for _, step := range []struct {
		what          string
		to            int64
		puts, removes int
	}{
		{"a hundred breaches wait", -second, 100, 0},
		{"nothing is new", -second, 0, 0},
		{"ten breaches in two rounds of five keys; ten more of each are quiet", 9 * second, 5 + 5, 50},
		{"nothing is new again", 9 * second, 0, 0},
		{"all: ten stay of each key's twenty", 99 * second, 5, 5},
		{"everything has ended", math.MaxInt64, 0, 50 + 5},
	} {
		advance(step.to)
		if puts, removes := cut(); puts != step.puts || removes != step.removes {
			t.Errorf("%s: %d put and %d removed, not %d and %d", step.what, puts, removes, step.puts, step.removes)
		}
	}
	x.Add(breachAt("a", math.MaxInt64-1))
	advance(math.MaxInt64)
	if cut(); len(stored) != 0 {
		t.Errorf("%d entries are left: %v", len(stored), stored)
	}
}

// TestRestoreRefusesHalfAnIncident: an incident whose breaches are not there is damage, and not an incident that shows less.
func TestRestoreRefusesHalfAnIncident(t *testing.T) {
	for _, value := range []string{
		`{"activeAt":null,"firedAt":null,"last":null,"breaches":1,"shown":[7]}`,
		`{"activeAt":null,"firedAt":null,"last":null,"breaches":1,"evidence":[{}]}`,
		`{`,
	} {
		if err := New(Rule{Name: "r", Labels: []string{"k"}}).Restore([]byte(`["a"]`), []byte(value)); err == nil {
			t.Errorf("%s is taken", value)
		}
	}
	x := New(Rule{Name: "r", Labels: []string{"k"}})
	if x.Restore([]byte(`$["a"]`), []byte{0x80}) == nil {
		t.Error("half a time is taken")
	}
	if err := x.Restore([]byte(`$["a"]`), []byte{2}); err != nil {
		t.Error(err)
	}
	if x.Restored() == nil {
		t.Error("quiet breaches of no incident are taken")
	}
}

// TestBreachReadsBack: a breach's entry gives what it had, and a part of one is refused.
func TestBreachReadsBack(t *testing.T) {
	b := Breach{Time: -5, Key: `["a"]`, Severity: "info", Summary: "s", Description: "", Evidence: Evidence{Topic: "t", Partition: 2, Offset: 1 << 40, From: "f", Time: None, Row: []byte(`{"x":1}`)}}
	text := b.appendTo(nil)
	var got Breach
	if err := got.read(text); err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range len(text) - len(b.Evidence.Row) {
		if new(Breach).read(text[:n]) == nil {
			t.Errorf("%d bytes of %d are taken", n, len(text))
		}
	}
}
