package node

import (
	"maps"
	"testing"

	"github.com/nagare-stream/nagare/engine"
)

// A panic in a step of many records is looked for one record at a time; the third time at one record
// that record is poison, and the steps are large again.
func TestDefects(t *testing.T) {
	var d defects
	many := &engine.PanicError{Topic: "t", Partition: 1, Offset: 40, Rows: 100, Value: "boom"}
	one := &engine.PanicError{Topic: "t", Partition: 1, Offset: 77, Rows: 1, Value: "boom"}
	if !d.met(many) || d.step != 1 || len(d.poison) != 0 {
		t.Fatalf("after a panic in a step: %+v", d)
	}
	for i := range defectTries {
		if !d.met(one) {
			t.Fatalf("gave up at try %d", i)
		}
	}
	if at := (engine.Place{Topic: "t", Partition: 1, Offset: 77}); d.poison[at] == "" || d.step != 0 {
		t.Errorf("the record is not poison: %+v", d)
	}
	if d.met(one) {
		t.Error("a record that is passed over panicked, and it was tried again")
	}
	nowhere := &engine.PanicError{Topic: "t", Offset: -1}
	for i := range defectTries {
		if got := d.met(nowhere); got != (i < defectTries-1) {
			t.Errorf("a panic at no record, try %d: %v", i, got)
		}
	}
}

// TestPoisonIsDurable: a record that is left out is left out by later processes, too, before any row is made without it.
func TestPoisonIsDurable(t *testing.T) {
	before := &Node{cfg: Config{Data: t.TempDir()}}
	one := &engine.PanicError{Topic: "t", Partition: 1, Offset: 77, Rows: 1, Value: "boom"}
	for range defectTries {
		before.defects.met(one)
		if err := before.keepPoison(); err != nil {
			t.Fatal(err)
		}
	}
	after := &Node{cfg: before.cfg}
	if err := after.loadPoison(); err != nil {
		t.Fatal(err)
	}
	if len(after.defects.poison) != 1 || !maps.Equal(after.defects.poison, before.defects.poison) {
		t.Errorf("a process leaves out %v, and the next one %v", before.defects.poison, after.defects.poison)
	}
	if after.defects.met(one) {
		t.Error("a record that is left out panicked, and it was tried again")
	}
}
