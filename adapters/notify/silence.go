package notify

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/nagare-stream/nagare/engine/alert"
)

// MostSilences is how many silences there may be, and keepExpired how long one that is over is kept.
const (
	MostSilences = 1000
	keepExpired  = 5 * 24 * time.Hour
)

// A Matcher is a condition on one label; a label that is not there is empty. Regexes are anchored.
type Matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual bool   `json:"isEqual"`

	regex *regexp.Regexp
}

func (m *Matcher) compile() error {
	if m.Name == "" {
		return fmt.Errorf("invalid label name %q", m.Name)
	}
	if !m.IsRegex {
		return nil
	}
	re, err := regexp.Compile("^(?:" + m.Value + ")$")
	if err != nil {
		_, err = regexp.Compile(m.Value) // whose text is of what was written
		return fmt.Errorf("invalid regular expression %q: %v", m.Value, err)
	}
	m.regex = re
	return nil
}

func (m *Matcher) matches(value string) bool {
	if m.IsRegex {
		return m.regex.MatchString(value) == m.IsEqual
	}
	return (value == m.Value) == m.IsEqual
}

func (m *Matcher) same(o *Matcher) bool {
	return m.Name == o.Name && m.Value == o.Value && m.IsRegex == o.IsRegex && m.IsEqual == o.IsEqual
}

// A SilenceState is whether a silence holds.
type SilenceState string

// The states of silences.
const (
	SilencePending SilenceState = "pending"
	SilenceActive  SilenceState = "active"
	SilenceExpired SilenceState = "expired"
)

// A Silence holds back incidents whose labels match all of its matchers, from StartsAt until EndsAt.
type Silence struct {
	ID        string    `json:"id"`
	Matchers  []Matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
}

// State is how the silence is at a time.
func (s *Silence) State(now time.Time) SilenceState {
	switch {
	case !now.Before(s.EndsAt):
		return SilenceExpired
	case now.Before(s.StartsAt):
		return SilencePending
	}
	return SilenceActive
}

// Matches reports whether the silence is about an incident. Its labels are alertname, severity and the columns of
// the alert's key, by their own names or as Alertmanager gets them.
func (s *Silence) Matches(c *alert.Change) bool {
	set := labelsOf(c)
	for i := range s.Matchers {
		m := &s.Matchers[i]
		value, ok := set[m.Name]
		if !ok {
			value = c.Labels[m.Name]
		}
		if !m.matches(value) {
			return false
		}
	}
	return true
}

// A SilenceError is why a silence is not taken, with the status that Alertmanager answers.
type SilenceError struct {
	Status int
	Text   string
}

func (e *SilenceError) Error() string { return e.Text }

// check compiles the matchers and refuses what Alertmanager refuses.
func (s *Silence) check(now time.Time) error {
	if len(s.Matchers) == 0 {
		return &SilenceError{http.StatusUnprocessableEntity, "matchers in body should have at least 1 items"}
	}
	any := true
	for i := range s.Matchers {
		if err := s.Matchers[i].compile(); err != nil {
			return &SilenceError{http.StatusBadRequest, fmt.Sprintf("silence invalid: invalid label matcher %d: %v", i, err)}
		}
		any = any && s.Matchers[i].matches("")
	}
	switch {
	case any:
		return &SilenceError{http.StatusBadRequest, "silence invalid: at least one matcher must not match the empty string"}
	case s.EndsAt.Before(now):
		return &SilenceError{http.StatusBadRequest, "Failed to create silence: end time can't be in the past"}
	case s.EndsAt.Before(s.StartsAt):
		return &SilenceError{http.StatusBadRequest, "Failed to create silence: start time must be before end time"}
	}
	return nil
}

func (s *Silence) sameMatchers(o *Silence) bool {
	return slices.EqualFunc(s.Matchers, o.Matchers, func(a, b Matcher) bool { return a.same(&b) })
}

// silences is all there are, by id.
type silences map[string]*Silence

// active is the silence that holds an incident back, or nil; of several the one with the smallest id.
func (all silences) active(c *alert.Change, now time.Time) *Silence {
	var found *Silence
	for _, s := range all {
		if s.State(now) == SilenceActive && s.Matches(c) && (found == nil || s.ID < found.ID) {
			found = s
		}
	}
	return found
}

// next is the first time after now at which a silence begins or ends; zero: none.
func (all silences) next(now time.Time) time.Time {
	var first time.Time
	for _, s := range all {
		for _, t := range []time.Time{s.StartsAt, s.EndsAt} {
			if t.After(now) && (first.IsZero() || t.Before(first)) {
				first = t
			}
		}
	}
	return first
}

// list is the silences as Alertmanager lists them: active ones by their end, pending ones by their start, expired
// ones the newest first.
func (all silences) list(now time.Time) []Silence {
	out := make([]Silence, 0, len(all))
	for _, s := range all {
		out = append(out, *s)
	}
	rank := map[SilenceState]int{SilenceActive: 0, SilencePending: 1, SilenceExpired: 2}
	slices.SortFunc(out, func(a, b Silence) int {
		x, y := a.State(now), b.State(now)
		if c := cmp.Compare(rank[x], rank[y]); c != 0 {
			return c
		}
		c := a.EndsAt.Compare(b.EndsAt)
		switch x {
		case SilencePending:
			c = a.StartsAt.Compare(b.StartsAt)
		case SilenceExpired:
			c = -c
		}
		return cmp.Or(c, cmp.Compare(a.ID, b.ID))
	})
	return out
}
