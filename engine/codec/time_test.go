package codec

import (
	"testing"
	"time"
	_ "time/tzdata" // the tests need no zone files of the machine

	"pgregory.net/rapid"

	"github.com/nagare-stream/nagare/engine/column"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestParseTimestamp(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"2026-01-02T03:04:05.123456+00:00", "2026-01-02 03:04:05.123456"},
		{"2026-01-02T03:04:05.123456789Z", "2026-01-02 03:04:05.123456"},
		{"2026-01-02 03:04:05", "2026-01-02 03:04:05"},
		{"2026-01-02 03:04", "2026-01-02 03:04:00"},
		{"2026-01-02 03", "2026-01-02 03:00:00"},
		{"2026-01-02", "2026-01-02 00:00:00"},
		{"2026-1-2", "2026-01-02 00:00:00"},
		{"2026-02", "2026-02-01 00:00:00"},
		{"2026", "2026-01-01 00:00:00"},
		{" \t2026-01-02T3:4:5.1 \n", "2026-01-02 03:04:05.1"},
		{"2026-01-02T03:04:05.", "2026-01-02 03:04:05"},
		{"2026-01-02 03:04:05 Asia/Tokyo", "2026-01-01 18:04:05"},
		{"2026-01-02 03:04:05JST", "2026-01-01 18:04:05"},
		{"2026-01-02 03:04:05 EST", "2026-01-02 08:04:05"},
		{"2026-01-02T03:04:05+0900", "2026-01-01 18:04:05"},
		{"2026-01-02T03:04:05+09", "2026-01-01 18:04:05"},
		{"2026-01-02T03:04:05+9", "2026-01-01 18:04:05"},
		{"2026-01-02T03:04:05+9:00", "2026-01-01 18:04:05"},
		{"2026-01-02T03:04:05-03:30", "2026-01-02 06:34:05"},
		{"2026-01-02T03:04:05-03:3", "2026-01-02 06:07:05"},
		{"2026-01-02T03:04:05+01:00:30", "2026-01-02 02:03:35"},
		{"2026-01-02T03:04:05UTC+2", "2026-01-02 01:04:05"},
		{"2026-01-02T03:04:05 GMT-02:00", "2026-01-02 05:04:05"},
		{"2026-01-02T03:04:05+18:00", "2026-01-01 09:04:05"},
		{"2024-02-29", "2024-02-29 00:00:00"}, {"1969-12-31T23:59:59.999999Z", "1969-12-31 23:59:59.999999"},
		{"0001-01-01", "0001-01-01 00:00:00"}, {"9999-12-31T23:59:59.999999", "9999-12-31 23:59:59.999999"},
		{"-0044-03-15", "-0044-03-15 00:00:00"}, {"12026-01-02", "+12026-01-02 00:00:00"}, {"+2026-01-02", "2026-01-02 00:00:00"},
	} {
		micros, ok := ParseTimestamp([]byte(c.text), nil)
		if got := string(AppendTimestamp(nil, micros, nil)); !ok || got != c.want {
			t.Errorf("timestamp %q = %s %v, want %s", c.text, got, ok, c.want)
		}
	}
}

func TestParseTimestampRefuses(t *testing.T) {
	for _, s := range []string{
		"", "  ", "bad", "2026-02-30", "2026-13-01", "2026-00-01", "2026-01-00", "2025-02-29", "2026/01/02", "1770107349", "1770107157042",
		"226-01-01", "2026-01-02T25:00:00", "2026-01-02T03:60:00", "2026-01-02T03:04:60", "2026-01-02T", "2026-01-02T03:", "2026-01-02T03:04Z",
		"2026-01-02Z", "2026-01-02T03:04:05+19:00", "2026-01-02T03:04:05+09:60", "2026-01-02T03:04:05z", "2026-01-02T03:04:05 Local", "2026-01-02T03:04:05 Nowhere/At_All",
		"2026-001-02", "2026-01-02T003:04:05", "2026-01-02t03:04:05", "--2026-01-02", "2026-01-02T03:04:05.12x", "2026-01-02  03:04:05", "2026-01-02T03:04:05+090", "03:04:05", "T03:04:05", "999999-01-01",
	} {
		if micros, ok := ParseTimestamp([]byte(s), nil); ok {
			t.Errorf("timestamp %q parses to %s", s, AppendTimestamp(nil, micros, nil))
		}
	}
}

func TestParseTimeOnly(t *testing.T) {
	for _, s := range []string{"03:04:05", "T03:04:05", "3:4:5", "03:04:05 Asia/Tokyo"} {
		got, ok := ParseTime([]byte(s), nil)
		if !ok || !got.TimeOnly || got.Micros != 3*MicrosPerHour+4*MicrosPerMinute+5*MicrosPerSecond {
			t.Errorf("time %q = %+v %v", s, got, ok)
		}
	}
	if got, _ := ParseTime([]byte("03:04:05 Asia/Tokyo"), nil); got.Zone.String() != "Asia/Tokyo" {
		t.Errorf("zone is %v", got.Zone)
	}
}

func TestTimestampInZone(t *testing.T) {
	newYork := zoneOf(t, "America/New_York")
	for _, c := range []struct{ text, want string }{
		{"2026-07-01 12:00:00", "2026-07-01T16:00:00Z"},
		{"2026-01-01 12:00:00.5", "2026-01-01T17:00:00.500000Z"},
		{"2026-03-08 02:30:00", "2026-03-08T07:30:00Z"}, // skipped: the offset before the gap
		{"2026-03-08 01:59:59", "2026-03-08T06:59:59Z"},
		{"2026-03-08 03:00:00", "2026-03-08T07:00:00Z"},
		{"2026-11-01 01:30:00", "2026-11-01T05:30:00Z"}, // twice: the first
		{"2026-11-01 02:00:00", "2026-11-01T07:00:00Z"},
		{"2026-11-01 01:30:00Z", "2026-11-01T01:30:00Z"},
	} {
		micros, ok := ParseTimestamp([]byte(c.text), newYork)
		if got := string(AppendISO(nil, micros)); !ok || got != c.want {
			t.Errorf("timestamp %q in New York = %s %v, want %s", c.text, got, ok, c.want)
		}
	}
	if got := string(AppendTimestamp(nil, 0, zoneOf(t, "Asia/Tokyo"))); got != "1970-01-01 09:00:00" {
		t.Errorf("1970 in Tokyo is %s", got)
	}
}

func TestParseDate(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"2026-01-02", "2026-01-02"}, {"2026-1-2", "2026-01-02"}, {"2026", "2026-01-01"}, {"2026-02", "2026-02-01"},
		{"2026-01-02 03:04:05", "2026-01-02"}, {"2026-01-02Tx", "2026-01-02"}, {" 1969-12-31 ", "1969-12-31"}, {"0001-01-01", "0001-01-01"},
		{"2026-13-02", ""}, {"2026-02-29", ""}, {"", ""}, {"2026-", ""}, {"2026 ", "2026-01-01"}, {"2026 x", ""}, {"202-01-01", ""}, {"2026-01-02x", ""},
	} {
		days, ok := ParseDate([]byte(c.text))
		if got := string(AppendDate(nil, days)); ok != (c.want != "") || ok && got != c.want {
			t.Errorf("date %q = %s %v, want %q", c.text, got, ok, c.want)
		}
	}
}

// The calendar and the texts of instants agree with package time from year 1 to 9999.
func TestTimesAgreeWithGo(t *testing.T) {
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(first, last).Draw(t, "second"), rapid.Int64Range(0, 999_999).Draw(t, "micro")*1000).UTC()
		micros := at.UnixMicro()
		for _, form := range []string{"2006-01-02T15:04:05.999999Z07:00", "2006-01-02 15:04:05.000000", "2006-01-02T15:04:05.000000-07:00"} {
			if got, ok := ParseTimestamp([]byte(at.Format(form)), nil); !ok || got != micros {
				t.Fatalf("%s parses to %d %v, want %d", at.Format(form), got, ok, micros)
			}
		}
		if got, want := string(AppendTimestamp(nil, micros, nil)), at.Format("2006-01-02 15:04:05.999999"); got != want {
			t.Fatalf("text is %s, want %s", got, want)
		}
		days := FloorDiv(micros, MicrosPerDay)
		year, month, day := DateOf(days)
		if int(year) != at.Year() || month != int(at.Month()) || day != at.Day() || DaysOf(year, month, day) != days || DaysIn(year, month) != time.Date(int(year), at.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day() {
			t.Fatalf("%v is %d-%d-%d", at, year, month, day)
		}
	})
}

// Local times of real zones come back, and where two instants have one local time the first one does.
func TestZonesComeBack(t *testing.T) {
	zones := []*time.Location{zoneOf(t, "America/New_York"), zoneOf(t, "Europe/Berlin"), zoneOf(t, "Asia/Tokyo"), zoneOf(t, "Australia/Lord_Howe"), zoneOf(t, "America/St_Johns")}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		micros := rapid.Int64Range(-3e15, 4e15).Draw(t, "micros")
		local := ToLocal(micros, zone)
		back := ToInstant(local, zone)
		if back > micros || ToLocal(back, zone) != local {
			t.Fatalf("%d is local %d, which is %d in %v", micros, local, back, zone)
		}
	})
}

func TestAppendInterval(t *testing.T) {
	dayTime := func(from, to uint8) column.Type { return column.Type{Kind: column.DayTime, From: from, To: to} }
	yearMonth := func(from, to uint8) column.Type { return column.Type{Kind: column.YearMonth, From: from, To: to} }
	for _, c := range []struct {
		v    int64
		t    column.Type
		want string
	}{
		{MicrosPerDay, dayTime(column.UnitDay, column.UnitDay), "INTERVAL '1' DAY"},
		{10 * MicrosPerSecond, dayTime(column.UnitSecond, column.UnitSecond), "INTERVAL '10' SECOND"},
		{MicrosPerMinute, dayTime(column.UnitMinute, column.UnitMinute), "INTERVAL '01' MINUTE"},
		{MicrosPerDay + 2*MicrosPerHour + 3*MicrosPerMinute + 4_500_000, dayTime(column.UnitDay, column.UnitSecond), "INTERVAL '1 02:03:04.5' DAY TO SECOND"},
		{26 * MicrosPerHour, dayTime(column.UnitDay, column.UnitHour), "INTERVAL '1 02' DAY TO HOUR"},
		{-30 * MicrosPerMinute, dayTime(column.UnitDay, column.UnitSecond), "INTERVAL '-0 00:30:00' DAY TO SECOND"},
		{90 * MicrosPerMinute, dayTime(column.UnitHour, column.UnitMinute), "INTERVAL '01:30' HOUR TO MINUTE"},
		{1, yearMonth(column.UnitMonth, column.UnitMonth), "INTERVAL '1' MONTH"},
		{14, yearMonth(column.UnitYear, column.UnitMonth), "INTERVAL '1-2' YEAR TO MONTH"},
		{-14, yearMonth(column.UnitYear, column.UnitMonth), "INTERVAL '-1-2' YEAR TO MONTH"},
		{24, yearMonth(column.UnitYear, column.UnitYear), "INTERVAL '2' YEAR"},
	} {
		if got := string(AppendInterval(nil, c.v, c.t)); got != c.want {
			t.Errorf("interval %d = %s, want %s", c.v, got, c.want)
		}
	}
}

func BenchmarkParseTimestamp(b *testing.B) {
	text := []byte("2026-01-02T03:04:05.123456+00:00")
	for b.Loop() {
		if _, ok := ParseTimestamp(text, nil); !ok {
			b.Fatal("does not parse")
		}
	}
}
