package model

import "math"

// digamma is the derivative of ln Γ, for x > 0: by its recurrence up to 10 and its asymptotic series from there on
// (Abramowitz and Stegun 6.3.5 and 6.3.18), to about 15 digits.
func digamma(x float64) float64 {
	var below float64
	for x < 10 {
		below += 1 / x
		x++
	}
	f := 1 / (x * x)
	series := f * (1./12 - f*(1./120-f*(1./252-f*(1./240-f*(1./132-f*(691./32760-f/12))))))
	return math.Log(x) - 0.5/x - series - below
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

// mostTerms bounds a series that hardly converges.
const mostTerms = 1_000_000

// hypergeometric is Gauss' 2F1(a, b; c; z) for 0 ≤ z < 1 and c > 0, summed as its series: the terms are added until
// they no longer count. NaN where it does not come to an end.
func hypergeometric(a, b, c, z float64) float64 {
	sum, term := 1.0, 1.0
	for n := 0.0; n < mostTerms; n++ {
		term *= (a + n) * (b + n) / ((c + n) * (n + 1)) * z
		sum += term
		if math.Abs(term) <= 1e-16*math.Abs(sum) {
			return sum
		}
	}
	return math.NaN()
}
