package codec

import (
	"strings"
	"time"
)

// maxZoneOffset is Java's bound of a zone offset, in seconds.
const maxZoneOffset = 18 * 3600

// OffsetAt returns the seconds by which the local time of a zone is ahead of UTC at an instant in
// seconds since 1970. A nil zone is UTC.
func OffsetAt(zone *time.Location, seconds int64) int64 {
	if zone == nil || zone == time.UTC {
		return 0
	}
	_, off := time.Unix(seconds, 0).In(zone).Zone()
	return int64(off)
}

// ToLocal returns the local time of an instant, both in microseconds.
func ToLocal(micros int64, zone *time.Location) int64 {
	if zone == nil || zone == time.UTC {
		return micros
	}
	return micros + OffsetAt(zone, FloorDiv(micros, MicrosPerSecond))*MicrosPerSecond
}

// ToInstant returns the instant of a local time, both in microseconds. A local time that occurs
// twice is the first of the two; one that is skipped is read with the offset before the gap, as Java does.
func ToInstant(local int64, zone *time.Location) int64 {
	if zone == nil || zone == time.UTC {
		return local
	}
	const day = 24 * 3600
	sec := FloorDiv(local, MicrosPerSecond)
	before, after := OffsetAt(zone, sec-day), OffsetAt(zone, sec+day)
	if before != after && OffsetAt(zone, sec-before) != before && OffsetAt(zone, sec-after) == after {
		return local - after*MicrosPerSecond
	}
	return local - before*MicrosPerSecond
}

// ParseZone reads a zone as Spark does: Z, ±h, ±hh, ±hhmm, ±hh:mm, ±hh:mm:ss, the same behind UTC, GMT
// or UT, the short names of Java (JST, PST, …), or a region such as Asia/Tokyo.
// Regions need the time zone database of the process.
func ParseZone(s string) (*time.Location, bool) {
	if s == "UTC" {
		return time.UTC, true
	}
	if long, ok := shortZone(s); ok {
		s = long
	}
	if off, ok := parseOffset(s); ok {
		return time.FixedZone(fixedID(s, off), int(off)), true
	}
	if len(s) < 2 || s == "Local" {
		return nil, false // Go's own names, which mean other things
	}
	loc, err := time.LoadLocation(s)
	return loc, err == nil
}

// ZoneID is the id of a zone as Java writes it: UTC (nil too), Asia/Tokyo, +09:00, GMT+01:00.
func ZoneID(zone *time.Location) string {
	if zone == nil {
		zone = time.UTC
	}
	return zone.String()
}

// fixedID is the id of a fixed offset that s names.
func fixedID(s string, off int64) string {
	prefix := strings.TrimRight(s, "Z+-:0123456789")
	if off != 0 {
		return string(appendOffset([]byte(prefix), off))
	}
	if prefix == "" {
		prefix = "Z"
	}
	return prefix
}

// parseOffset reads a fixed offset in seconds.
func parseOffset[T string | []byte](s T) (int64, bool) {
	if len(s) == 1 && s[0] == 'Z' {
		return 0, true
	}
	for _, prefix := range [...]string{"UTC", "GMT", "UT"} {
		if len(s) >= len(prefix) && string(s[:len(prefix)]) == prefix {
			if len(s) == len(prefix) {
				return 0, true
			}
			s = s[len(prefix):]
			break
		}
	}
	if len(s) < 2 || s[0] != '+' && s[0] != '-' {
		return 0, false
	}
	part, ok := offsetParts(s[1:])
	if !ok || part[1] > 59 || part[2] > 59 {
		return 0, false
	}
	off := part[0]*3600 + part[1]*60 + part[2]
	if off > maxZoneOffset {
		return 0, false
	}
	if s[0] == '-' {
		off = -off
	}
	return off, true
}

// offsetParts reads h, hh, hhmm, hhmmss, h:mm, hh:m, hh:mm or hh:mm:ss.
func offsetParts[T string | []byte](s T) (part [3]int64, ok bool) {
	i, colon := 0, false
	for n := range part {
		digits := 0
		for ; i < len(s) && digits < 2 && s[i] >= '0' && s[i] <= '9'; i++ {
			part[n] = part[n]*10 + int64(s[i]-'0')
			digits++
		}
		short := digits == 1 && (n == 1 && !colon || n == 2)
		if digits == 0 || short {
			return part, false
		}
		if i == len(s) {
			return part, true
		}
		if n == 0 {
			colon = s[i] == ':'
		}
		if colon != (s[i] == ':') || !colon && digits == 1 {
			return part, false
		}
		if colon {
			i++
		}
	}
	return part, false
}

// shortZone maps the short names that Java's ZoneId.SHORT_IDS has.
func shortZone(s string) (string, bool) {
	switch s {
	case "EST":
		return "-05:00", true
	case "MST":
		return "-07:00", true
	case "HST":
		return "-10:00", true
	case "ACT":
		return "Australia/Darwin", true
	case "AET":
		return "Australia/Sydney", true
	case "AGT":
		return "America/Argentina/Buenos_Aires", true
	case "ART":
		return "Africa/Cairo", true
	case "AST":
		return "America/Anchorage", true
	case "BET":
		return "America/Sao_Paulo", true
	case "BST":
		return "Asia/Dhaka", true
	case "CAT":
		return "Africa/Harare", true
	case "CNT":
		return "America/St_Johns", true
	case "CST":
		return "America/Chicago", true
	case "CTT":
		return "Asia/Shanghai", true
	case "EAT":
		return "Africa/Addis_Ababa", true
	case "ECT":
		return "Europe/Paris", true
	case "IET":
		return "America/Indiana/Indianapolis", true
	case "IST":
		return "Asia/Kolkata", true
	case "JST":
		return "Asia/Tokyo", true
	case "MIT":
		return "Pacific/Apia", true
	case "NET":
		return "Asia/Yerevan", true
	case "NST":
		return "Pacific/Auckland", true
	case "PLT":
		return "Asia/Karachi", true
	case "PNT":
		return "America/Phoenix", true
	case "PRT":
		return "America/Puerto_Rico", true
	case "PST":
		return "America/Los_Angeles", true
	case "SST":
		return "Pacific/Guadalcanal", true
	case "VST":
		return "Asia/Ho_Chi_Minh", true
	}
	return "", false
}
