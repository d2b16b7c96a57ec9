package codec

// Units of time in microseconds.
const (
	MicrosPerSecond = 1_000_000
	MicrosPerMinute = 60 * MicrosPerSecond
	MicrosPerHour   = 60 * MicrosPerMinute
	MicrosPerDay    = 24 * MicrosPerHour
)

// FloorDiv is a/b rounded towards minus infinity; b > 0.
func FloorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// FloorMod is a - FloorDiv(a, b)*b, in [0, b); b > 0.
func FloorMod(a, b int64) int64 {
	m := a % b
	if m < 0 {
		m += b
	}
	return m
}

// DaysOf returns the days from 1970-01-01 to a date of the proleptic Gregorian calendar.
// The month is 1 to 12; the day need not exist in that month, day 0 being the last of the month before.
//
// The year is counted from March, so that the leap day is its last: the months' lengths from March on
// are then (153*m+2)/5 cumulated, and 400 years are 146,097 days.
func DaysOf(year int64, month, day int) int64 {
	m := int64(month)
	if m <= 2 {
		year--
		m += 12
	}
	return 365*year + FloorDiv(year, 4) - FloorDiv(year, 100) + FloorDiv(year, 400) + (153*(m-3)+2)/5 + int64(day) - 719469
}

// DateOf is the inverse of DaysOf.
func DateOf(days int64) (year int64, month, day int) {
	days += 719468 // from 0000-03-01
	era := FloorDiv(days, 146097)
	doe := days - era*146097 // day of the 400 years
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100) // day of the year that begins in March
	mp := (5*doy + 2) / 153
	year, month, day = yoe+era*400, int(mp)+3, int(doy-(153*mp+2)/5)+1
	if month > 12 {
		month -= 12
		year++
	}
	return year, month, day
}

// DaysIn returns the length of a month, 1 to 12.
func DaysIn(year int64, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func validDate(year int64, month, day int) bool {
	return month >= 1 && month <= 12 && day >= 1 && day <= DaysIn(year, month)
}
