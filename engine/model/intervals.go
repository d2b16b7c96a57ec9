package model

import "math"

// halfChi is half of the 95 % quantile of χ² with one degree of freedom.
const halfChi = 3.841458820694124 / 2

// Intervals finds the 95 % interval of each parameter by its profile likelihood: all values at which the likelihood,
// greatest over the other parameters, is less than 1.92 below the greatest (Venzon, Moolgavkar, "A Method for Computing
// Profile-Likelihood-Based Confidence Intervals", Applied Statistics 37, 1988). An end that is not within reach is 0 or
// +Inf.
func (f *Fit) Intervals() {
	for i := range f.Parameters {
		p := &f.Parameters[i]
		p.Low, p.High = f.end(i, -1), f.end(i, 1)
	}
}

// end is where the profile of a parameter has fallen by halfChi, in one direction.
func (f *Fit) end(i int, direction float64) float64 {
	warm := append([]float64(nil), f.theta...)
	// over is how far the profile lies below that fall, at a distance from the best.
	over := func(distance float64) float64 {
		warm[i] = f.theta[i] + direction*distance
		theta, least, _, err := minimize(f.names(), f.loss, warm, i)
		if err != nil {
			return math.NaN()
		}
		copy(warm, theta)
		return least + f.LogLikelihood - halfChi
	}
	near, far := 0.0, 1.96*f.Parameters[i].Error/f.Parameters[i].Value
	below := -halfChi
	above := over(far)
	for above < 0 {
		near, below = far, above
		far *= 1.6
		if far > farthest {
			above = math.NaN()
			break
		}
		above = over(far)
	}
	if math.IsNaN(above) {
		if direction < 0 {
			return 0
		}
		return math.Inf(1)
	}
	// The square root of the fall is nearly straight: regula falsi on it, with the other end halved (Illinois).
	root := func(v float64) float64 {
		return math.Copysign(math.Sqrt(math.Abs(v+halfChi)), v+halfChi) - math.Sqrt(halfChi)
	}
	lo, hi, flo, fhi := near, far, root(below), root(above)
	for range 60 {
		at := hi - fhi*(hi-lo)/(fhi-flo)
		v := over(at)
		if math.IsNaN(v) {
			break
		}
		r := root(v)
		if math.Abs(r) < 1e-7 || hi-lo < 1e-9 {
			lo, hi = at, at
			break
		}
		if r < 0 {
			lo, flo, fhi = at, r, fhi/2
		} else {
			hi, fhi, flo = at, r, flo/2
		}
	}
	return math.Exp(f.theta[i] + direction*(lo+hi)/2)
}

func (f *Fit) names() []string {
	var names []string
	for _, p := range f.Parameters {
		names = append(names, p.Name)
	}
	return names
}
