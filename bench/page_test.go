package bench

import (
	"slices"
	"strings"
	"testing"
)

// TestPageCostByEvents counts events at the price that they have while nobody looks.
func TestPageCostByEvents(t *testing.T) {
	for _, c := range []struct {
		look          PageLook
		first, second float64
	}{
		{PageLook{Alone: Spent{50, 1000}, With: Spent{53, 1000}, WithTwo: Spent{54, 1000}}, 3, 1},
		{PageLook{Alone: Spent{50, 1000}, With: Spent{53, 1040}, WithTwo: Spent{51, 960}}, 1, 2},
		{PageLook{Alone: Spent{0.25, 0}, With: Spent{1.25, 0}, WithTwo: Spent{1.25, 0}}, 1, 0},
	} {
		if first, second := c.look.costs(); first != c.first || second != c.second {
			t.Errorf("%+v: %v and %v, want %v and %v", c.look, first, second, c.first, c.second)
		}
	}
	if got, want := lookCostOf([]float64{9, 1, 3, 2, 4}), (LookCost{Spread{3, 1, 9, 5}, [2]float64{2, 4}}); got != want {
		t.Errorf("of five rounds %+v, want %+v", got, want)
	}
}

// TestOverviewPolls reads what the overview reads of charts of each kind.
func TestOverviewPolls(t *testing.T) {
	got := pollsOf([]pageChart{{"sales", "time"}, {"top products", "ranked"}, {"anomalies", "rows"}, {"scores", "bars"}, {"v", "table"}})
	want := []poll{
		{"/api/tables/sales?open=true&limit=120&maxAge=900&format=cells", 1},
		{"/api/tables/top%20products?open=true&limit=500&maxAge=2900&format=cells", 3},
		{"/api/tables/anomalies?limit=60&maxAge=900&format=cells", 1},
		{"/api/tables/scores?limit=1000&maxAge=4900&format=cells", 5},
		{"/api/tables/v?open=true&limit=200&maxAge=2900&format=cells", 3},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPageReport(t *testing.T) {
	r := PageResult{Machine: Machine{Cores: 2, OS: "linux", Arch: "amd64"}, Project: "purchases", Window: 5, Clients: 64, Stalled: 8, Slow: 500, Rate: 50_000,
		Intake:  []PageIntake{{Alone: 1000, With: 960, NanosAlone: 100, NanosWith: 101, residentAlone: 100e6, residentWith: 110e6}},
		Updates: [2]int64{9, 10}, Looks: []PageLook{{Spent{50, 40_000}, Spent{52, 40_000}, Spent{52.5, 40_000}, 20}}}
	r.compare()
	r.compareLooks()
	var out strings.Builder
	if err := r.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"64 clients that follow updates, 8 of them take nothing, and 500 connections",
		"0.960 (0.96 – 0.96) of 1 pairs, goal 0.95 met",
		"1.010  processor time an event, with them to without",
		"100 MB  memory at the end of windows without them",
		"110 MB  with them",
		"2.00  % of a core for one client, by events read              (half of 1 rounds 2.00 – 2.00, all 2.00 – 2.00)",
		"0.50  % of a core for a second one beside it                  (half of 1 rounds 0.50 – 0.50",
		"goal 3 % met",
		"the machine gave 40,000 events/s only",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
