package grade

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNABScoring compares with sums made by hand. The benchmark's sigmoid is tanh(-2.5 x).
func TestNABScoring(t *testing.T) {
	s := series{name: "a"}
	for i := range 100 {
		s.times = append(s.times, time.Unix(int64(i)*300, 0))
	}
	s.windows = [][2]time.Time{{s.times[50], s.times[59]}, {s.times[90], s.times[94]}}
	inFirst := func(i int) float64 { return math.Tanh(0.25*float64(60-i)) / math.Tanh(2.5) }
	behindFirst := func(i int) float64 { return -0.11 * math.Tanh(2.5*float64(i-59)/9) }
	for _, c := range []struct {
		what string
		told map[int]float64
		at   float64
		want float64
	}{
		{"nothing", nil, 0.5, -2},
		{"both at once", map[int]float64{50: 1, 90: 1}, 0.5, 2},
		{"the earliest of a window counts", map[int]float64{54: 1, 57: 1, 52: 0.4}, 0.5, inFirst(54) - 1},
		{"a lower threshold takes more", map[int]float64{54: 1, 57: 1, 52: 0.4}, 0.3, inFirst(52) - 1},
		{"a threshold is not enough itself", map[int]float64{54: 0.5}, 0.5, -2},
		{"the first 15 do not count", map[int]float64{14: 1, 3: 1}, 0.5, -2},
		{"false before any window", map[int]float64{15: 1, 49: 1}, 0.5, -2 - 0.22},
		{"late is half false", map[int]float64{60: 1, 64: 1}, 0.5, -2 + behindFirst(60) + behindFirst(64)},
		{"far behind is false", map[int]float64{88: 1}, 0.5, -2 - 0.11},
	} {
		scores := make([]float64, 100)
		for i, score := range c.told {
			scores[i] = score
		}
		sum := &scoring{profile: profile{TP: 1, FP: 0.11, FN: 1}}
		sum.add(&s, scores)
		all := sum.sweep()
		if got := above(all, c.at); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v: want %v", c.what, got, c.want)
		}
		if best := optimum(all); best.score < c.want-1e-12 || all[0].score != -2 {
			t.Errorf("%s: the best threshold gives %v, none %v: want at least %v, and -2", c.what, best.score, all[0].score, c.want)
		}
	}
}

// TestNABSeriesGoThroughTheRule: in a small corpus of the benchmark's form the shipped SQL finds a spike as it comes, and a
// detector that has told of every record is the control.
func TestNABSeriesGoThroughTheRule(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var data, scores strings.Builder
	data.WriteString("timestamp,value\n")
	scores.WriteString("timestamp,value,anomaly_score,label\n")
	at := time.Date(2014, 4, 1, 0, 0, 0, 0, time.UTC)
	for i := range 100 {
		value := []string{"-1e-05", "1e-05", "0.00002"}[i%3]
		if i == 50 {
			value = "-0.004"
		}
		when := at.Add(time.Duration(i) * 5 * time.Minute).Format(time.DateTime)
		fmt.Fprintf(&data, "%s,%s\n", when, value)
		fmt.Fprintf(&scores, "%s,%s,1.0,0\n", when, value)
	}
	write("data/made/up.csv", data.String())
	write("labels/combined_windows.json", `{"made/up.csv": [["2014-04-01 04:10:00.000000", "2014-04-01 04:55:00.000000"]]}`)
	write("config/profiles.json", `{"standard": {"CostMatrix": {"tpWeight": 1.0, "fnWeight": 1.0, "fpWeight": 0.11, "tnWeight": 1.0}}}`)
	write("results/windowedGaussian/made/windowedGaussian_up.csv", scores.String())
	write("results/final_results.json", `{"windowedGaussian": {"standard": 12.5}}`)
	r, err := NAB{Project: shipped(t), Dir: dir, Threshold: 6}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Series != 1 || r.Records != 100 || r.Windows != 1 || len(r.Profiles) != 1 {
		t.Fatalf("the corpus is %+v: want one series of 100 records and one window", r)
	}
	p := r.Profiles[0]
	if p.Score != 100 || p.AsIs != 100 || p.Threshold < 6 || p.Published != 12.5 || p.Control > 0 {
		t.Errorf("%+v: want 100, and no more than 0 for who is always wrong", p)
	}
	if err := os.Remove(filepath.Join(dir, "labels", "combined_windows.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := (NAB{Project: shipped(t), Dir: dir}).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "it has no labels/combined_windows.json") {
		t.Errorf("a folder without labels gives %v", err)
	}
}

// TestNABScoresAsPublished: with the benchmark's own data, the scores that its windowed Gaussian has told of come to what
// it has published, in each profile.
func TestNABScoresAsPublished(t *testing.T) {
	dir := os.Getenv("NAGARE_TEST_NAB")
	if dir == "" {
		t.Skip("set NAGARE_TEST_NAB to a checkout of https://github.com/numenta/NAB; it takes some minutes")
	}
	r, err := NAB{Project: shipped(t), Dir: dir, Threshold: 6}.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r.Series != 58 || r.Windows != 116 || len(r.Profiles) != 3 {
		t.Errorf("the corpus has %d series, %d windows and %d profiles: want 58, 116 and 3", r.Series, r.Windows, len(r.Profiles))
	}
	for _, p := range r.Profiles {
		if math.Abs(p.Control-p.Published) > 1e-6 {
			t.Errorf("%s: the windowed Gaussian comes to %v: the benchmark has %v", p.Profile, p.Control, p.Published)
		}
	}
}
