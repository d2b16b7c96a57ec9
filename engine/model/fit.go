package model

import (
	"fmt"
	"math"
	"runtime"
	"sync"
)

// A Fit is the greatest likelihood that was found, and how sure the parameters are.
type Fit struct {
	Parameters    []Parameter `json:"parameters"`
	LogLikelihood float64     `json:"log_likelihood"`
	Customers     int         `json:"customers"` // that it was fitted to
	Rounds        int         `json:"rounds"`    // of Newton's method

	loss  loss
	theta []float64
	hess  [][]float64 // of the loss, by theta
}

// A Parameter is a number of a model. Low and High are the ends of its interval, once Intervals has found them.
type Parameter struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Error float64 `json:"standard_error"`
	Low   float64 `json:"low,omitempty"`
	High  float64 `json:"high,omitempty"`
}

// Values is those of the parameters, in their order.
func (f *Fit) Values() []float64 {
	var v []float64
	for _, p := range f.Parameters {
		v = append(v, p.Value)
	}
	return v
}

// A loss is the negative logarithm of a likelihood at the logarithms of the parameters; it fills in its gradient by them.
type loss func(theta, grad []float64) float64

const (
	mostRounds = 200
	// farthest is how far from 1 the logarithm of a parameter may go: there is no maximum within reach.
	farthest = 25
	// settled is the length of Newton's step, of logarithms, at which the parameters stand.
	settled = 1e-10
)

// An UnsettledError says that the data do not determine a parameter.
type UnsettledError struct {
	Name  string
	Value float64
}

func (e *UnsettledError) Error() string {
	return fmt.Sprintf("these customers do not determine %s: the likelihood is flat, or still rises, at %.3g; more customers, watched for longer, may", e.Name, e.Value)
}

// maximize finds the least of a loss by Newton's method, damped as Levenberg and Marquardt do it. The curvature is that
// of the gradient, by differences.
func maximize(names []string, of loss, theta []float64) (*Fit, error) {
	f := &Fit{loss: of}
	var err error
	if f.theta, f.LogLikelihood, f.Rounds, err = minimize(names, of, theta, -1); err != nil {
		return nil, err
	}
	f.LogLikelihood = -f.LogLikelihood
	f.hess = curvature(of, f.theta, -1)
	cover, ok := inverse(f.hess)
	for i, name := range names {
		p := Parameter{Name: name, Value: math.Exp(f.theta[i])}
		if !ok || !(cover[i][i] > 0) {
			return nil, &UnsettledError{name, p.Value}
		}
		p.Error = p.Value * math.Sqrt(cover[i][i]) // of the logarithm, by the delta method
		f.Parameters = append(f.Parameters, p)
	}
	return f, nil
}

// minimize is maximize for all parameters but one, which stands (-1: none).
func minimize(names []string, of loss, from []float64, fixed int) (theta []float64, least float64, rounds int, err error) {
	theta = append(theta, from...)
	grad, trial, step := make([]float64, len(theta)), make([]float64, len(theta)), make([]float64, len(theta))
	next := make([]float64, len(theta))
	least = of(theta, grad)
	damping := 1e-3
	for rounds = 1; rounds <= mostRounds; rounds++ {
		hess := curvature(of, theta, fixed)
		if fixed >= 0 {
			grad[fixed] = 0
		}
		moved := false
		for ; damping < 1e12; damping *= 8 {
			if !newton(hess, grad, damping, fixed, step) {
				continue
			}
			for i := range theta {
				trial[i] = theta[i] + step[i]
			}
			v := of(trial, next)
			if !(v <= least+1e-12*math.Abs(least)) {
				continue
			}
			moved = true
			least = min(v, least)
			copy(theta, trial)
			copy(grad, next)
			damping = max(damping/16, 1e-14)
			break
		}
		var length float64
		for i := range theta {
			length = max(length, math.Abs(step[i]))
			if math.Abs(theta[i]) > farthest {
				return nil, 0, rounds, &UnsettledError{names[i], math.Exp(theta[i])}
			}
		}
		if !moved || length < settled {
			return theta, least, rounds, nil
		}
	}
	for i := range theta {
		if math.Abs(step[i]) > 1e-6 {
			return nil, 0, rounds, &UnsettledError{names[i], math.Exp(theta[i])}
		}
	}
	return theta, least, rounds, nil
}

// newton solves (H + damping diag) step = -grad; false where that is not positive definite.
func newton(hess [][]float64, grad []float64, damping float64, fixed int, step []float64) bool {
	n := len(grad)
	a := make([][]float64, n)
	for i := range a {
		a[i] = append([]float64(nil), hess[i]...)
		a[i][i] += damping * max(math.Abs(hess[i][i]), 1e-8)
		if i == fixed {
			a[i][i] = 1
		}
	}
	l, ok := cholesky(a)
	if !ok {
		return false
	}
	solve(l, grad, step)
	for i := range step {
		step[i] = max(-2, min(2, -step[i])) // of logarithms: seven times as much is far enough at once
	}
	return true
}

// curvature is the second derivatives of a loss, by central differences of its gradient; of a fixed parameter, none.
func curvature(of loss, theta []float64, fixed int) [][]float64 {
	const h = 1e-5
	n := len(theta)
	out := make([][]float64, n)
	up, down, at := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		out[i] = make([]float64, n)
		if i == fixed {
			continue
		}
		copy(at, theta)
		at[i] = theta[i] + h
		of(at, up)
		at[i] = theta[i] - h
		of(at, down)
		for j := range n {
			if j != fixed {
				out[i][j] = (up[j] - down[j]) / (2 * h)
			}
		}
	}
	for i := range n {
		for j := range i {
			mean := (out[i][j] + out[j][i]) / 2
			out[i][j], out[j][i] = mean, mean
		}
	}
	return out
}

// cholesky is the lower factor of a positive definite matrix.
func cholesky(a [][]float64) ([][]float64, bool) {
	l := make([][]float64, len(a))
	for i := range a {
		l[i] = make([]float64, len(a))
		for j := 0; j <= i; j++ {
			sum := a[i][j]
			for k := range j {
				sum -= l[i][k] * l[j][k]
			}
			if i != j {
				l[i][j] = sum / l[j][j]
				continue
			}
			if !(sum > 0) || math.IsInf(sum, 0) {
				return nil, false
			}
			l[i][i] = math.Sqrt(sum)
		}
	}
	return l, true
}

// solve finds x of l lᵀ x = b.
func solve(l [][]float64, b, x []float64) {
	for i := range x {
		x[i] = b[i]
		for k := range i {
			x[i] -= l[i][k] * x[k]
		}
		x[i] /= l[i][i]
	}
	for i := len(x) - 1; i >= 0; i-- {
		for k := i + 1; k < len(x); k++ {
			x[i] -= l[k][i] * x[k]
		}
		x[i] /= l[i][i]
	}
}

func inverse(a [][]float64) ([][]float64, bool) {
	l, ok := cholesky(a)
	if !ok {
		return nil, false
	}
	out := make([][]float64, len(a))
	for i := range a {
		unit := make([]float64, len(a))
		unit[i] = 1
		out[i] = make([]float64, len(a))
		solve(l, unit, out[i])
	}
	return out, true
}

// chunk is how many customers are summed at once. Sums of chunks are added in their order, so that a sum does not depend
// on how many processors there are.
const chunk = 8192

// parallel sums n things on all processors: do adds those of [from, to) to out, which has so many sums.
func parallel(n, sums int, do func(from, to int, out []float64)) []float64 {
	chunks := (n + chunk - 1) / chunk
	parts := make([]float64, chunks*sums)
	work := func(k int) {
		do(k*chunk, min(n, (k+1)*chunk), parts[k*sums:(k+1)*sums])
	}
	if workers := min(runtime.GOMAXPROCS(0), chunks); workers <= 1 {
		for k := range chunks {
			work(k)
		}
	} else {
		var all sync.WaitGroup
		for w := range workers {
			all.Go(func() {
				for k := w; k < chunks; k += workers {
					work(k)
				}
			})
		}
		all.Wait()
	}
	total := make([]float64, sums)
	for k := range chunks {
		for i := range total {
			total[i] += parts[k*sums+i]
		}
	}
	return total
}

func logs(v []float64) []float64 { return each(v, math.Log) }
func exps(v []float64) []float64 { return each(v, math.Exp) }

func each(v []float64, do func(float64) float64) []float64 {
	out := make([]float64, len(v))
	for i, x := range v {
		out[i] = do(x)
	}
	return out
}
