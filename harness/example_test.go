package harness_test

import (
	"testing"

	"github.com/nagare-stream/nagare/harness"
)

// Trips of bikes go in, and what was put back in a quarter of an hour comes out.
func testReturns(t *testing.T) {
	env := harness.New(t, harness.Project("example/bikes"), harness.Partitions(1))
	env.Publish("trips",
		`{"trip": "t1", "bike": "b1", "station": "dock", "ended": "2026-03-01T12:01:00Z", "minutes": 10}`,
		`{"trip": "t2", "bike": "b2", "station": "dock", "ended": "2026-03-01T12:14:59Z", "minutes": 20}`,
		`{"trip": "t3", "bike": "b1", "station": "hill", "ended": "2026-03-01T12:17:00Z", "minutes": 5}`)
	env.WaitWatermark("12:15:00Z")

	type returns struct {
		Station     string
		Trips       int
		MeanMinutes float64
	}
	rows := harness.Rows[returns](env, "returns_by_station")
	if len(rows) != 1 || rows[0] != (returns{"dock", 2, 15}) {
		t.Errorf("the quarter of an hour has %v", rows)
	}
}

func Example() {
	// In a file of yours it is func TestReturns(t *testing.T), and go test runs it.
	_ = testReturns
}
