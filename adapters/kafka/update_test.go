package kafka_test

import (
	"context"
	"testing"

	"github.com/nagare-stream/nagare/adapters/kafka"
)

// TestSinkUpdates: rows of open windows go before the final ones and beside them, and their lack of numbers
// disturbs those of the others.
func TestSinkUpdates(t *testing.T) {
	onEach(t, func(t *testing.T, hosts []string) {
		name := fresh(t)
		c := open(t, kafka.Config{Hosts: hosts, Name: name}) // whose numbers no other test has committed
		ctx := context.Background()
		s := sink(t, c, name, "a")
		update := func(from, to int) {
			t.Helper()
			if err := s.Update(ctx, rows(9, from, to)); err != nil {
				t.Fatal(err)
			}
		}
		update(0, 3) // in a transaction of their own
		if err := s.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		update(3, 5) // and in one with final rows
		deliver(t, s, rows(0, 0, 10))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = sink(t, c, name, "a")
		deliver(t, s, rows(0, 0, 10), rows(0, 10, 20))
		got := values(t, c, name)
		updates := map[string]bool{"9/0": true, "9/1": true, "9/2": true, "9/3": true, "9/4": true}
		for value := range updates {
			if got[value] != 1 {
				t.Errorf("the open row %s is there %d times", value, got[value])
			}
			delete(got, value)
		}
		once(t, got, 20)
	})
}
