package sql

import (
	"fmt"
	"sort"
)

// A Fault is one thing wrong with a project, as `nagare check` prints it:
//
//	transformations/sales.sql:12:8: column "amuont" does not exist; did you mean "amount"? [UNRESOLVED_COLUMN.WITH_SUGGESTION]
type Fault struct {
	Pos     Pos
	Message string // what is wrong, what was expected; a sentence without the final point
	Hint    string // what to do; may be empty
	Class   string // Spark's error class where Spark has one
}

// Error is the fault on one line.
func (f Fault) Error() string {
	text := f.Message
	if f.Hint != "" {
		text += "; " + f.Hint
	}
	if f.Class != "" {
		text += " [" + f.Class + "]"
	}
	switch {
	case f.Pos.Line == 0 && f.Pos.File == "":
		return text
	case f.Pos.File == "": // a place in a text that is no file, as the schema of from_json
		return fmt.Sprintf("%d:%d: %s", f.Pos.Line, f.Pos.Col, text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", f.Pos.File, f.Pos.Line, f.Pos.Col, text)
}

// Faults is all that is wrong, in order of place.
type Faults []Fault

// Error is one fault a line.
func (f Faults) Error() string {
	text := ""
	for i := range f {
		if i > 0 {
			text += "\n"
		}
		text += f[i].Error()
	}
	return text
}

// Sort orders faults by file, line and column.
func (f Faults) Sort() {
	sort.SliceStable(f, func(i, j int) bool {
		a, b := f[i].Pos, f[j].Pos
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Col < b.Col
	})
}
