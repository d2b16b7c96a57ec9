package file

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/nagare-stream/nagare/engine/record"
)

// maxKcatPartitions bounds the lanes that a damaged number can ask for.
const maxKcatPartitions = 10_000

// kcatLine is one line of kcat -J. The parts are places in the line.
type kcatLine struct {
	topic     []byte
	partition int32
	offset    int64
	time      int64 // microseconds; -1: the line has none
	appended  bool  // the log gave the time
	key       part
	payload   part
	headers   []byte // a JSON array: keys and values in turn; nil: there are none
}

// part is a key or a payload: the inside of a JSON string, or another JSON value as its text.
type part struct {
	text    []byte
	seen    bool
	null    bool
	escaped bool
	base64  bool
}

// looksLikeKcat reports whether a line has the members that make a line of kcat -J, whatever their values.
func looksLikeKcat(line []byte) bool {
	var m member
	names := map[string]bool{}
	i, state := firstMember(line, &m)
	for ; state == found; i, state = nextMember(line, i, &m) {
		names[string(line[m.name:m.nameEnd])] = true
	}
	return state == ended && names["topic"] && names["partition"] && names["offset"] && (names["payload"] || names["payload_base64"])
}

// parse takes a line apart. Members of other names are left out of account; of a repeated name the
// last one holds.
func (k *kcatLine) parse(line []byte) error {
	*k = kcatLine{partition: -1, offset: -1, time: -1}
	var m member
	i, state := firstMember(line, &m)
	for ; state == found; i, state = nextMember(line, i, &m) {
		value := line[m.value:m.valueEnd]
		var err error
		switch string(line[m.name:m.nameEnd]) {
		case "topic":
			if m.kind != '"' {
				return fmt.Errorf("topic is %.40s: want a string", value)
			}
			k.topic = value
		case "partition":
			var n int64
			if n, err = number("partition", value, 0, maxKcatPartitions-1); err == nil {
				k.partition = int32(n)
			}
		case "offset":
			k.offset, err = number("offset", value, 0, 1<<62)
		case "ts":
			// Below 0 it has none, as with -1; a zero time of Go lies in the year 1.
			if k.time, err = number("ts", value, -1<<62, 1<<62/1000); k.time > 0 {
				k.time *= 1000
			}
		case "tstype":
			k.appended = string(value) == "logappend"
		case "headers":
			k.headers = value
		case "key":
			k.key.set(&m, value, false)
		case "key_base64":
			k.key.set(&m, value, true)
		case "payload":
			k.payload.set(&m, value, false)
		case "payload_base64":
			k.payload.set(&m, value, true)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case state == broken:
		return fmt.Errorf("malformed JSON at byte %d", i+1)
	case len(bytes.TrimLeft(line[i:], " \t\r")) > 0:
		return fmt.Errorf("text behind the object at byte %d", i+1)
	case k.topic == nil:
		return fmt.Errorf("topic is missing")
	case k.partition < 0:
		return fmt.Errorf("partition is missing")
	case k.offset < 0:
		return fmt.Errorf("offset is missing")
	case !k.payload.seen:
		return fmt.Errorf("payload is missing: want payload, which may be null, or payload_base64")
	}
	return nil
}

func (p *part) set(m *member, value []byte, base64 bool) {
	*p = part{text: value, seen: true, escaped: m.escaped, base64: base64}
	p.null = m.kind != '"' && string(value) == "null"
}

// append appends the bytes that a part stands for.
func (p *part) append(dst []byte, name string) ([]byte, error) {
	switch {
	case p.base64:
		at := len(dst)
		n := base64.StdEncoding.DecodedLen(len(p.text))
		dst = slices.Grow(dst, n)
		n, err := base64.StdEncoding.Decode(dst[at:at+n], p.text)
		if err != nil {
			return dst[:at], fmt.Errorf("%s is not base64: %w", name, err)
		}
		return dst[:at+n], nil
	case p.escaped:
		dst, ok := appendUnescaped(dst, p.text)
		if !ok {
			return dst, fmt.Errorf("%s has an escape that JSON does not know", name)
		}
		return dst, nil
	}
	return append(dst, p.text...), nil
}

// appendHeaders appends the headers of a line in the engine's form.
func (k *kcatLine) appendHeaders(dst []byte) ([]byte, error) {
	rest := bytes.TrimSpace(k.headers)
	if len(rest) == 0 || string(rest) == "null" {
		return dst, nil
	}
	wrong := fmt.Errorf("headers is %.40s: want an array of keys and values in turn, strings or null", k.headers)
	if rest[0] != '[' || rest[len(rest)-1] != ']' {
		return dst, wrong
	}
	var key []byte
	rest = bytes.TrimSpace(rest[1 : len(rest)-1])
	for n := 0; len(rest) > 0; n++ {
		var text []byte
		if after, null := bytes.CutPrefix(rest, []byte("null")); null && n%2 == 1 {
			rest = after
		} else {
			end := 1
			for rest[0] == '"' && end < len(rest) && rest[end] != '"' {
				if rest[end] == '\\' {
					end++
				}
				end++
			}
			if rest[0] != '"' || end >= len(rest) {
				return dst, wrong
			}
			var ok bool
			if text, ok = appendUnescaped([]byte{}, rest[1:end]); !ok {
				return dst, wrong
			}
			rest = rest[end+1:]
		}
		if n%2 == 0 {
			key = text
		} else {
			dst = record.AppendHeader(dst, key, text)
		}
		rest = bytes.TrimSpace(rest)
		if len(rest) == 0 && n%2 == 1 {
			return dst, nil
		}
		if len(rest) == 0 || rest[0] != ',' {
			return dst, wrong
		}
		if rest = bytes.TrimSpace(rest[1:]); len(rest) == 0 {
			return dst, wrong
		}
	}
	return dst, nil
}

// number reads a whole number in a range.
func number(name string, text []byte, low, high int64) (int64, error) {
	n, negative, digits := int64(0), false, text
	if len(digits) > 1 && digits[0] == '-' {
		negative, digits = true, digits[1:]
	}
	for _, c := range digits {
		if c < '0' || c > '9' || n > (1<<63-10)/10 {
			return -1, fmt.Errorf("%s is %.40s: want a whole number from %d to %d", name, text, low, high)
		}
		n = n*10 + int64(c-'0')
	}
	if negative {
		n = -n
	}
	if len(digits) == 0 || n < low || n > high {
		return -1, fmt.Errorf("%s is %.40s: want a whole number from %d to %d", name, text, low, high)
	}
	return n, nil
}

// addKcat adds a record to a lane. Scratch is memory for the key.
func (p *pass) addKcat(to *lane, k *kcatLine, scratch []byte) ([]byte, error) {
	var key []byte
	if k.key.seen && !k.key.null {
		if scratch == nil {
			scratch = make([]byte, 0, 64)
		}
		var err error
		if key, err = k.key.append(scratch[:0], "key"); err != nil {
			return scratch, err
		}
		scratch = key
	}
	r := to.fill
	if r == nil {
		r = p.refill(to)
	}
	if k.payload.null {
		r.Values.AppendNull()
	} else {
		before := len(r.Values.Data)
		data, err := k.payload.append(r.Values.Data, "payload")
		if err != nil {
			r.Values.Data = data[:before]
			return scratch, err
		}
		r.Values.Data = data
		r.Values.Close()
	}
	if p.src.cfg.Headers {
		headers, err := k.appendHeaders(nil)
		if err != nil {
			return scratch, err
		}
		r.PutHeaders(len(r.Offsets), headers)
	}
	time := k.time
	if time < 0 {
		time = p.src.cfg.Now
	} else if k.appended {
		r.PutTimeKind(len(r.Offsets), record.LogAppendTime)
	}
	return scratch, p.add(to, key, time)
}
