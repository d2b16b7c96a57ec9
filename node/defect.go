package node

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
)

// A DefectError is a fault of nagare itself that a request met. The request ends, and nothing else.
type DefectError struct {
	Part  string // what was done
	Value any    // of the panic
	Place string // where in nagare, "function file:line"
}

func (e *DefectError) Error() string {
	return fmt.Sprintf("%s: this is a fault of nagare itself: %v, in %s; the rest of the pipeline goes on. Please report this line with what was asked", e.Part, e.Value, e.Place)
}

// answered turns a panic of a request into its error. A request reads what the pipeline has made and changes
// none of it, so that the pipeline goes on.
func (n *Node) answered(part string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			defect := &DefectError{Part: part, Value: p, Place: panicPlace()}
			n.log.Error("a request panicked", "part", part, "panic", p, slog.String("stack", stack()))
			err = defect
		}
	}()
	return do()
}

// panicPlace is the function of nagare that panicked. It is called while the panic is handled.
func panicPlace() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	panicked := false
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "runtime.") {
			panicked = panicked || f.Function == "runtime.gopanic"
		} else if _, name, ok := strings.Cut(f.Function, "nagare/"); ok && panicked && !strings.HasSuffix(f.Function, ".(*Eval).leave") {
			_, file, _ := strings.Cut(f.File, "nagare/")
			if file == "" {
				file = f.File
			}
			return fmt.Sprintf("%s %s:%d", name, file, f.Line)
		}
		if !more {
			return "an unknown place"
		}
	}
}
