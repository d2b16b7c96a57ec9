package window

import "testing"

func TestParseDuration(t *testing.T) {
	for _, c := range []struct {
		text  string
		want  int64
		class string
	}{
		{"1 minute", 60e6, ""}, {"5 minutes", 300e6, ""}, {"1 minute 30 seconds", 90e6, ""}, {"90 seconds", 90e6, ""},
		{"1 day", 86400e6, ""}, {"1 week", 7 * 86400e6, ""}, {"0 seconds", 0, ""}, {"-1 minute", -60e6, ""},
		{"  10  MINUTES ", 600e6, ""}, {"1.5 seconds", 1500000, ""}, {".5 second", 500000, ""}, {"- 2 hours", -7200e6, ""},
		{"500 milliseconds", 500000, ""}, {"7 microseconds", 7, ""}, {"1 hour -5 minutes", 3300e6, ""},
		{"0.123456789 seconds", 123456, ""}, {"-1.5 seconds", -1500000, ""}, {"+3 hours", 3 * 3600e6, ""},
		{"INTERVAL '1' MINUTE", 60e6, ""}, {"interval 1 minute", 60e6, ""}, {"INTERVAL '1 minute 30 seconds'", 90e6, ""},
		{"INTERVAL '1:30' MINUTE TO SECOND", 90e6, ""}, {"INTERVAL '1 02:03:04.5' DAY TO SECOND", 93784500000, ""},
		{"INTERVAL '-1 02' DAY TO HOUR", -93600e6, ""}, {"INTERVAL -1 MINUTE", -60e6, ""}, {"INTERVAL -'1' MINUTE", -60e6, ""},
		{"INTERVAL '1' MINUTE '30' SECONDS", 90e6, ""}, {"INTERVAL 1 MINUTE 30 SECONDS", 90e6, ""},
		{"1 month", 0, hasMonths}, {"1 year 2 days", 0, hasMonths}, {"INTERVAL 1 MONTH", 0, hasMonths},
		{"INTERVAL '1-2' YEAR TO MONTH", 0, hasMonths}, {"0 months 5 minutes", 300e6, ""},
		{"bad", 0, cannotParse}, {"", 0, cannotParse}, {"1", 0, cannotParse}, {"minute", 0, cannotParse}, {"1minute", 0, cannotParse},
		{"1 parsec", 0, cannotParse}, {"1.5 minutes", 0, cannotParse}, {"1 minute 30", 0, cannotParse}, {"--1 minute", 0, cannotParse},
		{"1..5 seconds", 0, cannotParse}, {"1.1234567890 seconds", 0, cannotParse}, {"9223372036854775807 days", 0, cannotParse},
		{"99999999999999999999 seconds", 0, cannotParse}, {"1 minute5 seconds", 0, cannotParse}, {"9000000000000 seconds 9000000000000 seconds", 0, cannotParse},
		{"INTERVAL", 0, cannotParse}, {"INTERVAL '1' ", 0, cannotParse}, {"INTERVAL '1 MINUTE", 0, cannotParse},
		{"INTERVAL '25:00' MINUTE TO HOUR", 0, cannotParse}, {"INTERVAL '1:60' MINUTE TO SECOND", 0, cannotParse},
		{"intervals 1 minute", 0, cannotParse}, {"INTERVAL 'x' MINUTE", 0, cannotParse}, {"INTERVAL '1' MINUTE 30", 0, cannotParse},
	} {
		got, class, err := ParseDuration(c.text)
		if got != c.want || class != c.class || (err != nil) != (class != "") {
			t.Errorf("%q: %d %q %v, want %d %q", c.text, got, class, err, c.want, c.class)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"1 minute 30 seconds", "INTERVAL '1 02:03:04.5' DAY TO SECOND", "-1.5 seconds", "interval -'1' day", "1 month"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, class, err := ParseDuration(s)
		if (err != nil) != (class != "") || err != nil && x != 0 {
			t.Errorf("%q: %d %q %v", s, x, class, err)
		}
	})
}
