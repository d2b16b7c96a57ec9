package expr

import (
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
)

// appendZone appends the zone as V, z, O, X, x or Z show it.
func appendZone(dst []byte, letter byte, n int, w *wallTime) []byte {
	switch letter {
	case 'V':
		return append(dst, codec.ZoneID(w.zone)...)
	case 'z', 'v':
		return appendZoneName(dst, w, letter, n == 4)
	case 'O':
		dst = append(dst, "GMT"...)
		if w.offset == 0 {
			return dst
		}
		if n == 1 {
			return appendShortOffset(dst, w.offset)
		}
		return appendOffset(dst, w.offset, 5)
	case 'X':
		if w.offset == 0 {
			return append(dst, 'Z')
		}
		return appendOffset(dst, w.offset, n)
	case 'Z':
		switch {
		case n == 4 && w.offset == 0:
			return append(dst, "GMT"...)
		case n == 4:
			return appendOffset(append(dst, "GMT"...), w.offset, 5)
		case n == 5 && w.offset == 0:
			return append(dst, 'Z')
		case n == 5:
			return appendOffset(dst, w.offset, 5)
		}
		return appendOffset(dst, w.offset, 2)
	}
	return appendOffset(dst, w.offset, n)
}

func orUTC(zone *time.Location) *time.Location {
	if zone == nil {
		return time.UTC
	}
	return zone
}

func appendShortOffset(dst []byte, seconds int64) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = appendDigits(append(dst, sign), seconds/3600, 1)
	if seconds%3600 != 0 {
		dst = appendDigits(append(dst, ':'), seconds/60%60, 2)
	}
	if seconds%60 != 0 {
		dst = appendDigits(append(dst, ':'), seconds%60, 2)
	}
	return dst
}

// appendOffset appends ±hh[mm] (n 1), ±hhmm (2), ±hh:mm (3), and with seconds if there are any (4, 5).
func appendOffset(dst []byte, seconds int64, n int) []byte {
	sign := byte('+')
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	dst = appendDigits(append(dst, sign), seconds/3600, 2)
	minutes, rest := seconds/60%60, seconds%60
	colon := n == 3 || n == 5
	if n == 1 && minutes == 0 {
		return dst
	}
	if colon {
		dst = append(dst, ':')
	}
	dst = appendDigits(dst, minutes, 2)
	if n >= 4 && rest != 0 {
		if colon {
			dst = append(dst, ':')
		}
		dst = appendDigits(dst, rest, 2)
	}
	return dst
}
