package script

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/harness/stack"
)

// A Script is a text that was read.
type Script struct {
	Path     string
	settings []stack.Setting
	day      string
	head     string // the text up to the first command
	steps    []step
	tail     string // comments behind the last command
}

// A step is one command.
type step struct {
	above   string // comments
	line    int    // of the command, from 1
	words   []string
	command string
	input   []string
	output  []string
}

// A Fault is a mistake in a script.
type Fault struct {
	Path   string
	Line   int
	Reason string
}

// Error is the fault with its place.
func (f *Fault) Error() string { return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Reason) }

const separator = "----"

// Parse reads a script.
func Parse(path, text string) (*Script, error) {
	s := &Script{Path: path, day: "1970-01-01"}
	var at *step
	output := false
	above := ""
	for i, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		switch {
		case at != nil && line == "":
			at, output = nil, false
		case at != nil && line == separator && !output:
			output = true
		case at != nil && output:
			at.output = append(at.output, line)
		case at != nil:
			at.input = append(at.input, line)
		case line == "" || strings.HasPrefix(line, "#"):
			above += line + "\n"
		default:
			words := strings.Fields(line)
			if done, err := s.setting(words, line, i+1); done {
				if err != nil {
					return nil, err
				}
				above += line + "\n"
				continue
			}
			if len(s.steps) == 0 {
				s.head, above = above, ""
			}
			s.steps = append(s.steps, step{above: above, line: i + 1, words: words, command: line})
			at, above = &s.steps[len(s.steps)-1], ""
			if err := s.check(at); err != nil {
				return nil, err
			}
		}
	}
	if s.tail = strings.TrimRight(above, "\n"); len(s.steps) == 0 {
		return nil, &Fault{path, 1, "there is no command; a script has one at least, as in: send TOPIC"}
	}
	return s, nil
}

// setting takes a line that stands before the commands; false if it is none.
func (s *Script) setting(words []string, line string, at int) (bool, error) {
	if words[0] != "set" && words[0] != "day" {
		return false, nil
	}
	if len(s.steps) > 0 {
		return true, &Fault{s.Path, at, words[0] + " stands before the first command"}
	}
	if words[0] == "day" {
		if len(words) != 2 || !isDay(words[1]) {
			return true, &Fault{s.Path, at, "a day is written as in: day 2026-03-01"}
		}
		s.day = words[1]
		return true, nil
	}
	key, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "set")), "=")
	if key = strings.TrimSpace(key); !ok || key == "" {
		return true, &Fault{s.Path, at, "a setting is written as in: set nagare.watermark.idleTimeout = 1 minute"}
	}
	s.settings = append(s.settings, stack.Setting{Key: key, Value: strings.TrimSpace(value)})
	return true, nil
}

// commands is how each command is written.
func commands() map[string]string {
	return map[string]string{
		"send": "send TOPIC [partition=N] [key=TEXT] [at=TIME]", "pass": "pass 10m", "close": "close",
		"table": "table NAME", "topic": "topic NAME", "query": "query", "alerts": "alerts",
	}
}

// check looks at the words of a command.
func (s *Script) check(at *step) error {
	form, known := commands()[at.words[0]]
	if !known {
		return &Fault{s.Path, at.line, fmt.Sprintf("there is no command %q; there are send, pass, close, table, topic, alerts and query", at.words[0])}
	}
	want := len(strings.Fields(form))
	if n := len(at.words); n == want || at.words[0] == "send" && n >= 2 {
		return nil
	}
	return &Fault{s.Path, at.line, fmt.Sprintf("%s is written as in: %s", at.words[0], form)}
}

// text is the script with the outputs that it has now.
func (s *Script) text() string {
	var b strings.Builder
	b.WriteString(s.head)
	for i := range s.steps {
		at := &s.steps[i]
		b.WriteString(at.above + at.command + "\n")
		for _, list := range [][]string{at.input, {separator}, at.output, {""}} {
			for _, line := range list {
				b.WriteString(line + "\n")
			}
		}
	}
	return strings.TrimRight(b.String(), "\n") + "\n" + s.rest()
}

func (s *Script) rest() string {
	if s.tail == "" {
		return ""
	}
	return "\n" + s.tail + "\n"
}
