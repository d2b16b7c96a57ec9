package model_test

import (
	"encoding/csv"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/engine/model"
)

// cdnow is the customers of testdata/cdnow/summary.csv; see its README. The numbers to compare with are those of lifetimes
// 0.11.3, which a likelihood of one's own in scipy gives too.
func cdnow(t testing.TB) []model.Customer {
	t.Helper()
	f, err := os.Open("../../testdata/cdnow/summary.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []model.Customer
	for _, row := range rows[1:] {
		n := make([]float64, len(row))
		for i, text := range row {
			if n[i], err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, model.Customer{X: int64(n[1]), TX: n[2], T: n[3], Z: n[4]})
	}
	if len(all) != 2357 {
		t.Fatalf("%d customers", len(all))
	}
	return all
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s is %.9g, want %.9g", what, got, want)
	}
}

// The models that lifetimes fitted to CDNOW. Their numbers have six digits behind the point, which is why what follows from
// them has not always.
var (
	often  = model.BGNBD{R: 0.242593, Alpha: 4.413532, A: 0.792886, B: 2.425752}
	spends = model.GammaGamma{P: 6.248802, Q: 3.744588, V: 15.447748}
)

func TestBGNBDFitsCDNOW(t *testing.T) {
	m, fit, err := model.FitBGNBD(cdnow(t))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "r", m.R, 0.242593, 1e-6)
	near(t, "alpha", m.Alpha, 4.413531, 1e-5)
	near(t, "a", m.A, 0.792886, 1e-5)
	near(t, "b", m.B, 2.425752, 1e-5)
	near(t, "the log-likelihood", fit.LogLikelihood, -9582.425561, 1e-6)
	for i, want := range []float64{0.012557, 0.378221, 0.185719, 0.705345} {
		near(t, "the standard error of "+fit.Parameters[i].Name, fit.Parameters[i].Error, want, 1e-4*want+1e-5)
	}
	if fit.Customers != 2357 {
		t.Errorf("it says that it was fitted to %d customers", fit.Customers)
	}
}

func TestGammaGammaFitsCDNOW(t *testing.T) {
	m, fit, err := model.FitGammaGamma(cdnow(t))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "p", m.P, 6.248803, 2e-5)
	near(t, "q", m.Q, 3.744588, 1e-5)
	near(t, "v", m.V, 15.447745, 1e-4)
	near(t, "the log-likelihood", fit.LogLikelihood, -4055.923243, 1e-6)
	near(t, "the mean of all", m.Mean(), 35.171002, 1e-4)
	for i, want := range []float64{1.189687, 0.290166, 4.159994} {
		near(t, "the standard error of "+fit.Parameters[i].Name, fit.Parameters[i].Error, want, 1e-4*want)
	}
	if fit.Customers != 946 {
		t.Errorf("it says that it was fitted to %d customers", fit.Customers)
	}
}

func TestPredictionsForCDNOW(t *testing.T) {
	all := cdnow(t)
	for _, want := range []struct {
		id                         int
		year, quarter, alive, mean float64
	}{
		{1, 1.225910, 0.424066, 0.726609, 24.658616},
		{2, 0.203251, 0.069245, 0.212227, 18.911480},
		{3, 0.194781, 0.064642, 1.000000, 35.171002},
		{1516, 20.750570, 7.704556, 0.968920, 39.890277},
		{2356, 3.488122, 1.271128, 0.865850, 33.503139},
		{157, 20.053665, 7.287427, 0.969134, 26.392948},
	} {
		c := all[want.id-1]
		id := "customer " + strconv.Itoa(want.id) + ": "
		near(t, id+"E[Y(39)]", often.Expected(c, 39), want.year, 5e-7)
		near(t, id+"E[Y(12)]", often.Expected(c, 12), want.quarter, 5e-7)
		near(t, id+"P alive", often.Alive(c), want.alive, 5e-7)
		near(t, id+"E[M]", spends.Value(c.X, c.Z), want.mean, 4e-6)
	}
	var year, alive float64
	for _, c := range all {
		year += often.Expected(c, 39)
		alive += often.Alive(c) / float64(len(all))
	}
	near(t, "the sum of E[Y(39)]", year, 1653.423283, 5e-5)
	near(t, "the mean of P alive", alive, 0.813439, 5e-7)
	near(t, "E[X(1)]", often.ExpectedOfNew(1), 0.053185, 5e-7)
	near(t, "E[X(39)]", often.ExpectedOfNew(39), 1.195016, 1e-6)
	paper := model.BGNBD{R: .243, Alpha: 4.414, A: .793, B: 2.426}
	near(t, "E[Y(39)] by the paper's numbers", paper.Expected(all[0], 39), 1.226028, 5e-7)
	gone := all[1900]
	near(t, "P alive of customer 1901", often.Alive(gone), 0, 5e-7)
	near(t, "E[Y(39)] of customer 1901", often.Expected(gone, 39), 0, 5e-7)
	for id, want := range map[int]float64{1: 36.278496, 2: 4.637466, 3: 8.344093, 157: 625.350034} {
		near(t, "the lifetime value of customer "+strconv.Itoa(id), model.LifetimeValue(often, spends, all[id-1], 12, 4.345, 0.01), want, 2e-4)
	}
}

// TestExpectedAgreesWithSimulation draws customers, and compares what became of those who bought as often.
func TestExpectedAgreesWithSimulation(t *testing.T) {
	const n, watched = 400_000, 60.0
	for _, m := range []model.BGNBD{often, {R: 2, Alpha: 8, A: 1, B: 3}, {R: 0.6, Alpha: 3, A: 0.3, B: 0.5}, {R: 1.5, Alpha: 9, A: 4, B: 6}} {
		var sum, squares float64
		for _, c := range m.Simulate(7, n, watched, nil) {
			sum += float64(c.X)
			squares += float64(c.X) * float64(c.X)
		}
		mean := sum / n
		sigma := math.Sqrt((squares/n - mean*mean) / n)
		if want := m.ExpectedOfNew(watched); math.Abs(mean-want) > 4*sigma {
			t.Errorf("%+v: %d customers made %.5f purchases each, and %.5f are expected (σ %.5f)", m, n, mean, want, sigma)
		}
	}
}

// TestExpectedIsSmooth: near a = 1, and where the series ends and another way begins, nothing jumps.
func TestExpectedIsSmooth(t *testing.T) {
	c := model.Customer{X: 3, TX: 12, T: 20}
	for _, a := range []float64{1 - 1e-5, 1 - 1e-7, 1, 1 + 1e-7, 1 + 1e-5} {
		m, at := often, often
		m.A, at.A = a, 1
		near(t, "E at a = "+strconv.FormatFloat(a, 'g', -1, 64), m.Expected(c, 30), at.Expected(c, 30), 1e-4)
	}
	for _, t0 := range []float64{1e-9, 1, 1e3, 1e6, 1e9} {
		if got := often.ExpectedOfNew(t0); !(got > 0) || math.IsInf(got, 0) {
			t.Errorf("E[X(%g)] is %v", t0, got)
		}
	}
	for _, m := range []model.BGNBD{{R: 0.2, Alpha: 4, A: 0.3, B: 0.5}, {R: 0.2, Alpha: 4, A: 0.45, B: 0.56}} {
		if a, b := m.ExpectedOfNew(10), m.ExpectedOfNew(10.001); !(b > a && b-a < 0.001) {
			t.Errorf("%+v: in 10 it is %v, in 10.001 %v", m, a, b)
		}
	}
}

// TestIntervalsHold: the ends of an interval are where the likelihood of the profile has fallen by 1.92.
func TestIntervalsHold(t *testing.T) {
	all := cdnow(t)
	m, fit, err := model.FitGammaGamma(all)
	if err != nil {
		t.Fatal(err)
	}
	fit.Intervals()
	for _, p := range fit.Parameters {
		if !(p.Low < p.Value && p.Value < p.High) {
			t.Errorf("%s is %v, and its interval %v to %v", p.Name, p.Value, p.Low, p.High)
		}
	}
	// The greatest likelihood with q at an end, over a fine grid of the others.
	q := fit.Parameters[1]
	for _, end := range []float64{q.Low, q.High} {
		at := model.GammaGamma{P: m.P, Q: end, V: m.V}
		best := math.Inf(-1)
		for round, width := 0, 0.9; round < 60; round, width = round+1, width*0.8 {
			for i := -3; i <= 3; i++ {
				for j := -3; j <= 3; j++ {
					try := model.GammaGamma{P: at.P * math.Exp(width*float64(i)/3), Q: end, V: at.V * math.Exp(width*float64(j)/3)}
					if l, _ := try.LogLikelihood(all); l > best {
						best, m = l, try
					}
				}
			}
			at = m
		}
		near(t, "the fall of the likelihood", fit.LogLikelihood-best, 3.841458820694124/2, 2e-3)
	}
}

func TestFitNamesWhatIsWrong(t *testing.T) {
	good := cdnow(t)
	for want, bad := range map[string]model.Customer{
		"customer 2358: x is -1":                      {X: -1, T: 3},
		"customer 2358: T is NaN":                     {T: math.NaN()},
		"customer 2358: t_x is 4":                     {X: 1, TX: 4, T: 3},
		"customer 2358: t_x is 2 without a repeat":    {TX: 2, T: 3},
		"customer 2358: t_x is -1: the last purchase": {X: 1, TX: -1, T: 3},
	} {
		if _, _, err := model.FitBGNBD(append(good[:len(good):len(good)], bad)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, and %q is expected", bad, err, want)
		}
	}
	if _, _, err := model.FitGammaGamma(append(good[:len(good):len(good)], model.Customer{X: 1, TX: 1, T: 3})); err == nil || !strings.Contains(err.Error(), "zbar is 0") {
		t.Errorf("a value of 0: %v", err)
	}
	if _, _, err := model.FitBGNBD([]model.Customer{{T: 4}, {T: 5}}); err == nil || !strings.Contains(err.Error(), "second time") {
		t.Errorf("nobody came back: %v", err)
	}
	// Everybody buys at the same pace and nobody leaves: the spread of the pace has no end.
	var same []model.Customer
	for range 500 {
		same = append(same, model.Customer{X: 20, TX: 20, T: 20})
	}
	var unsettled *model.UnsettledError
	if _, _, err := model.FitBGNBD(same); !errors.As(err, &unsettled) {
		t.Errorf("customers who are all the same: %v", err)
	}
}

func BenchmarkFitBGNBD(b *testing.B) {
	for _, n := range []int{2357, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			all := cdnow(b)
			if n != len(all) {
				all = often.Simulate(1, n, 38, nil)
			}
			for b.Loop() {
				_, fit, err := model.FitBGNBD(all)
				if err != nil {
					b.Fatal(err)
				}
				fit.Intervals()
			}
		})
	}
}
