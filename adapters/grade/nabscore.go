package grade

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// The scoring of the Numenta Anomaly Benchmark: Lavin, Ahmad, "Evaluating Real-Time Anomaly Detection Algorithms – the
// Numenta Anomaly Benchmark", ICMLA 2015, section II, and NAB's sweeper.py and runner.py for what the paper leaves open
// (the first records of a series, times that come twice, thresholds).
const (
	probation     = 0.15 // of a series is there to learn from, and does not count
	mostProbation = probation * 5000
)

// A point is one record that counts.
type point struct {
	score  float64 // of the detector
	weight float64 // what a detection here is worth
	window int     // of the corpus, by number; -1: none
}

// scoring is what detections in a corpus come to, by profile.
type scoring struct {
	profile profile
	points  []point
	windows int // numbered so far
}

// position is what a detection is worth by its place relative to a window: -1 at its begin, 0 at its end, 1 as far behind
// it as it is long.
func position(at float64) float64 {
	if at > 3 {
		return -1
	}
	return 2/(1+math.Exp(5*at)) - 1
}

// add takes what a detector has told of a series.
func (s *scoring) add(of *series, scores []float64) {
	best := position(-1)
	learn := min(math.Floor(probation*float64(len(of.times))), mostProbation)
	windows := of.windows
	in, last := [2]int{-1, -1}, [2]int{-1, -1} // begin and end of the window around the record, and of the one before
	for i, at := range of.times {
		if len(windows) > 0 && at.Equal(windows[0][0]) {
			in = [2]int{i, slices.IndexFunc(of.times, windows[0][1].Equal)}
			windows = windows[1:]
			s.windows++
		}
		p := point{score: scores[i], window: -1}
		switch {
		case in[0] >= 0:
			p.window = s.windows - 1
			p.weight = position(-float64(in[1]-i+1)/float64(in[1]-in[0]+1)) * s.profile.TP / best
		case last[0] < 0:
			p.weight = -s.profile.FP
		default:
			p.weight = position(float64(i-last[1])/float64(last[1]-last[0])) * s.profile.FP
		}
		if float64(i) >= learn {
			s.points = append(s.points, p)
		}
		if in[0] >= 0 && i == in[1] {
			last, in = in, [2]int{-1, -1}
		}
	}
}

// A detection is what all records with at least a score come to.
type detection struct{ threshold, score float64 }

// sweep tells what each threshold comes to, from one that nothing reaches down.
func (s *scoring) sweep() []detection {
	slices.SortStableFunc(s.points, func(a, b point) int { return cmp.Compare(b.score, a.score) })
	best := map[int]float64{} // by window: its earliest detection, or that it is missed
	total := 0.0
	for _, p := range s.points {
		if _, has := best[p.window]; !has && p.window >= 0 {
			best[p.window] = -s.profile.FN
			total -= s.profile.FN
		}
	}
	all := []detection{{math.Inf(1), total}}
	for i, p := range s.points {
		switch {
		case p.window < 0:
			total += p.weight
		case p.weight > best[p.window]:
			total += p.weight - best[p.window]
			best[p.window] = p.weight
		}
		if i == len(s.points)-1 || s.points[i+1].score != p.score {
			all = append(all, detection{p.score, total})
		}
	}
	return all
}

// above is what the records with a score above a threshold come to.
func above(all []detection, threshold float64) float64 {
	n, _ := slices.BinarySearchFunc(all, threshold, func(d detection, t float64) int { return cmp.Compare(t, d.threshold) })
	return all[n-1].score // the first one is infinite
}

// optimum is the threshold that comes to most, which the benchmark takes for each detector; of several the highest.
func optimum(all []detection) detection {
	return slices.MaxFunc(all, func(a, b detection) int { return cmp.Compare(a.score, b.score) })
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
