package stack

import (
	"math"
	"testing"
	"time"
)

func TestMoments(t *testing.T) {
	newest := time.Date(2026, 3, 1, 18, 30, 0, 0, time.UTC).UnixMicro()
	for text, want := range map[string]string{
		"2026-02-01T12:05:00Z":      "2026-02-01T12:05:00Z",
		"2026-02-01T12:05Z":         "2026-02-01T12:05:00Z",
		"2026-02-01T21:05:00+09:00": "2026-02-01T12:05:00Z",
		"12:05:00Z":                 "2026-03-01T12:05:00Z",
		"12:05Z":                    "2026-03-01T12:05:00Z",
		"23:59:59.5Z":               "2026-03-01T23:59:59.5Z",
	} {
		m, err := ParseMoment(text)
		if err != nil || clock(m.At(newest)) != want {
			t.Errorf("%s is %s, want %s; %v", text, clock(m.At(newest)), want, err)
		}
	}
	for _, text := range []string{"", "noon", "12:05", "12:05:00", "25:00:00Z", "2026-03-01", "2026-03-01T12:05:00"} {
		if _, err := ParseMoment(text); err == nil {
			t.Errorf("%q is taken for a time", text)
		}
	}
	m, err := ParseMoment("12:05:00Z")
	if err != nil {
		t.Fatal(err)
	}
	if m.At(math.MinInt64) != math.MaxInt64 {
		t.Error("a time of day is reached before there is an event")
	}
	before := time.Date(1969, 12, 31, 18, 0, 0, 0, time.UTC).UnixMicro()
	if got := clock(m.At(before)); got != "1969-12-31T12:05:00Z" {
		t.Errorf("the time of day of an event before 1970 is %s", got)
	}
}
