package codec

import (
	"math"
	"strconv"
	"strings"
)

// A JSONPath is a path of SQL's get_json_object: $ and then .name, ['name'], [n] and [*]. It is used by one
// goroutine.
//
// What [*] gives is as Spark, and Hive before it, has it: one match is the match itself, several are an array,
// and two [*] behind each other lay the arrays inside end to end.
type JSONPath struct {
	steps []pathStep

	text  []byte // that is read
	out   []byte // that is written
	comma bool   // the next value follows another one in its array
}

type pathStep struct {
	kind  pathKind
	name  string
	index int
}

type pathKind uint8

const (
	pathField pathKind = iota
	pathIndex
	pathEach // [*]
	pathNone // .* and ['*'], which lead nowhere
)

// pathStyle is how what is found is written.
type pathStyle uint8

const (
	pathRaw    pathStyle = iota // a string without its quotes
	pathQuoted                  // as JSON: it stands in an array
	pathFlat                    // the same, with arrays laid open
)

// NewJSONPath reads a path; false if it is none. Blanks may stand where Spark's parser passes over them.
func NewJSONPath(text string) (*JSONPath, bool) {
	rest, ok := strings.CutPrefix(text, "$")
	p := &JSONPath{}
	for ok {
		if trimLeft(rest) == "" {
			return p, true
		}
		var step pathStep
		step, rest, ok = cutPathStep(rest)
		p.steps = append(p.steps, step)
	}
	return nil, false
}

func trimLeft(s string) string { return strings.TrimLeft(s, " \t\n\v\f\r") }

func cutPathStep(s string) (step pathStep, rest string, ok bool) {
	for _, none := range []string{".*", "['*']"} {
		if rest, ok := strings.CutPrefix(trimLeft(s), none); ok {
			return pathStep{kind: pathNone}, rest, true
		}
	}
	if rest, ok := strings.CutPrefix(s, "."); ok {
		step.name, rest = cutUntil(trimLeft(rest), ".[")
		return step, rest, step.name != ""
	}
	if rest, ok := strings.CutPrefix(trimLeft(s), "['"); ok {
		step.name, rest = cutUntil(trimLeft(rest), "'")
		rest, ok = strings.CutPrefix(rest, "']")
		return step, rest, ok && step.name != ""
	}
	if rest, ok := strings.CutPrefix(s, "[*]"); ok {
		return pathStep{kind: pathEach}, rest, true
	}
	rest, ok = strings.CutPrefix(s, "[")
	digits, rest, closed := strings.Cut(trimLeft(rest), "]")
	n, err := strconv.ParseUint(digits, 10, 63)
	return pathStep{kind: pathIndex, index: int(min(n, math.MaxInt32))}, rest, ok && closed && err == nil
}

// cutUntil cuts s before the first of the characters.
func cutUntil(s, chars string) (before, rest string) {
	if at := strings.IndexAny(s, chars); at >= 0 {
		return s[:at], s[at:]
	}
	return s, ""
}

// Append appends what a text has at the path; false, and nothing, if it has nothing there or does not begin
// with a JSON value. What follows that value is not looked at.
func (p *JSONPath) Append(dst, text []byte) ([]byte, bool) {
	at := skipBlanks(text, 0)
	if end, _ := scanValue(text, at, DefaultMaxDepth); end < 0 {
		return dst, false
	}
	p.text, p.out, p.comma = text, dst, false
	if _, found := p.value(at, p.steps, pathRaw); !found {
		return dst, false
	}
	return p.out, true
}

// value writes what the value at a place has at the end of the steps. It returns the place behind the value,
// which is checked, and whether anything was found.
func (p *JSONPath) value(at int, steps []pathStep, style pathStyle) (end int, found bool) {
	c := p.text[at]
	switch {
	case len(steps) == 0 && c == '[' && style == pathFlat:
		return p.each(at, nil, pathFlat)
	case len(steps) == 0:
		end, s := scanValue(p.text, at, DefaultMaxDepth)
		if style == pathRaw && c == '"' {
			p.out = appendUnescaped(p.out, p.text[s.start:s.end])
			return end, true
		}
		p.next()
		p.out = appendJSONText(p.out, p.text[at:end])
		return end, true
	case c == '{' && steps[0].kind == pathField:
		return p.field(at, steps, style)
	case c == '[' && steps[0].kind == pathIndex:
		return p.element(at, steps, style)
	case c == '[' && steps[0].kind == pathEach:
		return p.wildcard(at, steps, style)
	}
	end, _ = scanValue(p.text, at, DefaultMaxDepth)
	return end, false
}

// next puts a comma before what is written next, if it needs one.
func (p *JSONPath) next() {
	if p.comma {
		p.out = append(p.out, ',')
	}
	p.comma = true
}

// field follows a name, in the first field of that name in which something is found.
func (p *JSONPath) field(at int, steps []pathStep, style pathStyle) (end int, found bool) {
	var name []byte
	for at = skipBlanks(p.text, at+1); p.text[at] != '}'; {
		if p.text[at] == ',' {
			at = skipBlanks(p.text, at+1)
		}
		close, escaped := scanString(p.text, at+1)
		key := p.text[at+1 : close-1]
		if escaped {
			name = appendUnescaped(name[:0], key)
			key = name
		}
		at = scanName(p.text, at)
		if !found && string(key) == steps[0].name && p.text[at] != 'n' { // null
			at, found = p.value(at, steps[1:], style)
		} else {
			at, _ = scanValue(p.text, at, DefaultMaxDepth)
		}
		at = skipBlanks(p.text, at)
	}
	return at + 1, found
}

// element follows an index.
func (p *JSONPath) element(at int, steps []pathStep, style pathStyle) (end int, found bool) {
	if len(steps) > 1 && steps[1].kind == pathEach {
		style = pathQuoted
	}
	at = skipBlanks(p.text, at+1)
	for n := 0; p.text[at] != ']'; n++ {
		if p.text[at] == ',' {
			at = skipBlanks(p.text, at+1)
		}
		if n == steps[0].index {
			at, found = p.value(at, steps[1:], style)
		} else {
			at, _ = scanValue(p.text, at, DefaultMaxDepth)
		}
		at = skipBlanks(p.text, at)
	}
	return at + 1, found
}

// each follows the steps from each element of an array.
func (p *JSONPath) each(at int, steps []pathStep, style pathStyle) (end int, found bool) {
	end, n := p.count(at, steps, style)
	return end, n > 0
}

// count is each, and returns in how many elements something was found.
func (p *JSONPath) count(at int, steps []pathStep, style pathStyle) (end, n int) {
	for at = skipBlanks(p.text, at+1); p.text[at] != ']'; {
		if p.text[at] == ',' {
			at = skipBlanks(p.text, at+1)
		}
		var found bool
		if at, found = p.value(at, steps, style); found {
			n++
		}
		at = skipBlanks(p.text, at)
	}
	return at + 1, n
}

// wildcard follows [*].
func (p *JSONPath) wildcard(at int, steps []pathStep, style pathStyle) (end int, found bool) {
	mark, comma := len(p.out), p.comma
	p.next()
	open := len(p.out)
	p.out, p.comma = append(p.out, '['), false
	n, always := 0, true
	switch {
	case len(steps) > 1 && steps[1].kind == pathEach:
		end, n = p.count(at, steps[2:], pathFlat)
	case style == pathFlat:
		always = false
		end, n = p.count(at, steps[1:], pathFlat)
	default:
		always = style == pathQuoted
		end, n = p.count(at, steps[1:], pathQuoted)
	}
	p.comma = true
	switch {
	case always || n > 1:
		p.out = append(p.out, ']')
	case n == 1: // without the brackets
		p.out = append(p.out[:open], p.out[open+1:]...)
	default:
		p.out, p.comma = p.out[:mark], comma
	}
	return end, n > 0
}
