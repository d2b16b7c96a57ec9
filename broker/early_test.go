package broker_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/nagare-stream/nagare/broker"
)

// rowsAt is how many numbered rows two topics' partitions hold: "made" can be made again, "given" cannot.
type rowsAt struct{ made, given [2]int64 }

// appendSome appends to some partitions, and waits as a sink does.
func appendSome(t *testing.T, b *broker.Broker, rng *rand.Rand, at *rowsAt, given bool) {
	t.Helper()
	for n := range int32(2) {
		w, err := b.RowWriter("made", "p")
		if err != nil {
			t.Fatal(err)
		}
		to := &at.made[n]
		if given {
			w, to = writerOf(t, b, "given", "p"), &at.given[n]
		}
		for range rng.IntN(8) {
			if err := w.AppendAsync(t.Context(), n, numbered(int(*to), 20), *to, uint64(*to)); err != nil {
				t.Fatal(err)
			}
			*to += 20
		}
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPowerCutTakesOnlyWhatIsMadeAgain: rows that can be made again are not synced by themselves. A kill takes none
// that were acknowledged; a power cut, whatever it leaves of the files, none of before the last Sync, and of the
// others the newest: the start meets no damage, and their producer goes on where the log ends.
func TestPowerCutTakesOnlyWhatIsMadeAgain(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(21, 22))
	b := openBroker(t, broker.Config{Dir: dir, Gather: 1, Remade: func(topic string) bool { return topic == "made" }})
	createTopic(t, b, broker.TopicConfig{Name: "made", Partitions: 2})
	createTopic(t, b, broker.TopicConfig{Name: "given", Partitions: 2})
	files := sizes(t, dir)
	var at, synced rowsAt
	var ends []broker.LogState
	cuts, lost := 0, int64(0)
	for round := range 40 {
		appendSome(t, b, rng, &at, round%3 == 1)
		if round%4 == 2 {
			ends = b.Ends() // as a checkpoint does
			if err := b.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
			synced = at
		}
		appendSome(t, b, rng, &at, round%5 == 3)
		killed, cut := filepath.Join(t.TempDir(), "killed"), filepath.Join(t.TempDir(), "cut")
		for _, to := range []string{killed, cut} {
			if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
		}
		reopen(t, killed, ends, at, at)
		cuts += cutPower(t, cut, files, rng)
		lost += reopen(t, cut, ends, rowsAt{synced.made, at.given}, at)
		if round%7 == 6 {
			if err := b.SyncAll(); err != nil {
				t.Fatal(err)
			}
			files, synced = sizes(t, dir), at
		}
	}
	if cuts < 40 || lost == 0 {
		t.Errorf("%d blocks were cut, and %d rows lost: the test shows little", cuts, lost)
	}
}

// reopen opens a folder that holds at least some rows and at most others, and has the rest made again. It returns how
// many were lost.
func reopen(t *testing.T, dir string, ends []broker.LogState, least, most rowsAt) (lost int64) {
	t.Helper()
	b, err := broker.Open(context.Background(), broker.Config{Dir: dir, Expect: ends, Remade: func(topic string) bool { return topic == "made" }})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	check := func(topic string, n int32, least, most int64) int64 {
		got, err := readNumbered(b, topic, n)
		if err != nil || int64(got) < least || int64(got) > most {
			t.Fatalf("%s %d has %d records, want %d to %d: %v", topic, n, got, least, most, err)
		}
		return int64(got)
	}
	for n := range int32(2) {
		check("given", n, least.given[n], most.given[n])
		got := check("made", n, least.made[n], most.made[n])
		lost += most.made[n] - got
		w, err := b.RowWriter("made", "p")
		if err != nil {
			t.Fatal(err)
		}
		if last, err := w.Last(t.Context(), n); err != nil || last != got {
			t.Fatalf("the producer of partition %d is at %d, want %d: %v", n, last, got, err)
		}
		if _, err := w.Append(t.Context(), n, numbered(0, int(most.made[n])), 0); err != nil {
			t.Fatal(err)
		}
		check("made", n, most.made[n], most.made[n])
	}
	return lost
}
