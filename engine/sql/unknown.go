package sql

import (
	"fmt"
	"strconv"
	"strings"
)

// The most that a message tells of names: how many there are, and characters of one that somebody wrote.
const (
	mostNames     = 12
	mostCharacter = 80
)

// Quoted is a name that somebody wrote, as a message shows it: in quotes, with escapes, and cut where it is long.
func Quoted(name string) string {
	if r := []rune(name); len(r) > mostCharacter {
		return fmt.Sprintf("%s… (%d bytes)", strconv.Quote(string(r[:mostCharacter/2])), len(name))
	}
	return strconv.Quote(name)
}

// Instead says what there is in place of a name that is none of known, to be put behind a message: the nearest one,
// else the first of them; "" if there is none.
func Instead(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	if len(known) == 0 {
		return ""
	}
	text := "; there are "
	if len(known) == 1 {
		text = "; there is "
	}
	text += strings.Join(known[:min(len(known), mostNames)], ", ")
	if more := len(known) - mostNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
