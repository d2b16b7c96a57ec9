package model

import (
	"math"
	"math/rand/v2"
)

// Simulate draws n customers of the model, each watched for so long; the same seed gives the same customers. Their Z is
// drawn from spends, where it is not nil.
func (m BGNBD) Simulate(seed uint64, n int, watched float64, spends *GammaGamma) []Customer {
	r := rand.New(rand.NewPCG(seed, 0x6e6167617265))
	out := make([]Customer, n)
	for i := range out {
		c := &out[i]
		c.T = watched
		rate := gamma(r, m.R) / m.Alpha
		leave := gamma(r, m.A)
		leave /= leave + gamma(r, m.B)
		for t := r.ExpFloat64() / rate; t <= watched; t += r.ExpFloat64() / rate {
			c.X++
			c.TX = t
			if r.Float64() < leave {
				break
			}
		}
		if spends != nil && c.X > 0 {
			c.Z = gamma(r, spends.P*float64(c.X)) / float64(c.X) / (gamma(r, spends.Q) / spends.V)
		}
	}
	return out
}

// gamma draws from the gamma distribution of a shape and rate 1 (Marsaglia, Tsang, "A Simple Method for Generating Gamma
// Variables", ACM TOMS 26, 2000).
func gamma(r *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(1-r.Float64(), 1/shape)
	}
	d := shape - 1./3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if math.Log(1-r.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
