package model

import "math"

// LifetimeValue is what a customer is expected to be worth: the value of the purchases expected in each of so many months
// to come, taken down by a rate of interest a month. month is its length in the model's unit of time.
func LifetimeValue(often BGNBD, spends GammaGamma, c Customer, months int, month, rate float64) float64 {
	var worth, before float64
	for i := 1; i <= months; i++ {
		until := often.Expected(c, float64(i)*month)
		worth += (until - before) / math.Pow(1+rate, float64(i))
		before = until
	}
	return worth * spends.Value(c.X, c.Z)
}
