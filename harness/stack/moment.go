package stack

import (
	"fmt"
	"math"
	"time"
)

// A Moment is a point in event time, or a time of day, which is of the day of the newest event.
type Moment struct {
	micros int64
	daily  bool
	text   string
}

const day = 24 * int64(time.Hour/time.Microsecond)

// ParseMoment reads "2026-03-01T12:05:00Z" or "12:05:00Z", seconds with a fraction or left out.
func ParseMoment(text string) (Moment, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04Z07:00"} {
		if t, err := time.Parse(form, text); err == nil {
			return Moment{micros: t.UnixMicro(), text: text}, nil
		}
	}
	for _, form := range []string{"15:04:05.999999999Z", "15:04Z"} {
		if t, err := time.Parse(form, text); err == nil {
			h, m, s := t.Clock()
			in := time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
			return Moment{micros: in.Microseconds(), daily: true, text: text}, nil
		}
	}
	return Moment{}, fmt.Errorf("read the time %q: write 2026-03-01T12:05:00Z, or 12:05:00Z for the day of the newest event", text)
}

// At is the moment in microseconds, given the time of the newest event; math.MaxInt64 while that is not
// known and needed.
func (m Moment) At(newest int64) int64 {
	if !m.daily {
		return m.micros
	}
	if newest == math.MinInt64 {
		return math.MaxInt64
	}
	midnight := newest / day * day
	if newest < midnight { // before 1970
		midnight -= day
	}
	return midnight + m.micros
}

// String is the text that was parsed.
func (m Moment) String() string { return m.text }

// clock is a time as a sentence shows it.
func clock(micros int64) string {
	return time.UnixMicro(micros).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}
