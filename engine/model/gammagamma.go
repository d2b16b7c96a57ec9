package model

import (
	"errors"
	"fmt"
	"math"
)

// GammaGamma is the gamma-gamma model of what customers spend: the values of a customer's purchases are gamma
// distributed with shape P and a rate of the customer's own, which is gamma distributed with shape Q and rate V (money).
// How often a customer buys has no part in it. Source: Fader, Hardie, "The Gamma-Gamma Model of Monetary Value" (2013).
type GammaGamma struct {
	P float64 `json:"p"`
	Q float64 `json:"q"`
	V float64 `json:"v"`
}

// Names is the names of the parameters.
func (GammaGamma) Names() []string { return []string{"p", "q", "v"} }

// Numbers is the parameters, in the order of Names.
func (m GammaGamma) Numbers() []float64 { return []float64{m.P, m.Q, m.V} }

func gammaGammaOf(v []float64) GammaGamma { return GammaGamma{v[0], v[1], v[2]} }

// Mean is the value that a purchase of somebody unknown is expected to have; +Inf where Q ≤ 1: the model has no mean.
func (m GammaGamma) Mean() float64 {
	if m.Q <= 1 {
		return math.Inf(1)
	}
	return m.P * m.V / (m.Q - 1)
}

// Value is the mean value that the customer's purchases are expected to have: that of all, moved towards the customer's
// own with each purchase.
func (m GammaGamma) Value(x int64, z float64) float64 {
	if x <= 0 {
		return m.Mean()
	}
	n := m.P * float64(x)
	if n+m.Q <= 1 {
		return math.Inf(1)
	}
	return m.P * (m.V + float64(x)*z) / (n + m.Q - 1)
}

// LogLikelihood is that of the customers with repeat purchases.
func (m GammaGamma) LogLikelihood(customers []Customer) (float64, error) {
	d, err := spendData(customers)
	if err != nil {
		return 0, err
	}
	return -d.loss(logs(m.Numbers()), make([]float64, 3)), nil
}

// FitGammaGamma fits the model by maximum likelihood to the customers with repeat purchases. It has an error where their
// values are not above 0, or do not determine the parameters.
func FitGammaGamma(customers []Customer) (GammaGamma, *Fit, error) {
	d, err := spendData(customers)
	if err != nil {
		return GammaGamma{}, nil, err
	}
	if len(d.x) < 2 {
		return GammaGamma{}, nil, errors.New("fewer than two customers have bought a second time: there is nothing to learn from")
	}
	var mean float64
	for _, z := range d.z {
		mean += z / float64(len(d.z))
	}
	fit, err := maximize(GammaGamma{}.Names(), d.loss, logs([]float64{2, 3, mean}))
	if err != nil {
		return GammaGamma{}, nil, err
	}
	fit.Customers = len(d.x)
	return gammaGammaOf(fit.Values()), fit, nil
}

// spending is the customers with repeat purchases: how many, and their mean value.
type spending struct{ x, z, logX, logZ []float64 }

func spendData(customers []Customer) (*spending, error) {
	d := &spending{}
	for i, c := range customers {
		switch {
		case c.X == 0:
			continue
		case c.X < 0:
			return nil, fmt.Errorf("customer %d: %w", i+1, c.Valid())
		case !(c.Z > 0) || math.IsInf(c.Z, 0):
			return nil, fmt.Errorf("customer %d: zbar is %v: the mean value of repeat purchases is above 0", i+1, c.Z)
		}
		x := float64(c.X)
		d.x, d.z = append(d.x, x), append(d.z, c.Z)
		d.logX, d.logZ = append(d.logX, math.Log(x)), append(d.logZ, math.Log(c.Z))
	}
	return d, nil
}

func (d *spending) loss(theta, grad []float64) float64 {
	m := gammaGammaOf(exps(theta))
	logV := math.Log(m.V)
	sum := parallel(len(d.x), 4, func(from, to int, out []float64) {
		for i := from; i < to; i++ {
			x, z := d.x[i], d.z[i]
			n := m.P * x
			all := math.Log(m.V + x*z)
			both := digamma(n + m.Q)
			out[0] += lgamma(n+m.Q) - lgamma(n) + (n-1)*d.logZ[i] + n*d.logX[i] - (n+m.Q)*all
			out[1] += x * (both - digamma(n) + d.logZ[i] + d.logX[i] - all)
			out[2] += both - all
			out[3] -= (n + m.Q) / (m.V + x*z)
		}
	})
	n := float64(len(d.x))
	sum[0] += n * (m.Q*logV - lgamma(m.Q))
	sum[2] += n * (logV - digamma(m.Q))
	sum[3] += n * m.Q / m.V
	for i, v := range []float64{m.P, m.Q, m.V} {
		grad[i] = -sum[1+i] * v
	}
	return -sum[0]
}
