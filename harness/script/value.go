package script

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// null is how NULL is written.
const null = "NULL"

func isDay(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}

// recordOf turns an input line into the value of a record: words of the form name=value become a JSON
// object, in their order; any other line stays as it is.
func recordOf(line, day string) ([]byte, error) {
	first, _, _ := strings.Cut(line, " ")
	if name, _, ok := strings.Cut(first, "="); !ok || !isName(name) {
		return []byte(line), nil
	}
	out := []byte{'{'}
	for rest := line; rest != ""; {
		name, value, left, err := nextWord(rest)
		if err != nil {
			return nil, err
		}
		rest = left
		text, err := jsonOf(value, day)
		if err != nil {
			return nil, err
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, quote(name)...), ':'), text...)
	}
	return append(out, '}'), nil
}

func isName(text string) bool {
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' && r != '.' {
			return false
		}
	}
	return text != ""
}

// nextWord takes name=value off a line; a value in quotes may hold blanks.
func nextWord(line string) (name, value, rest string, err error) {
	name, rest, ok := strings.Cut(line, "=")
	if !ok || !isName(name) {
		return "", "", "", fmt.Errorf("%q is not of the form name=value", line)
	}
	if !strings.HasPrefix(rest, `"`) {
		value, rest, _ = strings.Cut(rest, " ")
		return name, value, strings.TrimLeft(rest, " "), nil
	}
	dec := json.NewDecoder(strings.NewReader(rest))
	var text string
	if err := dec.Decode(&text); err != nil {
		return "", "", "", fmt.Errorf("the value of %s is no text in quotes, as JSON has them: %w", name, err)
	}
	end := int(dec.InputOffset())
	return name, rest[:end], strings.TrimLeft(rest[end:], " "), nil
}

// jsonOf is the JSON of a value: what is written as JSON, NULL, a time of the day, else a text.
func jsonOf(value, day string) (string, error) {
	if clock, ok := strings.CutPrefix(value, "@"); ok {
		at, err := timeOf(value, day)
		if err != nil {
			return "", fmt.Errorf("@%s is no time of day such as @12:01 or @12:01:30", clock)
		}
		return quote(at.Format("2006-01-02T15:04:05.999999Z07:00")), nil
	}
	switch {
	case value == null:
		return "null", nil
	case value != "" && json.Valid([]byte(value)):
		return value, nil
	}
	return quote(value), nil
}

// timeOf reads @12:01:30 as a time of the day, or a whole ISO 8601 time.
func timeOf(text, day string) (time.Time, error) {
	clock, daily := strings.CutPrefix(text, "@")
	if !daily {
		return time.Parse(time.RFC3339Nano, text)
	}
	t, err := time.Parse(time.DateOnly+"T15:04:05.999999999", day+"T"+clock)
	if err != nil {
		t, err = time.Parse(time.DateOnly+"T15:04", day+"T"+clock)
	}
	return t.UTC(), err
}

func quote(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(fmt.Sprintf("BUG: a string has no JSON: %v", err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shown is a value as an output has it: bare where it can be.
func shown(text *string) string {
	if text == nil {
		return null
	}
	bare := *text != "" && *text != null && !strings.ContainsFunc(*text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar
	}) && !strings.HasPrefix(*text, `"`)
	if bare {
		return *text
	}
	return quote(*text)
}
