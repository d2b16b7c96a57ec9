package harness_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/nagare-stream/nagare/harness"
)

const bikes = "example/bikes"

// trip is a trip as a dock tells it.
type trip struct {
	Trip    string  `json:"trip"`
	Bike    string  `json:"bike"`
	Station string  `json:"station"`
	Ended   string  `json:"ended"`
	Minutes int     `json:"minutes"`
	Fare    string  `json:"fare"`
	Member  *string `json:"member"`
}

func ride(n int, station, clock string, minutes int) trip {
	return trip{Trip: fmt.Sprintf("t%d", n), Bike: fmt.Sprintf("b%d", n%7), Station: station, Ended: "2026-03-01T" + clock + "Z", Minutes: minutes, Fare: "2.50", Member: new("m1")}
}

func TestPublishedRowsComeOut(t *testing.T) {
	t.Parallel()
	env := harness.New(t, harness.Project(bikes), harness.Partitions(1))
	env.Publish("trips", ride(1, "dock", "12:01:00", 10), ride(2, "dock", "12:14:59", 20), ride(3, "hill", "12:10:00", 200))
	env.Publish("trips", ride(4, "dock", "12:18:00", 5))
	env.WaitWatermark("12:15:00Z")

	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	want := []harness.Row{
		{"window_start": at, "window_end": at.Add(15 * time.Minute), "station": "dock", "trips": int64(2), "mean_minutes": 15.0, "fares": "5.00", "members": int64(1)},
		{"window_start": at, "window_end": at.Add(15 * time.Minute), "station": "hill", "trips": int64(1), "mean_minutes": 200.0, "fares": "2.50", "members": int64(1)},
	}
	if d := cmp.Diff(want, env.Table("returns_by_station")); d != "" {
		t.Errorf("the rows differ (-want +got):\n%s", d)
	}

	type returns struct {
		WindowStart time.Time
		Stop        string   `nagare:"station"`
		Trips       uint8    `json:"trips"`
		Fares       *big.Rat `json:"fares"`
		Members     *int
	}
	two := 1
	typed := []returns{{at, "dock", 2, big.NewRat(5, 1), &two}, {at, "hill", 1, big.NewRat(5, 2), &two}}
	same := cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })
	if d := cmp.Diff(typed, harness.Rows[returns](env, "returns_by_station"), same); d != "" {
		t.Errorf("the structs differ (-want +got):\n%s", d)
	}
	if got := env.Query("SELECT count(*) AS n, sum(trips) AS trips FROM returns_by_station"); got[0]["n"] != int64(2) || got[0]["trips"] != int64(3) {
		t.Errorf("the query gives %v", got)
	}
	out := env.Topic("overdue-trips")
	if len(out) != 1 || string(out[0].Key) != "b3" || !strings.Contains(string(out[0].Value), `"trip":"t3"`) {
		t.Errorf("the sink has %v", out)
	}
	if c := env.Ledger().Topics["trips"]; c.Read != 4 || c.Counted != 4 {
		t.Errorf("the ledger says %+v", c)
	}
}

func TestTheExample(t *testing.T) { testReturns(t) }
