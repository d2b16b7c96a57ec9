package plan

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/engine/window"
)

// A querySession is what the statements of a session of queries have decided so far.
type querySession struct {
	r     *resolver
	now   session
	set   map[string]string      // what SET has set
	views map[string]*definition // what they replace; nil: nothing
}

// apply takes a statement that is no query. With check it is new: a view is bound at once, and what it shows is given as
// rows.
func (s *querySession) apply(stmt sql.Statement, check bool) Node {
	switch stmt := stmt.(type) {
	case *sql.Set:
		s.setting(stmt)
	case *sql.Reset:
		s.reset(stmt)
	case *sql.ShowSettings:
		return s.show(stmt)
	case *sql.CreateView:
		s.view(stmt, check)
	case *sql.DropView:
		s.drop(stmt)
	case *sql.Use:
		s.r.fault(sql.Fault{Pos: stmt.Pos, Message: "there are no catalogs here", Hint: "leave the statement out"})
	}
	return nil
}

// The settings that a query heeds.
func sessionKeys() []string { return []string{keyTimeZone, keyLoss, keyMemory, keyTimeout} }

func (s *querySession) setting(stmt *sql.Set) {
	key, value := stmt.Prop.Key, stmt.Prop.Value
	as := Setting{Key: key, Value: value, Pos: stmt.Prop.Pos}
	if as.Pos.Line == 0 {
		as.Pos = stmt.Pos
	}
	before := len(s.r.faults)
	want, fixed := sparkResults[key]
	if !fixed && strings.HasPrefix(key, "spark.sql.legacy.") {
		want, fixed = "false", true
	}
	var ignored int64
	switch {
	case key == keyTimeZone:
		zone := s.r.zoneOf(value)
		if zone == nil {
			f := badZone(as.Pos, value)
			if bare := strings.Trim(value, `'"`); bare != value && s.r.zoneOf(bare) != nil {
				f.Hint = "a value has no quotes: write SET " + key + " = " + bare + ", or SET TIME ZONE '" + bare + "'"
			}
			s.r.fault(f)
			return
		}
		s.now.zone = zone
	case key == keyLoss:
		s.r.precisionLoss(as, &s.now.keepScale)
	case key == keyMemory:
		s.r.bytes(as, leastQueryMemory, &ignored)
	case key == keyTimeout:
		s.r.duration(as, &ignored)
	case fixed && strings.EqualFold(value, want):
	case fixed:
		s.r.fault(sql.Fault{Pos: as.Pos, Class: "INVALID_CONF_VALUE.OUT_OF_RANGE_OF_OPTIONS", Message: fmt.Sprintf("%s is %q, and results here are always those of %q", key, value, want),
			Hint: "leave it out, or write " + want})
	default:
		s.r.fault(s.unknown(as.Pos, key))
	}
	if len(s.r.faults) == before {
		s.set[key] = value
	}
}

// unknown is the fault of a key that no query heeds.
func (s *querySession) unknown(pos sql.Pos, key string) sql.Fault {
	f := sql.Fault{Pos: pos, Class: "SQL_CONF_NOT_FOUND", Message: fmt.Sprintf("no query here heeds a setting %q", key), Hint: didYouMean(key, s.keys())}
	switch {
	case f.Hint != "":
	case strings.HasPrefix(key, "spark.") && !strings.HasPrefix(key, "spark.sql."):
		f.Class, f.Hint = "CANNOT_MODIFY_CONFIG", "leave it out: it is about a Spark cluster"
	case strings.HasPrefix(key, "spark."):
		f.Hint = "leave it out if it changes no result; SET alone lists those that there are"
	case strings.HasPrefix(key, "nagare."), strings.HasPrefix(key, "source."), strings.HasPrefix(key, "sink."):
		f.Class, f.Hint = "", "it is a setting of a project: write it under configuration: in spark-pipeline.yml"
	default:
		f.Hint = "SET alone lists those that there are"
	}
	return f
}

// keys is what can be set, and what SET may say as it is.
func (s *querySession) keys() []string {
	return append(sessionKeys(), slices.Sorted(maps.Keys(sparkResults))...)
}

func (s *querySession) reset(stmt *sql.Reset) {
	if stmt.Key != "" && !slices.Contains(s.keys(), stmt.Key) {
		s.r.fault(s.unknown(stmt.Pos, stmt.Key))
		return
	}
	of := s.r.session()
	for _, key := range s.keys() {
		if stmt.Key != "" && stmt.Key != key {
			continue
		}
		delete(s.set, key)
		switch key {
		case keyTimeZone:
			s.now.zone = of.zone
		case keyLoss:
			s.now.keepScale = of.keepScale
		}
	}
}

// show lists what is set.
func (s *querySession) show(stmt *sql.ShowSettings) Node {
	c := s.r.pipe.Config
	value := func(key string) string {
		if v, ok := s.set[key]; ok {
			return v
		}
		switch key {
		case keyTimeZone:
			return c.TimeZone
		case keyLoss:
			return strconv.FormatBool(!c.KeepScale)
		case keyMemory:
			if c.QueryMemory == 0 {
				return "a quarter of the memory"
			}
			return strconv.FormatInt(c.QueryMemory, 10) + "b"
		case keyTimeout:
			if c.QueryTimeout%second != 0 {
				return fmt.Sprintf("%d milliseconds", c.QueryTimeout/millisecond)
			}
			return fmt.Sprintf("%d seconds", c.QueryTimeout/second)
		}
		return sparkResults[key]
	}
	var rows [][]string
	for _, key := range s.keys() {
		if stmt.Key == "" || stmt.Key == key {
			rows = append(rows, []string{key, value(key)})
		}
	}
	if len(rows) == 0 {
		s.r.fault(s.unknown(stmt.Pos, stmt.Key))
	}
	return textRows([]string{"key", "value"}, rows)
}

func (s *querySession) view(stmt *sql.CreateView, check bool) {
	name := stmt.Name.Name
	old, exists := s.r.byName[name]
	if _, ours := s.views[name]; ours && !stmt.OrReplace {
		s.r.fault(sql.Fault{Pos: stmt.Name.Pos, Class: "TEMP_TABLE_OR_VIEW_ALREADY_EXISTS", Message: fmt.Sprintf("the session has a view %q already", name),
			Hint: "write CREATE OR REPLACE TEMPORARY VIEW, or DROP VIEW " + name + " before"})
		return
	} else if !ours {
		if !exists {
			old = nil
		}
		s.views[name] = old
	}
	d := &definition{view: stmt, session: s.now, dataset: &Dataset{Kind: TemporaryView, Name: name, Pos: stmt.Name.Pos, EventTime: -1, Comment: stmt.Comment}}
	if !exists {
		s.r.defs = append(s.r.defs, d)
	}
	s.r.byName[name] = d
	if check && !s.r.resolve(d) && len(s.r.faults) == 0 {
		s.r.fault(sql.Fault{Pos: stmt.Name.Pos, Message: fmt.Sprintf("view %q reads a view that has a fault of its own", name), Hint: "replace that view first"})
	}
}

func (s *querySession) drop(stmt *sql.DropView) {
	name := stmt.Name.Name
	old, ours := s.views[name]
	if !ours {
		if stmt.IfExists {
			return
		}
		f := sql.Fault{Pos: stmt.Name.Pos, Class: "VIEW_NOT_FOUND", Message: fmt.Sprintf("the session has no view %q", name), Hint: didYouMean(name, slices.Sorted(maps.Keys(s.views)))}
		if d := s.r.byName[name]; d != nil {
			f.Class, f.Message, f.Hint = "", fmt.Sprintf("%q is %s of the project", name, d.dataset.Kind), "to take it away, take its statement out of the project"
		}
		s.r.fault(f)
		return
	}
	delete(s.views, name)
	delete(s.r.byName, name)
	if old != nil {
		s.r.byName[name] = old
	}
}

// A Question is a statement of a session of queries.
type Question struct {
	sql.Piece
	// Before is the statements of the session that came before and were good: SET, RESET, CREATE TEMPORARY VIEW, DROP VIEW.
	Before []sql.Piece
}

// Bounds is what SET has said of the memory of a query, in bytes, and of its time in µs; 0: nothing.
func (q Question) Bounds() (memory, timeout int64) {
	for _, piece := range q.Before {
		if !strings.EqualFold(firstWord(piece.Text), "SET") && !strings.EqualFold(firstWord(piece.Text), "RESET") {
			continue
		}
		stmt, _ := sql.ParseSession(piece)
		switch stmt := stmt.(type) {
		case *sql.Set:
			switch stmt.Prop.Key {
			case keyMemory:
				memory, _ = parseBytes(stmt.Prop.Value)
			case keyTimeout:
				timeout, _, _ = window.ParseDuration(stmt.Prop.Value)
			}
		case *sql.Reset:
			if stmt.Key == "" || stmt.Key == keyMemory {
				memory = 0
			}
			if stmt.Key == "" || stmt.Key == keyTimeout {
				timeout = 0
			}
		}
	}
	return memory, timeout
}

func firstWord(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool { return !('a' <= r|0x20 && r|0x20 <= 'z') })
	if end < 0 {
		return text
	}
	return text[:end]
}

// ParseQueryLimits reads what a command line says of a query: bytes ("512 MB") and a duration in µs ("30 seconds"). An
// empty text is 0.
func ParseQueryLimits(memory, timeout string) (bytes, micros int64, err error) {
	if memory != "" {
		n, ok := parseBytes(memory)
		if !ok || n < leastQueryMemory {
			return 0, 0, fmt.Errorf(`the memory of a query is %q: write a number and a unit, "64 MB" or more`, memory)
		}
		bytes = n
	}
	if timeout != "" {
		d, _, derr := window.ParseDuration(timeout)
		if derr != nil || d <= 0 {
			return 0, 0, fmt.Errorf(`the time of a query is %q: write a number and a unit: "30 seconds", "5 minutes"`, timeout)
		}
		micros = min(d, mostDuration)
	}
	return bytes, micros, nil
}

// textRows is rows of texts.
func textRows(names []string, rows [][]string) Node {
	v := &Values{}
	for _, name := range names {
		v.Cols = append(v.Cols, Column{Name: name, Type: column.Of(column.String)})
	}
	for _, row := range rows {
		nodes := make([]*expr.Node, len(row))
		for i, text := range row {
			c := &column.Vector{Type: column.Of(column.String)}
			c.AppendBytes([]byte(text))
			c.EnsureNull(1)
			nodes[i] = &expr.Node{Op: expr.OpConst, Type: c.Type, Const: c}
		}
		v.Rows = append(v.Rows, nodes)
	}
	return v
}
