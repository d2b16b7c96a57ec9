package expr

import (
	_ "embed"
	"strings"
	"sync"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
)

// zoneNameTable is the names of time zones that the letter z of a pattern shows and reads.
//
//go:embed zone_names.tsv
var zoneNameTable string

// zoneNames is a zone's names: short and long, in standard time, in summer time, of the whole year.
type zoneNames struct{ standard, standardLong, summer, summerLong, generic, genericLong string }

// zoneDirectory is zoneNameTable taken apart, by names in lower case where they are read.
type zoneDirectory struct {
	names       map[string]zoneNames
	short, long map[string]string // name → zone
	ids         map[string]string // in lower case → as it is written
}

var zoneDirectoryOf = sync.OnceValue(func() *zoneDirectory {
	d := &zoneDirectory{names: map[string]zoneNames{}, short: map[string]string{}, long: map[string]string{}, ids: map[string]string{}}
	for line := range strings.Lines(zoneNameTable) {
		part := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		switch part[0] {
		case "zone":
			for _, zone := range strings.Fields(part[7]) {
				d.ids[strings.ToLower(zone)] = zone
				d.names[zone] = zoneNames{part[1], part[2], part[3], part[4], part[5], part[6]}
			}
		case "short", "long":
			to := d.short
			if part[0] == "long" {
				to = d.long
			}
			for _, name := range part[2:] {
				to[strings.ToLower(name)] = part[1]
			}
		}
	}
	return d
})

// appendZoneName appends the name of a zone as z shows it, for the time, or v; a zone without one shows its id.
func appendZoneName(dst []byte, w *wallTime, letter byte, long bool) []byte {
	zone := orUTC(w.zone)
	names, ok := zoneDirectoryOf().names[zone.String()]
	if !ok {
		return append(dst, codec.ZoneID(zone)...)
	}
	name, longName := names.standard, names.standardLong
	switch {
	case letter == 'v':
		name, longName = names.generic, names.genericLong
	case isSummer(time.Unix(w.instantSecond, 0).In(zone)):
		name, longName = names.summer, names.summerLong
	}
	if long {
		name = longName
	}
	return append(dst, name...)
}

// isSummer reports summer time, as Java has it: never behind standard time. The zone files call the winter
// of Ireland, and of Prague in 1946, a summer time of minus one hour.
func isSummer(at time.Time) bool {
	_, offset := at.Zone()
	switch at.Location().String() {
	case "Europe/Dublin", "Eire":
		return offset >= 3600
	}
	if !at.IsDST() {
		return false
	}
	start, _ := at.ZoneBounds()
	if start.IsZero() {
		return true
	}
	before := start.Add(-time.Second)
	_, was := before.Zone()
	return before.IsDST() || was <= offset
}

// readZone reads a zone: an offset, an id, and for z a name.
func (t *parsedTime) readZone(b []byte, letter byte, n int) (rest []byte, ok bool) {
	zone, rest, ok := zoneAt(b, letter, n)
	if !ok || t.zoned && codec.ZoneID(t.zone) != codec.ZoneID(zone) {
		return nil, false
	}
	t.zone, t.zoned = zone, true
	return rest, true
}

func zoneAt(b []byte, letter byte, n int) (zone *time.Location, rest []byte, ok bool) {
	prefix := 0
	for _, name := range [...]string{"UTC", "GMT", "UT"} {
		if len(b) > len(name) && strings.EqualFold(string(b[:len(name)]), name) && (b[len(name)] == '+' || b[len(name)] == '-') {
			prefix = len(name)
			break
		}
	}
	if len(b) > prefix && (b[prefix] == '+' || b[prefix] == '-') {
		_, rest, ok = readOffset(b[prefix:], offsetForm{least: 2, most: 2, colon: true, minutes: true, seconds: true})
		if !ok {
			return nil, nil, false
		}
		zone, ok = codec.ParseZone(string(b[:len(b)-len(rest)]))
		return zone, rest, ok
	}
	// The longest name or id that ends with a word.
	names := zoneDirectoryOf()
	for end := len(b); end > 0; end-- {
		if end < len(b) && isZoneLetter(b[end]) {
			continue
		}
		id := zoneIDAt(string(b[:end]))
		if letter != 'V' && id == "" {
			by := names.short
			if n == 4 {
				by = names.long
			}
			id = by[strings.ToLower(string(b[:end]))]
		}
		if id == "" {
			continue
		}
		if zone, ok = codec.ParseZone(id); ok {
			return zone, b[end:], true
		}
	}
	return nil, nil, false
}

func isZoneLetter(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '/' || c == '_'
}

// zoneIDAt is the id that a text is in whatever case, "" for none; the short names of old (PST) are none.
func zoneIDAt(text string) string {
	if strings.EqualFold(text, "Z") {
		return "Z"
	}
	return zoneDirectoryOf().ids[strings.ToLower(text)]
}

// offsetForm is how an offset from UTC is written: the least digits of its hours, a colon between its parts,
// and the parts that it may or has to have.
type offsetForm struct {
	least, most      int
	colon            bool
	minutes, seconds bool // may follow
	needMinutes      bool
	zero             string // written for no offset
	prefix           string // in front of it
}

func offsetFormOf(letter byte, n int) offsetForm {
	f := offsetForm{least: 2, most: 2, minutes: true, needMinutes: true}
	switch {
	case letter == 'O' || letter == 'Z' && n == 4:
		f.prefix, f.colon, f.seconds = "GMT", true, true
		if letter == 'O' && n == 1 {
			f.least, f.needMinutes = 1, false
		}
	case letter == 'Z' && n == 5:
		f.colon, f.seconds, f.zero = true, true, "Z"
	case letter == 'Z':
	default: // X, x
		f.colon = n == 3 || n == 5
		f.seconds = n >= 4
		f.needMinutes = n > 1
		if letter == 'X' {
			f.zero = "Z"
		}
	}
	return f
}

// readOffset reads the letters O, X, x and Z.
func (t *parsedTime) readOffset(b []byte, letter byte, n int) (rest []byte, ok bool) {
	form := offsetFormOf(letter, n)
	if form.prefix != "" {
		if len(b) < 3 || !strings.EqualFold(string(b[:3]), form.prefix) {
			return nil, false
		}
		if b = b[3:]; len(b) == 0 || b[0] != '+' && b[0] != '-' {
			return b, t.put(fieldOffset, 0)
		}
	}
	if form.zero != "" && len(b) > 0 && b[0]|0x20 == 'z' {
		return b[1:], t.put(fieldOffset, 0)
	}
	seconds, rest, ok := readOffset(b, form)
	return rest, ok && t.put(fieldOffset, seconds)
}

// readOffset reads an offset in seconds.
func readOffset(b []byte, f offsetForm) (seconds int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '+' && b[0] != '-' {
		return 0, nil, false
	}
	hours, rest, ok := readDigits(b[1:], f.least, f.most)
	if !ok {
		return 0, nil, false
	}
	total := hours * 3600
	for unit := int64(60); unit >= 1; unit /= 60 {
		if unit == 60 && !f.minutes || unit == 1 && !f.seconds {
			break
		}
		after := rest
		if f.colon && len(after) > 0 {
			if after[0] != ':' {
				after = nil
			} else {
				after = after[1:]
			}
		}
		x, after, ok := readDigits(after, 2, 2)
		if !ok || x > 59 {
			if unit == 60 && f.needMinutes {
				return 0, nil, false
			}
			break
		}
		total, rest = total+x*unit, after
	}
	if b[0] == '-' {
		total = -total
	}
	return total, rest, total >= -18*3600 && total <= 18*3600
}
