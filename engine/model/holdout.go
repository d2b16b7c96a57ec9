package model

import (
	"errors"
	"fmt"
	"math"
)

// A Later is a customer as known at some moment, and how many purchases came in the Horizon after it.
type Later struct {
	Customer
	Horizon   float64 `json:"horizon"`
	Purchases int64   `json:"purchases"`
}

// A Holdout is how well a model foretold purchases of which it knew nothing.
type Holdout struct {
	Customers int     `json:"customers"`
	Expected  float64 `json:"expected"` // purchases of all
	Purchases int64   `json:"purchases"`
	MAE       float64 `json:"mae"`  // mean absolute error of a customer's purchases
	RMSE      float64 `json:"rmse"` // root of the mean squared error
	// Naive is the MAE of going on at one's own rate of before: a model that does not beat it is of no use.
	Naive       float64       `json:"naive_mae"`
	Calibration []Calibration `json:"calibration"`
}

// Calibration is customers with the same number of repeat purchases before: what was expected of one on the average, and
// what came.
type Calibration struct {
	From      int64   `json:"from"`
	To        int64   `json:"to"` // -1: and more
	Customers int     `json:"customers"`
	Expected  float64 `json:"expected"`
	Purchases float64 `json:"purchases"`
}

// mostAlone is the greatest number of repeat purchases that has a line of its own.
const mostAlone = 6

// Eval compares what a model expects with what came.
func (m BGNBD) Eval(all []Later) (*Holdout, error) {
	if len(all) == 0 {
		return nil, errors.New("there is no customer to compare with")
	}
	h := &Holdout{Customers: len(all)}
	lines := make([]Calibration, mostAlone+2)
	var squares float64
	for i, c := range all {
		switch err := c.Valid(); {
		case err != nil:
			return nil, fmt.Errorf("customer %d: %w", i+1, err)
		case !(c.Horizon > 0) || math.IsInf(c.Horizon, 0):
			return nil, fmt.Errorf("customer %d: the horizon is %v, and has to be above 0", i+1, c.Horizon)
		case c.Purchases < 0:
			return nil, fmt.Errorf("customer %d: %d purchases in the horizon", i+1, c.Purchases)
		}
		expected := m.Expected(c.Customer, c.Horizon)
		came := float64(c.Purchases)
		h.Expected += expected
		h.Purchases += c.Purchases
		h.MAE += math.Abs(expected - came)
		squares += (expected - came) * (expected - came)
		if c.T > 0 {
			h.Naive += math.Abs(float64(c.X)/c.T*c.Horizon - came)
		} else {
			h.Naive += came
		}
		line := &lines[min(c.X, mostAlone+1)]
		line.Customers++
		line.Expected += expected
		line.Purchases += came
	}
	n := float64(len(all))
	h.MAE, h.Naive, h.RMSE = h.MAE/n, h.Naive/n, math.Sqrt(squares/n)
	for x, line := range lines {
		if line.Customers == 0 {
			continue
		}
		line.From, line.To = int64(x), int64(x)
		if x > mostAlone {
			line.To = -1
		}
		line.Expected /= float64(line.Customers)
		line.Purchases /= float64(line.Customers)
		h.Calibration = append(h.Calibration, line)
	}
	return h, nil
}

// Coverage is how many of so many sets of customers, drawn from a model, gave an interval of each parameter that holds the
// number that they were drawn with; sets whose fit does not settle count as misses.
func (m BGNBD) Coverage(seed uint64, sets, customers int, watched float64, done func(set int)) (held []int, unsettled int) {
	held = make([]int, len(m.Numbers()))
	for set := range sets {
		_, fit, err := FitBGNBD(m.Simulate(seed+uint64(set), customers, watched, nil))
		if err != nil {
			unsettled++
		} else {
			fit.Intervals()
			for i, p := range fit.Parameters {
				if p.Low <= m.Numbers()[i] && m.Numbers()[i] <= p.High {
					held[i]++
				}
			}
		}
		if done != nil {
			done(set + 1)
		}
	}
	return held, unsettled
}
