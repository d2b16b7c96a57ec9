package plan

import (
	"time"

	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// Input is a project as it was read: the configuration of its spec and its SQL files.
type Input struct {
	Name   string
	Config []Setting // in order of the spec
	Files  []File    // in the order in which their statements count
}

// Setting is one key of the configuration.
type Setting struct {
	Key, Value string
	Pos        sql.Pos
}

// File is one SQL file.
type File struct{ Path, Text string }

// Resolve reads a project's files and resolves names, types and queries. It returns all faults that
// it finds, sorted by place; with faults the Pipeline holds what could be resolved and must not run.
func Resolve(in Input) (*Pipeline, sql.Faults) {
	r := &resolver{pipe: &Pipeline{Name: in.Name, Input: in}, byName: map[string]*definition{}}
	r.settings = in.Config
	r.configure(in.Config)
	var unread []string
	for _, f := range in.Files {
		statements, names, faults := sql.ReadFile(f.Path, f.Text)
		unread = append(unread, names...)
		r.faults = append(r.faults, faults...)
		r.unread = r.unread || len(faults) > 0
		r.register(statements)
	}
	for _, name := range unread {
		r.unknown(name)
	}
	r.attachFlows()
	for _, d := range r.defs {
		r.resolve(d)
	}
	for _, s := range r.pipe.Sinks {
		r.resolveSink(s)
	}
	for _, a := range r.pipe.Alerts {
		r.resolveAlert(a)
	}
	for _, def := range r.pipe.Page {
		r.resolvePage(def)
	}
	r.checkTableKeys()
	r.checkRunnable()
	r.faults = once(r.faults)
	return r.pipe, r.faults
}

// checkRunnable asks for the operators of the engine, so that what it cannot run is a fault now. A
// flow that has a fault already is not named twice.
func (r *resolver) checkRunnable() {
	if len(r.faults) > 0 {
		return
	}
	for _, d := range r.pipe.Datasets {
		for _, f := range d.Flows {
			if _, ok := folded(f.Root); !ok {
				r.fault(*longExpression(f.Pos))
				return
			}
		}
	}
	_, faults := r.pipe.StreamOps()
	r.faults = append(r.faults, faults...)
}

// once sorts faults and leaves out repetitions.
func once(faults sql.Faults) sql.Faults {
	faults.Sort()
	kept := faults[:0]
	for i, f := range faults {
		repeated := false
		for j := len(kept) - 1; j >= 0 && kept[j].Pos == f.Pos; j-- {
			repeated = repeated || kept[j] == f
		}
		if !repeated {
			kept = append(kept, faults[i])
		}
	}
	return kept
}

// resolver holds a project while it is resolved.
type resolver struct {
	pipe     *Pipeline
	faults   sql.Faults
	defs     []*definition
	byName   map[string]*definition
	flows    []*flowDefinition
	path     []*definition // being resolved, for the message of a cycle
	sinkSet  map[string]*sinkSettings
	alertSet map[string]alertSettings
	settings []Setting
	meant    []string // keys that misspelt ones were to be: that they are missing is no fault beside that
	unread   bool     // a file has syntax faults: statements may be missing
	adhoc    bool     // `nagare query`: every relation is read as it stands, as a bounded one
	files    OpenFile // of a query that may read files; nil: it may not
}

// A definition is a dataset and the statement that made it.
type definition struct {
	dataset *Dataset
	table   *sql.CreateTable
	view    *sql.CreateView
	session session
	flows   []*flowDefinition
	state   resolveState
}

// persisted reports a view that is no TEMPORARY VIEW.
func (d *definition) persisted() bool { return d.view != nil && !d.view.Temporary }

// session is what SET statements before a statement decide.
type session struct {
	zone      *time.Location
	keepScale bool // spark.sql.decimalOperations.allowPrecisionLoss = false
}

// session is what the project's configuration decides.
func (r *resolver) session() session {
	return session{zone: r.zone(r.pipe.Config.TimeZone), keepScale: r.pipe.Config.KeepScale}
}

// binder binds expressions over a scope.
func (s session) binder(over expr.Scope) *expr.Binder {
	return &expr.Binder{Scope: over, Zone: s.zone, KeepScale: s.keepScale}
}

type flowDefinition struct {
	stmt    *sql.CreateFlow
	session session
}

type resolveState uint8

const (
	unresolved resolveState = iota
	resolving
	resolved
	broken // has a fault of its own; what reads it adds none
)

func (r *resolver) fault(f sql.Fault) { r.faults = append(r.faults, f) }
