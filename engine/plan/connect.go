package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/expr"
	"github.com/nagare-stream/nagare/engine/sql"
)

// sourceSettings is what the configuration says of one source.
type sourceSettings struct {
	dataset *Dataset
	format  string
	// subscribe is the place of option.subscribe, for messages.
	subscribe  sql.Pos
	latest     bool
	offsets    map[string]map[int32]int64 // startingOffsets by topic and partition
	timestamp  int64                      // startingTimestamp, µs
	timestamps map[string]map[int32]int64 // startingOffsetsByTimestamp, ms
}

// sinkSettings is the places of a sink's keys.
type sinkSettings struct {
	format, from sql.Pos
	options      []Setting
}

// sourceSetting takes source.<name>.format and source.<name>.option.<key>.
func (r *resolver) sourceSetting(sources []*sourceSettings, s Setting) []*sourceSettings {
	name, field, ok := strings.Cut(strings.TrimPrefix(s.Key, "source."), ".")
	if !ok || name == "" {
		r.unknownField(s, "source."+name, field, []string{"<name>.format", "<name>.option.<key>"})
		return sources
	}
	var src *sourceSettings
	for _, other := range sources {
		if other.dataset.Name == name {
			src = other
		}
	}
	if src == nil {
		src = &sourceSettings{dataset: &Dataset{Kind: SourceTopic, Name: name, Pos: s.Pos, Schema: SourceSchema,
			Options: map[string]string{}, Stream: true, EventTime: -1}}
		sources = append(sources, src)
	}
	option, isOption := strings.CutPrefix(field, "option.")
	switch {
	case field == "format":
		src.format = s.Value
		if s.Value != "kafka" {
			r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("source %q has format %q, and there is only kafka", name, s.Value),
				Hint: "kafka is the broker of this process, or the cluster under --kafka"})
		}
	case isOption && r.refusedOption("source", name, "", option, s):
	case isOption && sourceOption(option):
		src.dataset.Options[option] = s.Value
		if option == "subscribe" {
			src.subscribe = s.Pos
		}
		r.startOption(src, option, s)
		r.headersOption(src.dataset, option, s)
	case isOption:
		r.unknownOption(s, "source."+name+".option", option, append(sourceOptions(), kafkaClientOptions()...))
	default:
		r.unknownField(s, "source."+name, field, []string{"format", "option.<key>"})
	}
	return sources
}

// headersOption takes includeHeaders, by which a source has the records' headers as a column.
func (r *resolver) headersOption(d *Dataset, option string, s Setting) {
	if option != "includeHeaders" {
		return
	}
	switch strings.ToLower(s.Value) {
	case "true":
		d.Schema = HeadersSchema
	case "false":
		d.Schema = SourceSchema
	default:
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("includeHeaders of source %q is %q, and it can be true or false", d.Name, s.Value)})
	}
}

// finishSource checks a source as a whole and makes it a dataset.
func (r *resolver) finishSource(s *sourceSettings) {
	d := s.dataset
	if s.format == "" && !r.means("source", d.Name, "format") {
		r.fault(sql.Fault{Pos: d.Pos, Message: fmt.Sprintf("source %q has no format", d.Name), Hint: fmt.Sprintf("add source.%s.format: kafka", d.Name)})
	}
	topics, named := d.Options["subscribe"]
	for _, t := range strings.Split(topics, ",") {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(d.Topics, t) {
			d.Topics = append(d.Topics, t)
			r.topicLength(t, mostTopicName-len("$invalid"), s.subscribe)
		}
	}
	if len(d.Topics) == 0 && !r.means("source", d.Name, "option.subscribe") {
		pos := d.Pos
		if named {
			pos = s.subscribe
		}
		r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("source %q names no topic", d.Name), Hint: fmt.Sprintf("add source.%s.option.subscribe: <topic>", d.Name)})
	}
	r.finishStart(s)
	r.add(&definition{dataset: d, state: resolved})
}

// mostTopicName is how many bytes the name of a topic may have, as in Kafka.
const mostTopicName = 249

// topicLength refuses a name that no topic can have. What a source's topic keeps of invalid records is a topic too.
func (r *resolver) topicLength(name string, most int, pos sql.Pos) {
	if len(name) > most {
		r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("topic %.40q… has a name of %d bytes, and %d are possible here", name, len(name), most)})
	}
}

// sinkSetting takes sink.<name>.format, .from and .option.<key>.
func (r *resolver) sinkSetting(s Setting) {
	name, field, ok := strings.Cut(strings.TrimPrefix(s.Key, "sink."), ".")
	if !ok || name == "" {
		r.unknownField(s, "sink."+name, field, []string{"<name>.format", "<name>.from", "<name>.option.<key>"})
		return
	}
	set := r.sinkSet[name]
	if set == nil {
		set = &sinkSettings{}
		r.sinkSet[name] = set
		r.pipe.Sinks = append(r.pipe.Sinks, &SinkDef{Name: name, Pos: s.Pos, Options: map[string]string{}})
	}
	var def *SinkDef
	for _, d := range r.pipe.Sinks {
		if d.Name == name {
			def = d
		}
	}
	option, isOption := strings.CutPrefix(field, "option.")
	switch {
	case field == "format":
		def.Format, set.format = s.Value, s.Pos
	case field == "from":
		def.From, set.from = s.Value, s.Pos
	case isOption:
		def.Options[option] = s.Value
		set.options = append(set.options, Setting{Key: option, Value: s.Value, Pos: s.Pos})
	default:
		r.unknownField(s, "sink."+name, field, []string{"format", "from", "option.<key>"})
	}
}

// finishSink checks a sink's format and options, which need no other part of the project.
func (r *resolver) finishSink(def *SinkDef) {
	set := r.sinkSet[def.Name]
	formats := sinkFormats()
	known, ok := sinkOptions(def.Format)
	switch {
	case def.Format == "" && r.means("sink", def.Name, "format"):
	case def.Format == "":
		r.fault(sql.Fault{Pos: def.Pos, Message: fmt.Sprintf("sink %q has no format", def.Name), Hint: "expected " + strings.Join(formats, ", ")})
	case !ok:
		hint := didYouMean(def.Format, formats)
		if hint == "" {
			hint = "expected " + strings.Join(formats, ", ")
		}
		r.fault(sql.Fault{Pos: set.format, Message: fmt.Sprintf("there is no sink format %q", def.Format), Hint: hint})
		return
	}
	if def.From == "" && def.Format != "webhook" && !r.means("sink", def.Name, "from") {
		r.fault(sql.Fault{Pos: def.Pos, Message: fmt.Sprintf("sink %q reads nothing", def.Name), Hint: fmt.Sprintf("add sink.%s.from: <view or table>", def.Name)})
	}
	for _, o := range set.options {
		if r.refusedOption("sink", def.Name, def.Format, o.Key, o) {
			continue
		}
		if def.Format != "" && !sinkOption(def.Format, known, o.Key) {
			r.unknownOption(o, "sink."+def.Name+".option", o.Key, known)
		}
		if o.Key == "outputMode" {
			r.outputMode(def, o)
		}
		if o.Key == "ttl" {
			var d int64
			r.duration(Setting{Key: "sink." + def.Name + ".option." + o.Key, Value: o.Value, Pos: o.Pos}, &d)
			r.timeToLive(def, o, d)
		}
		if def.Format == "webhook" {
			r.webhookOption(def, o)
		}
	}
	if def.Format == "redis" || def.Format == "webhook" {
		r.portable(set.format, "", fmt.Sprintf("sink %q: Spark has no format %s and leaves the sink out", def.Name, def.Format), "")
	}
	if def.Format == "kafka" {
		r.topicLength(def.Options["topic"], mostTopicName, def.Pos)
	}
	r.required(def, "kafka", "topic", "redis", "", "webhook", "url", "json", "path", "csv", "path")
}

// means reports that a misspelt key was to be this one.
func (r *resolver) means(kind, name, field string) bool {
	return slices.Contains(r.meant, kind+"."+name+"."+field)
}

// timeToLive takes how long rows of a redis sink live.
func (r *resolver) timeToLive(def *SinkDef, o Setting, d int64) {
	if def.TTL = d; d == 0 && strings.HasPrefix(strings.TrimSpace(o.Value), "0") {
		r.fault(sql.Fault{Pos: o.Pos, Message: fmt.Sprintf("sink %q has a ttl of 0: no row would live", def.Name), Hint: "leave the option out to keep rows for good"})
	}
}

// outputMode reads append or update.
func (r *resolver) outputMode(def *SinkDef, o Setting) {
	switch strings.ToLower(o.Value) {
	case "append":
	case "update":
		def.Update = true
		r.portable(o.Pos, "", fmt.Sprintf("sink %q has outputMode update, and Spark's pipelines only append", def.Name), "leave the option out there")
	default:
		r.fault(sql.Fault{Pos: o.Pos, Message: fmt.Sprintf("outputMode %q is neither append nor update", o.Value),
			Hint: "append gives final rows, update also rows of open windows as they change"})
	}
}

// required checks that a sink has the option that its format needs; pairs are format and option.
// The topic of a kafka sink may come as a column instead, which checkSinkColumns sees.
func (r *resolver) required(def *SinkDef, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		option := pairs[i+1]
		if def.Format != pairs[i] || option == "" || option == "topic" || def.Options[option] != "" || r.means("sink", def.Name, "option."+option) {
			continue
		}
		r.fault(sql.Fault{Pos: def.Pos, Message: fmt.Sprintf("sink %q has no %s", def.Name, option), Hint: fmt.Sprintf("add sink.%s.option.%s", def.Name, option)})
	}
}

// resolveSink finds what a sink reads and checks its columns.
func (r *resolver) resolveSink(def *SinkDef) {
	if def.From == "" {
		return
	}
	pos := r.sinkSet[def.Name].from
	d := r.byName[def.From]
	if d == nil {
		r.fault(r.noDataset(def.From, pos, r.names(StreamingTable, TemporaryView, SourceTopic)))
		return
	}
	if !r.resolve(d) {
		return
	}
	switch ds := d.dataset; {
	case ds.Kind == MaterializedView, ds.Kind == TemporaryView && !ds.Stream:
		r.fault(sql.Fault{Pos: pos, Class: "INCOMPATIBLE_BATCH_VIEW_READ", Message: fmt.Sprintf("sink %q takes a stream, and %q is %s that reads none", def.Name, ds.Name, ds.Kind),
			Hint: "give it a streaming table, or a view over STREAM of one"})
		return
	case ds.Kind == TemporaryView:
		def.Root = clone(ds.Flows[0].Root)
	default:
		def.Root = scanOf(ds, true, pos)
	}
	r.checkSinkColumns(def, pos)
}

// A sinkColumn is one that a format takes by name.
type sinkColumn struct {
	name     string
	required bool
	kinds    []column.Kind // nil: any
}

// sinkColumns is what formats take; a format that is not here takes rows as they are.
func sinkColumns(format string) []sinkColumn {
	text := []column.Kind{column.String, column.Binary}
	switch format {
	case "kafka":
		return []sinkColumn{{"value", true, text}, {"key", false, text}, {"topic", false, []column.Kind{column.String}},
			{"headers", false, []column.Kind{column.Array}}}
	case "redis":
		return []sinkColumn{{"key", true, text}, {"value", false, nil}, {"field", false, nil}, {"member", false, nil},
			{"score", false, []column.Kind{column.Int8, column.Int16, column.Int32, column.Int64, column.Float32, column.Float64, column.Decimal}},
			{"time", false, []column.Kind{column.Timestamp}}}
	}
	return nil
}

// checkSinkColumns compares the columns of a sink's query with those that its format takes.
func (r *resolver) checkSinkColumns(def *SinkDef, pos sql.Pos) {
	takes := sinkColumns(def.Format)
	if takes == nil {
		return
	}
	var names []string
	for _, t := range takes {
		names = append(names, t.name)
	}
	misspelt, meant := r.misspeltColumns(def, names, pos)
	for _, t := range takes {
		i := columnIndex(def.Root.Columns(), t.name)
		if i < 0 {
			if t.required && !slices.Contains(meant, t.name) {
				r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("sink %q of format %s needs a column %q, and %q has %s", def.Name, def.Format, t.name, def.From, expected(columnNames(def.Root.Columns()))),
					Hint: hintFor(t.name)})
			}
			continue
		}
		if have := def.Root.Columns()[i].Type; t.kinds != nil && !kindIn(have.Kind, t.kinds) {
			r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("column %q of %q is %s, and sink %q takes %s", t.name, def.From, strings.ToUpper(have.String()), def.Name, kindList(t.kinds))})
		} else if t.name == "headers" && !have.Equal(headersType) {
			r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("column %q of %q is %s, and sink %q takes %s", t.name, def.From, strings.ToUpper(have.String()), def.Name, headersType),
				Hint: "write it as array(named_struct('key', 'name', 'value', CAST('text' AS BINARY)))"})
		}
	}
	var strange []string
	for _, c := range def.Root.Columns() {
		if !containsFold(names, c.Name) && !slices.Contains(misspelt, c.Name) {
			strange = append(strange, c.Name)
		}
	}
	if len(strange) > 0 {
		r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("sink %q of format %s does not take %s of %q", def.Name, def.Format, expected(strange), def.From),
			Hint: "it takes " + strings.Join(names, ", ") + "; put the rest into the value: to_json(struct(*)) AS value"})
	}
	if len(misspelt) == 0 {
		r.checkSinkShape(def, pos)
	}
}

// misspeltColumns finds columns of a sink's query that are near to one that the format takes and that is not
// there: each is one fault, and the column that was meant is not missing beside that.
func (r *resolver) misspeltColumns(def *SinkDef, names []string, pos sql.Pos) (misspelt, meant []string) {
	var absent []string
	for _, name := range names {
		if columnIndex(def.Root.Columns(), name) < 0 {
			absent = append(absent, name)
		}
	}
	for _, c := range def.Root.Columns() {
		near := sql.Nearest(strings.ToLower(c.Name), absent)
		if near == "" || containsFold(names, c.Name) {
			continue
		}
		r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("sink %q of format %s does not take %s of %q", def.Name, def.Format, c.Name, def.From), Hint: fmt.Sprintf("did you mean %q?", near)})
		misspelt, meant = append(misspelt, c.Name), append(meant, near)
	}
	return misspelt, meant
}

// checkSinkShape checks what two columns or a column and an option say together.
func (r *resolver) checkSinkShape(def *SinkDef, pos sql.Pos) {
	cols := def.Root.Columns()
	switch def.Format {
	case "kafka":
		if columnIndex(cols, "topic") < 0 && def.Options["topic"] == "" && !r.means("sink", def.Name, "option.topic") {
			r.fault(sql.Fault{Pos: def.Pos, Message: fmt.Sprintf("sink %q has no topic", def.Name), Hint: fmt.Sprintf("add sink.%s.option.topic, or a column topic to %s", def.Name, def.From)})
		}
	case "redis":
		has := func(name string) bool { return columnIndex(cols, name) >= 0 }
		value, member, score := has("value"), has("member"), has("score")
		if value == (member || score) || member != score || has("field") && !value {
			r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("%q has neither key and value nor key, member and score", def.From),
				Hint: "key and value make a string, key, field and value a hash, key, member and score a sorted set"})
		}
		if member && def.Options["stateField"] != "" {
			r.fault(sql.Fault{Pos: def.Pos, Message: fmt.Sprintf("sink %q has a stateField, and its values are scores", def.Name), Hint: "leave the option out: it is for values that are JSON objects"})
		}
		r.checkCached(def, pos)
	}
}

// checkCached refuses a cache of windows that no table keeps: what a cache has lost is read from
// tables and topics.
func (r *resolver) checkCached(def *SinkDef, pos sql.Pos) {
	var groups func(n Node) bool
	groups = func(n Node) bool {
		if _, ok := n.(*Aggregate); ok {
			return true
		}
		return slices.ContainsFunc(n.Inputs(), groups)
	}
	if groups(def.Root) {
		r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("sink %q of format redis reads %q, which groups rows and keeps none: what Redis loses could not be found again", def.Name, def.From),
			Hint: "make the grouping a CREATE STREAMING TABLE, and read that"})
	}
}

func hintFor(name string) string {
	if name == "value" {
		return "add to_json(struct(*)) AS value"
	}
	return "add … AS " + name
}

func columnIndex(cols []Column, name string) int {
	for i, c := range cols {
		if strings.EqualFold(c.Name, name) {
			return i
		}
	}
	return -1
}

func kindIn(k column.Kind, kinds []column.Kind) bool {
	for _, other := range kinds {
		if k == other {
			return true
		}
	}
	return false
}

func kindList(kinds []column.Kind) string {
	var names []string
	for _, k := range kinds {
		if k == column.Array {
			names = append(names, "an ARRAY of STRUCT<key: STRING, value: BINARY>")
		} else if k == column.Decimal {
			names = append(names, "DECIMAL")
		} else {
			names = append(names, strings.ToUpper(column.Of(k).String()))
		}
	}
	return strings.Join(names, " or ")
}

func containsFold(list []string, s string) bool {
	for _, l := range list {
		if strings.EqualFold(l, s) {
			return true
		}
	}
	return false
}

// scanOf reads a dataset whole or as a stream.
func scanOf(d *Dataset, stream bool, pos sql.Pos) *Scan {
	s := &Scan{Dataset: d, Stream: stream, Pos: pos}
	for i, f := range d.Schema.Fields {
		s.Cols = append(s.Cols, Column{Name: f.Name, Type: f.Type, EventTime: stream && i == d.EventTime})
	}
	return s
}

// nodeColumns makes references to all columns of n.
func nodeColumns(n Node) []*expr.Node {
	cols := n.Columns()
	out := make([]*expr.Node, len(cols))
	for i, c := range cols {
		out[i] = expr.Col(i, c.Name, c.Type)
	}
	return out
}
