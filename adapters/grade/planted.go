package grade

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/engine/plan"
)

// Planted grades a rule by purchases that the generator plants: of ten times the dearest price, five at once. None is
// planted before the rule has a past to compare with.
type Planted struct {
	Project plan.Input
	Rule    string
	Seeds   int
	First   uint64           // seed of the first ones
	Minutes int              // of event time, by seed
	Feed    generator.Config // Seed, Start, AnomalyFrom and Count are filled in
	Tell    func(done int, s *Score)
	Logger  *slog.Logger
}

// warmUp is how many minutes nothing is planted in: the rule's windows are half an hour long.
const warmUp = 30

// A Score is what a rule found, in minutes of a category and region.
type Score struct {
	Seed      uint64  `json:"seed"` // 0 in a total
	Events    int64   `json:"events"`
	Planted   int     `json:"planted"`
	Found     int     `json:"truePositives"`
	False     int     `json:"falsePositives"`
	Missed    int     `json:"misses"`
	Precision float64 `json:"precision"` // of what it told, what was planted; 1 if it told nothing
	Recall    float64 `json:"recall"`    // of what was planted, what it told
}

// Result is what came out over all seeds.
type Result struct {
	Rule       string  `json:"rule"`
	Rate       float64 `json:"rate"`  // events a second
	Every      int64   `json:"every"` // events from one that is planted to the next
	Minutes    int     `json:"minutes"`
	Disorder   float64 `json:"disorderSeconds"`
	Late       float64 `json:"late"`
	Bad        float64 `json:"bad"`
	Duplicates float64 `json:"duplicates"`
	Seeds      []Score `json:"seeds"`
	Total      Score   `json:"total"`
	Elapsed    float64 `json:"elapsedSeconds"`
}

// A place is a minute of a category and region.
type place struct {
	minute           int64 // since 1970
	category, region string
}

// Run grades. It refuses a rule whose rows do not tell minute, category and region.
func (p Planted) Run(ctx context.Context) (*Result, error) {
	begin := time.Now()
	r, err := newRule(p.Project, p.Rule, p.Logger, "minute", "category", "region")
	if err != nil {
		return nil, err
	}
	f := p.Feed
	result := &Result{Rule: p.Rule, Rate: f.Rate, Every: f.AnomalyEvery, Minutes: p.Minutes, Disorder: f.Disorder.Seconds(),
		Late: f.Late, Bad: f.Bad, Duplicates: f.Duplicates, Seeds: []Score{}}
	for i := range p.Seeds {
		s, err := p.seed(ctx, r, p.First+uint64(i))
		if err != nil {
			return nil, fmt.Errorf("grade alert %s by seed %d: %w", p.Rule, p.First+uint64(i), err)
		}
		result.Seeds = append(result.Seeds, s)
		t := &result.Total
		t.Events, t.Planted, t.Found, t.False, t.Missed = t.Events+s.Events, t.Planted+s.Planted, t.Found+s.Found, t.False+s.False, t.Missed+s.Missed
		if p.Tell != nil {
			p.Tell(i+1, &s)
		}
	}
	result.Total.rate()
	result.Elapsed = time.Since(begin).Seconds()
	return result, nil
}

// seed grades by the events of one seed.
func (p Planted) seed(ctx context.Context, r *rule, seed uint64) (Score, error) {
	f := p.Feed
	f.Seed, f.Start = seed, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f.AnomalyFrom = int64(warmUp*60*f.Rate) + f.AnomalyEvery/2
	g, err := generator.New(f)
	if err != nil {
		return Score{}, err
	}
	planted := map[place]bool{} // whether it was found
	var unread error
	t := generated(g, int64(float64(p.Minutes)*60*f.Rate), func(e *generator.Event) {
		if e.Kind == generator.Anomaly && unread == nil {
			var at place
			at, unread = placeOf(e.Value, "timestamp")
			planted[at] = false
		}
	})
	if unread != nil {
		return Score{}, unread
	}
	s := Score{Seed: seed, Planted: len(planted)}
	s.Events, err = r.run(ctx, t, func(row json.RawMessage) error {
		at, err := placeOf(row, "minute")
		if _, is := planted[at]; !is {
			s.False++
			return err
		}
		planted[at] = true
		return err
	})
	for _, found := range planted {
		if found {
			s.Found++
		}
	}
	s.Missed = s.Planted - s.Found
	s.rate()
	return s, err
}

// placeOf reads the place of an event or a row, of which a field has the time.
func placeOf(text []byte, field string) (place, error) {
	var row struct {
		Timestamp, Minute, Category, Region string
	}
	if err := json.Unmarshal(text, &row); err != nil {
		return place{}, fmt.Errorf("read %s: %w", text, err)
	}
	when := row.Timestamp
	if field == "minute" {
		when = row.Minute
	}
	at, err := time.Parse(time.RFC3339Nano, when)
	if err != nil {
		return place{}, fmt.Errorf("read column %s of %s: %w", field, text, err)
	}
	return place{at.Unix() / 60, row.Category, row.Region}, nil
}

// rate fills in precision and recall.
func (s *Score) rate() {
	s.Precision, s.Recall = 1, 1
	if told := s.Found + s.False; told > 0 {
		s.Precision = float64(s.Found) / float64(told)
	}
	if s.Planted > 0 {
		s.Recall = float64(s.Found) / float64(s.Planted)
	}
}
