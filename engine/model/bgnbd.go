package model

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Customer is what a model learns from: X repeat purchases (all but the first), the last of them TX after the
// first (0 where there is none), watched for T since the first, with Z the mean value of the repeat purchases.
// TX and T are in one unit of time, which the model then has.
type Customer struct {
	X        int64
	TX, T, Z float64
}

// Valid says what is wrong with a customer, as models of purchases need it.
func (c Customer) Valid() error {
	switch {
	case c.X < 0:
		return fmt.Errorf("x is %d: the number of repeat purchases is 0 or more", c.X)
	case !(c.T >= 0) || math.IsInf(c.T, 0):
		return fmt.Errorf("T is %v: the time watched is 0 or more", c.T)
	case !(c.TX >= 0 && c.TX <= c.T):
		return fmt.Errorf("t_x is %v: the last purchase lies between 0 and T, %v", c.TX, c.T)
	case c.X == 0 && c.TX != 0:
		return fmt.Errorf("t_x is %v without a repeat purchase, and has to be 0", c.TX)
	}
	return nil
}

// BGNBD is the beta-geometric/NBD model: purchases of a customer come at random at a rate of their own, gamma
// distributed with shape R and rate Alpha (a time), and after each they leave for good with a probability of their own,
// beta distributed with A and B. Source of all formulas: Fader, Hardie, Lee, "Counting Your Customers the Easy Way: An
// Alternative to the Pareto/NBD Model", Marketing Science 24 (2005).
type BGNBD struct {
	R     float64 `json:"r"`
	Alpha float64 `json:"alpha"`
	A     float64 `json:"a"`
	B     float64 `json:"b"`
}

// Names is the names of the parameters.
func (BGNBD) Names() []string { return []string{"r", "alpha", "a", "b"} }

// Numbers is the parameters, in the order of Names.
func (m BGNBD) Numbers() []float64 { return []float64{m.R, m.Alpha, m.A, m.B} }

func bgnbdOf(v []float64) BGNBD { return BGNBD{v[0], v[1], v[2], v[3]} }

// dead is the odds that the customer has left, against being still there: 0 without a repeat purchase, since one leaves
// after a purchase only.
func (m BGNBD) dead(c Customer) float64 {
	if c.X == 0 {
		return 0
	}
	x := float64(c.X)
	return m.A / (m.B + x - 1) * math.Exp((m.R+x)*(math.Log(m.Alpha+c.T)-math.Log(m.Alpha+c.TX)))
}

// Alive is the probability that the customer still buys.
func (m BGNBD) Alive(c Customer) float64 { return 1 / (1 + m.dead(c)) }

// Expected is how many purchases the customer is expected to make in the next t.
func (m BGNBD) Expected(c Customer, t float64) float64 {
	x := float64(c.X)
	return m.purchases(m.R+x, m.B+x, m.Alpha+c.T, t) / (1 + m.dead(c))
}

// ExpectedOfNew is how many repeat purchases somebody makes in t since the first one.
func (m BGNBD) ExpectedOfNew(t float64) float64 { return m.purchases(m.R, m.B, m.Alpha, t) }

// purchases is (a+b-1)/(a-1) (1 - (α/(α+t))^r 2F1(r, b; a+b-1; t/(α+t))). By Euler's transformation the power and the
// function are (1-z)^(a-1) 2F1(a+b-1-r, a-1; a+b-1; z), whose terms stay small where r and b are large. At a = 1 both
// factors vanish: their limit is taken from both sides.
func (m BGNBD) purchases(r, b, alpha, t float64) float64 {
	const near = 1e-6
	if math.Abs(m.A-1) < near {
		below, above := m, m
		below.A, above.A = 1-2*near, 1+2*near
		return (below.purchases(r, b, alpha, t) + above.purchases(r, b, alpha, t)) / 2
	}
	if t <= 0 {
		return 0
	}
	z, c := t/(alpha+t), m.A+b-1
	if c > 0 {
		if v := c / (m.A - 1) * (1 - math.Pow(1-z, m.A-1)*hypergeometric(c-r, m.A-1, c, z)); !math.IsNaN(v) {
			return v
		}
	}
	return m.integral(r, b, alpha, t)
}

// integral is purchases where the series has no end or no beginning (a+b < 1): the mean of (1/p) (1 - (α/(α+pt))^r) over
// the probability p of leaving, beta distributed, by the rule of tanh-sinh.
func (m BGNBD) integral(r, b, alpha, t float64) float64 {
	logBeta := lgamma(m.A) + lgamma(b) - lgamma(m.A+b)
	const step = 1. / 64
	var sum float64
	for k := -6. / step; k <= 6/step; k++ {
		u := k * step
		s := math.Pi / 2 * math.Sinh(u)
		// p = 1/(1+exp(-2s)), both ends kept exact by their logarithms
		logP, logQ := -math.Log1p(math.Exp(-2*s)), -math.Log1p(math.Exp(2*s))
		p := math.Exp(logP)
		var each float64
		if p*t/alpha < 1e-9 {
			each = r * t / alpha
		} else {
			each = -math.Expm1(-r*math.Log1p(p*t/alpha)) / p
		}
		sum += step * math.Pi * math.Cosh(u) * each * math.Exp(m.A*logP+b*logQ-logBeta)
	}
	return sum
}

// LogLikelihood is that of the customers, without what does not depend on the parameters, as the paper has it.
func (m BGNBD) LogLikelihood(customers []Customer) (float64, error) {
	d, err := bgnbdData(customers)
	if err != nil {
		return 0, err
	}
	return -d.loss(logs(m.Numbers()), make([]float64, 4)), nil
}

// FitBGNBD fits the model by maximum likelihood. It has an error where customers are not valid, or do not determine the
// parameters.
func FitBGNBD(customers []Customer) (BGNBD, *Fit, error) {
	d, err := bgnbdData(customers)
	if err != nil {
		return BGNBD{}, nil, err
	}
	if d.repeats == 0 {
		return BGNBD{}, nil, errors.New("no customer has bought a second time: there is nothing to learn from")
	}
	fit, err := maximize(BGNBD{}.Names(), d.loss, logs([]float64{1, d.watched / float64(len(customers)), 1, 2}))
	if err != nil {
		return BGNBD{}, nil, err
	}
	fit.Customers = len(customers)
	return bgnbdOf(fit.Values()), fit, nil
}

// purchaseData is customers as the likelihood needs them: those that are equal once.
type purchaseData struct {
	of      []Customer
	times   []float64 // how many are equal
	byX     []tally   // ascending
	all     float64
	watched float64
	repeats int64
}

// A tally is how many customers have so many repeat purchases.
type tally struct{ x, n float64 }

func bgnbdData(customers []Customer) (*purchaseData, error) {
	d := &purchaseData{all: float64(len(customers))}
	sorted := make([]Customer, len(customers))
	for i, c := range customers {
		if err := c.Valid(); err != nil {
			return nil, fmt.Errorf("customer %d: %w", i+1, err)
		}
		c.Z = 0
		sorted[i] = c
		d.watched += c.T
		d.repeats += min(c.X, 1)
	}
	slices.SortFunc(sorted, func(a, b Customer) int {
		return cmp.Or(cmp.Compare(a.X, b.X), cmp.Compare(a.T, b.T), cmp.Compare(a.TX, b.TX))
	})
	for i, c := range sorted {
		if i == 0 || c != sorted[i-1] {
			d.of, d.times = append(d.of, c), append(d.times, 0)
		}
		d.times[len(d.times)-1]++
		if n := len(d.byX); n == 0 || d.byX[n-1].x != float64(c.X) {
			d.byX = append(d.byX, tally{x: float64(c.X)})
		}
		d.byX[len(d.byX)-1].n++
	}
	return d, nil
}

// loss is the negative logarithm of the likelihood at the logarithms of the parameters, and its gradient by them.
func (d *purchaseData) loss(theta, grad []float64) float64 {
	m := bgnbdOf(exps(theta))
	sum := parallel(len(d.of), 5, func(from, to int, out []float64) {
		for i := from; i < to; i++ {
			c, n := d.of[i], d.times[i]
			x := float64(c.X)
			watched := math.Log(m.Alpha + c.T)
			stays := -(m.R + x) * watched
			if c.X == 0 {
				out[0] += n * stays
				out[1] -= n * watched
				out[2] -= n * m.R / (m.Alpha + c.T)
				continue
			}
			last := math.Log(m.Alpha + c.TX)
			leaves := math.Log(m.A/(m.B+x-1)) - (m.R+x)*last
			most := max(stays, leaves)
			es, el := math.Exp(stays-most), math.Exp(leaves-most)
			w := el / (es + el)
			out[0] += n * (most + math.Log(es+el))
			out[1] -= n * ((1-w)*watched + w*last)
			out[2] -= n * (m.R + x) * ((1-w)/(m.Alpha+c.T) + w/(m.Alpha+c.TX))
			out[3] += n * w / m.A
			out[4] -= n * w / (m.B + x - 1)
		}
	})
	for _, t := range d.byX {
		sum[0] += t.n * (lgamma(m.R+t.x) + lgamma(m.B+t.x) - lgamma(m.A+m.B+t.x))
		both := digamma(m.A + m.B + t.x)
		sum[1] += t.n * digamma(m.R+t.x)
		sum[3] -= t.n * both
		sum[4] += t.n * (digamma(m.B+t.x) - both)
	}
	logAlpha, both := math.Log(m.Alpha), digamma(m.A+m.B)
	sum[0] += d.all * (m.R*logAlpha - lgamma(m.R) + lgamma(m.A+m.B) - lgamma(m.B))
	sum[1] += d.all * (logAlpha - digamma(m.R))
	sum[2] += d.all * m.R / m.Alpha
	sum[3] += d.all * both
	sum[4] += d.all * (both - digamma(m.B))
	for i, v := range []float64{m.R, m.Alpha, m.A, m.B} {
		grad[i] = -sum[1+i] * v
	}
	return -sum[0]
}
