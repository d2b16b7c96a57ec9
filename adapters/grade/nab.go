package grade

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine/plan"
)

// NAB grades the project's rule of unusual sales by the Numenta Anomaly Benchmark: 58 series of real and made-up
// measurements with 116 windows in which something is unusual. The series go through the SQL of the project as it is:
// each record is one purchase of that amount, in a minute of its own, so that the last 30 windows are the 30 records
// before. Its score is the view's.
type NAB struct {
	Project   plan.Input
	Dir       string  // a checkout of the benchmark
	Threshold float64 // of the rule as it ships, to tell what it comes to without the benchmark's choice
	Tell      func(done, all int, series string)
	Logger    *slog.Logger
}

// The detector of which the checkout has the scores: the same scoring has to give what the benchmark has published.
const control = "windowedGaussian"

// ProfileScore is what a profile of costs gives. Scores are the benchmark's: 0 for what finds nothing, 100 for what finds
// all at once and is never wrong.
type ProfileScore struct {
	Profile   string  `json:"profile"`
	Score     float64 `json:"score"`     // with the threshold that is best over all series, as for all detectors
	Threshold float64 `json:"threshold"` // that one, in the rule's own unit
	AsIs      float64 `json:"asIs"`      // with the rule's own threshold
	Control   float64 `json:"control"`   // of the benchmark's windowed Gaussian, by the same computation
	Published float64 `json:"published"` // of it, by the benchmark
}

// NABResult is what came out.
type NABResult struct {
	Series   int            `json:"series"`
	Records  int            `json:"records"`
	Windows  int            `json:"windows"`
	AsIs     float64        `json:"threshold"` // of the rule
	Profiles []ProfileScore `json:"profiles"`
	Elapsed  float64        `json:"elapsedSeconds"`
}

// nabSQL is a rule of which every row is a breach: it tells the score of each minute.
const (
	nabRule = "nab_score"
	nabFile = "nagare alerts grade --nab"
	nabSQL  = "CREATE TEMPORARY VIEW nab_score AS SELECT minute, worst.score AS score FROM STREAM sales_score;\n"
)

// Run grades.
func (n NAB) Run(ctx context.Context) (*NABResult, error) {
	begin := time.Now()
	c, err := readCorpus(n.Dir)
	if err != nil {
		return nil, err
	}
	project := n.Project
	project.Files = append(project.Files[:len(project.Files):len(project.Files)], plan.File{Path: nabFile, Text: nabSQL})
	project.Config = append(project.Config[:len(project.Config):len(project.Config)], plan.Setting{Key: "alert." + nabRule + ".from", Value: nabRule})
	r, err := newRule(project, nabRule, n.Logger, "minute")
	if err != nil {
		return nil, err
	}
	var published map[string]map[string]float64
	if err := c.readJSON("results/final_results.json", &published); err != nil {
		return nil, err
	}
	result := &NABResult{Series: len(c.series), Windows: c.windows, AsIs: n.Threshold}
	ours, theirs := map[string]*scoring{}, map[string]*scoring{}
	for name, p := range c.profiles {
		ours[name], theirs[name] = &scoring{profile: p}, &scoring{profile: p}
	}
	for i := range c.series {
		s := &c.series[i]
		scores, err := n.scores(ctx, r, s)
		if err != nil {
			return nil, fmt.Errorf("grade by series %s: %w", s.name, err)
		}
		others, err := c.scores(control, s)
		if err != nil {
			return nil, err
		}
		for name := range c.profiles {
			ours[name].add(s, scores)
			theirs[name].add(s, others)
		}
		result.Records += len(s.times)
		if n.Tell != nil {
			n.Tell(i+1, len(c.series), s.name)
		}
	}
	for _, name := range sortedNames(c.profiles) {
		perfect := float64(c.windows) * c.profiles[name].TP
		all, others := ours[name].sweep(), theirs[name].sweep()
		best := optimum(all)
		normal := func(score float64) float64 { return 100 * (score - all[0].score) / (perfect - all[0].score) }
		result.Profiles = append(result.Profiles, ProfileScore{Profile: name, Score: normal(best.score), Threshold: best.threshold,
			AsIs: normal(above(all, n.Threshold)), Control: normal(optimum(others).score), Published: published[control][name]})
	}
	result.Elapsed = time.Since(begin).Seconds()
	return result, nil
}

// scores is what the rule tells of each record of a series: 0 while it has too short a past.
func (n NAB) scores(ctx context.Context, r *rule, s *series) ([]float64, error) {
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	t := newTopic(1)
	var value []byte
	for i, v := range s.values {
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return nil, fmt.Errorf("record %d is no finite number", i+1)
		}
		at := first.Add(time.Duration(i) * time.Minute)
		value = fmt.Appendf(value[:0], `{"event_id":"%d","timestamp":"%s","user_id":"u","category":"nab","region":"nab","quantity":1,"final_amount":%s}`,
			i, at.Format(time.RFC3339), strconv.FormatFloat(v, 'g', -1, 64))
		t.add(0, at.UnixMicro(), []byte("u"), value)
	}
	scores := make([]float64, len(s.values))
	told := 0
	_, err := r.run(ctx, t, func(text json.RawMessage) error {
		var row struct {
			Minute time.Time
			Score  float64
		}
		if err := json.Unmarshal(text, &row); err != nil {
			return fmt.Errorf("read %s: %w", text, err)
		}
		scores[int(row.Minute.Sub(first)/time.Minute)] = row.Score
		told++
		return nil
	})
	if err == nil && told < len(scores)-warmUp {
		err = fmt.Errorf("the rule has told of %d of %d records", told, len(scores))
	}
	return scores, err
}
