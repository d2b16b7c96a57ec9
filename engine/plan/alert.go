package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// AlertDef is one alert.<name> of the configuration: a table or view of which each row is one breach of one thing.
// Times are in microseconds of event time.
type AlertDef struct {
	Name string
	From string
	Pos  sql.Pos

	Key        []string // columns that tell which thing; none: there is one
	For        int64    // how long the condition has to hold before the incident fires
	KeepFiring int64    // how long it fires on after the condition has ended
	Interval   int64    // how long a breach holds
	Windowed   bool     // its rows come from windows, Interval apart
	Notify     []string // sinks of format webhook

	// Severity, Summary and Description are texts in which ${column} stands for a value of the row.
	Severity, Summary, Description string

	// Root gives the key's columns as STRING, then severity, summary and description, then the row as JSON.
	Root Node
}

// defaultInterval is how long a row of a table that keeps rows one for one is a breach.
const defaultInterval = minute

// alertPrefix is how the settings of alerts begin.
const alertPrefix = "alert."

func alertFields() []string {
	return []string{"from", "key", "severity", "summary", "description", "for", "keepFiring", "interval", "notify"}
}

// alertSettings is the places of an alert's settings.
type alertSettings map[string]Setting

// alertSetting takes alert.<name>.<field>.
func (r *resolver) alertSetting(s Setting) {
	name, field, ok := strings.Cut(strings.TrimPrefix(s.Key, alertPrefix), ".")
	if !ok || name == "" {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s is no setting of an alert", s.Key), Hint: "write alert.<name>.from, alert.<name>.key, …"})
		return
	}
	if !slices.Contains(alertFields(), field) {
		r.unknownField(s, alertPrefix+name, field, alertFields())
		return
	}
	if r.alertSet[name] == nil {
		r.alertSet[name] = alertSettings{}
		r.pipe.Alerts = append(r.pipe.Alerts, &AlertDef{Name: name, Pos: s.Pos})
	}
	r.alertSet[name][field] = s
}

// finishAlert reads what needs no other part of the project.
func (r *resolver) finishAlert(a *AlertDef) {
	set := r.alertSet[a.Name]
	if !plainAlertName(a.Name) {
		r.fault(sql.Fault{Pos: a.Pos, Message: fmt.Sprintf("an alert is called %q", a.Name), Hint: "use letters, digits, _ and -, at most 100 of them"})
	}
	a.From = set["from"].Value
	if a.From == "" && !r.means("alert", a.Name, "from") {
		r.fault(sql.Fault{Pos: a.Pos, Message: fmt.Sprintf("alert %q reads nothing", a.Name), Hint: fmt.Sprintf("add alert.%s.from: <table or view whose rows are breaches>", a.Name)})
	}
	a.Key = listOf(set["key"].Value)
	a.Severity, a.Summary, a.Description = set["severity"].Value, set["summary"].Value, set["description"].Value
	if a.Severity == "" {
		a.Severity = "warning"
	}
	if a.Summary == "" {
		a.Summary = a.Name
		for _, k := range a.Key {
			a.Summary += " " + k + "=${" + k + "}"
		}
	}
	for field, to := range map[string]*int64{"for": &a.For, "keepFiring": &a.KeepFiring, "interval": &a.Interval} {
		if s, ok := set[field]; ok {
			r.duration(s, to)
		}
	}
	if s, ok := set["interval"]; ok && a.Interval == 0 && strings.HasPrefix(strings.TrimSpace(s.Value), "0") {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("alert %q has an interval of 0: a breach would end before it began", a.Name),
			Hint: "leave it out: it is the slide of the windows, 1 minute for rows one for one"})
	}
	a.Notify = listOf(set["notify"].Value)
	for _, name := range a.Notify {
		r.checkNotify(a, name, set["notify"].Pos)
	}
}

// checkNotify refuses a name that is no webhook.
func (r *resolver) checkNotify(a *AlertDef, name string, pos sql.Pos) {
	var webhooks []string
	format := "" // of a sink that is called so and is none
	for _, def := range r.pipe.Sinks {
		if def.Format == "webhook" {
			webhooks = append(webhooks, def.Name)
		} else if def.Name == name {
			format = def.Format
		}
	}
	if slices.Contains(webhooks, name) {
		return
	}
	hint := didYouMean(name, webhooks)
	switch {
	case hint != "":
	case format != "":
		hint = fmt.Sprintf("sink %s has format %s; name one of format webhook", name, format)
	case len(webhooks) > 0:
		hint = "there are " + expected(webhooks)
	default:
		hint = fmt.Sprintf("add sink.%s.format: webhook and sink.%s.option.url", name, name)
	}
	r.fault(sql.Fault{Pos: pos, Message: fmt.Sprintf("alert %q notifies %q, and no sink of format webhook is called so", a.Name, name), Hint: hint})
}

// plainAlertName tells whether a name can be part of a topic's, a label's and an address's.
func plainAlertName(name string) bool {
	for _, c := range name {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-') {
			return false
		}
	}
	return name != "" && len(name) <= 100
}

// listOf splits a list at its commas.
func listOf(text string) []string {
	var list []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(list, part) {
			list = append(list, part)
		}
	}
	return list
}

// resolveAlert finds what an alert reads and makes its query.
func (r *resolver) resolveAlert(a *AlertDef) {
	if a.From == "" {
		return
	}
	set := r.alertSet[a.Name]
	pos := set["from"].Pos
	d := r.byName[a.From]
	if d == nil {
		r.fault(r.noDataset(a.From, pos, r.names(StreamingTable, TemporaryView)))
		return
	}
	if !r.resolve(d) {
		return
	}
	ds := d.dataset
	if ds.Kind == MaterializedView || ds.Kind == TemporaryView && !ds.Stream {
		r.fault(sql.Fault{Pos: pos, Class: "INCOMPATIBLE_BATCH_VIEW_READ", Message: fmt.Sprintf("alert %q takes a stream, and %q is %s that reads none", a.Name, ds.Name, ds.Kind),
			Hint: "give it a streaming table, or a view over STREAM of one"})
		return
	}
	names := map[string]bool{}
	for _, f := range ds.Schema.Fields {
		names[strings.ToLower(f.Name)] = true
	}
	ok := true
	has := func(field, column string) {
		if names[strings.ToLower(column)] {
			return
		}
		known := fieldNames(ds)
		hint := didYouMean(column, known)
		if hint == "" {
			hint = "it has " + expected(known)
		}
		at := set[field].Pos
		if _, given := set[field]; !given {
			at = set["key"].Pos
		}
		r.fault(sql.Fault{Pos: at, Class: "UNRESOLVED_COLUMN.WITH_SUGGESTION", Message: fmt.Sprintf("alert.%s.%s names a column %q, which %q does not have", a.Name, field, column, ds.Name), Hint: hint})
		ok = false
	}
	var items []string
	for _, k := range a.Key {
		has("key", k)
		items = append(items, "CAST("+backticks(k)+" AS STRING)")
	}
	for _, t := range []struct{ field, text string }{{"severity", a.Severity}, {"summary", a.Summary}, {"description", a.Description}} {
		parts, err := textParts(t.text)
		if err != "" {
			r.fault(sql.Fault{Pos: set[t.field].Pos, Message: fmt.Sprintf("alert.%s.%s: %s", a.Name, t.field, err), Hint: "write ${column}, and $${ for a ${ that is text"})
			ok = false
		}
		for _, p := range parts {
			if p.column && (t.field != "summary" || set["summary"].Value != "") { // the default summary's are the key's
				has(t.field, p.text)
			}
		}
		items = append(items, textExpr(parts))
	}
	if !ok {
		return
	}
	r.bindAlert(a, d, items, pos)
}

// bindAlert makes the query of an alert from the expressions of its columns.
func (r *resolver) bindAlert(a *AlertDef, d *definition, items []string, pos sql.Pos) {
	for i := range items {
		items[i] += fmt.Sprintf(" AS c%d", i)
	}
	text := "SELECT " + strings.Join(append(items, "to_json(struct(*)) AS r"), ", ") + " FROM STREAM " + backticks(d.dataset.Name)
	q, faults := sql.ParseQuery(pos.File, text)
	before := len(r.faults)
	if len(faults) == 0 {
		var ok bool
		if a.Root, ok = r.binder(d.session).query(q, nil); ok {
			a.Interval, a.Windowed = r.intervalOf(a, d.dataset)
			return
		}
		faults = append(faults, r.faults[before:]...)
		r.faults = r.faults[:before]
	}
	for _, f := range faults {
		r.fault(sql.Fault{Pos: pos, Class: f.Class, Message: fmt.Sprintf("alert %q cannot take the rows of %q: %s", a.Name, d.dataset.Name, f.Message)})
	}
}

// intervalOf is how long a breach of an alert holds: what is set, else the slide of the windows that its rows come from.
func (r *resolver) intervalOf(a *AlertDef, ds *Dataset) (interval int64, windowed bool) {
	slides := slidesOf(a.Root)
	switch {
	case a.Interval > 0:
		return a.Interval, len(slides) > 0
	case len(slides) == 0:
		return defaultInterval, false
	case len(slides) > 1:
		r.fault(sql.Fault{Pos: a.Pos, Message: fmt.Sprintf("alert %q reads %q, whose rows come from windows with different slides", a.Name, ds.Name),
			Hint: fmt.Sprintf("say how long a row is a breach: alert.%s.interval: 1 minute", a.Name)})
	}
	return slides[0], true
}

// slidesOf is the slides of the windows that rows of n come out of, each once.
func slidesOf(n Node) []int64 {
	var found []int64
	add := func(list []int64) {
		for _, s := range list {
			if !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
	}
	switch n := n.(type) {
	case *Aggregate:
		if n.Window != nil {
			return []int64{n.Window.Slide}
		}
	case *Scan:
		if n.Dataset.Kind == StreamingTable {
			for _, f := range n.Dataset.Flows {
				add(slidesOf(f.Root))
			}
		}
	}
	for _, in := range n.Inputs() {
		add(slidesOf(in))
	}
	return found
}

func fieldNames(ds *Dataset) []string {
	names := make([]string, len(ds.Schema.Fields))
	for i, f := range ds.Schema.Fields {
		names[i] = f.Name
	}
	return names
}

func backticks(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// A textPart is a piece of a text: words, or a column's name.
type textPart struct {
	text   string
	column bool
}

// textParts takes a text with ${column} apart.
func textParts(text string) (parts []textPart, fault string) {
	words := ""
	for text != "" {
		i := strings.Index(text, "${")
		if i < 0 {
			words += text
			break
		}
		if i > 0 && text[i-1] == '$' { // $${ is a ${ that is text
			words, text = words+text[:i-1]+"${", text[i+2:]
			continue
		}
		words += text[:i]
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return nil, fmt.Sprintf("%q has no end", text[i:])
		}
		name := strings.TrimSpace(text[i+2 : i+end])
		if name == "" {
			return nil, "${} names no column"
		}
		if words != "" {
			parts = append(parts, textPart{words, false})
		}
		parts, words, text = append(parts, textPart{name, true}), "", text[i+end+1:]
	}
	if words != "" {
		parts = append(parts, textPart{words, false})
	}
	return parts, ""
}

// textExpr is the SQL of a text; NULL in it is the word NULL.
func textExpr(parts []textPart) string {
	items := []string{"''"}
	for _, p := range parts {
		if p.column {
			items = append(items, "coalesce(CAST("+backticks(p.text)+" AS STRING), 'NULL')")
			continue
		}
		items = append(items, "'"+strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(p.text)+"'")
	}
	return "concat(" + strings.Join(items, ", ") + ")"
}

// refuse tells why breaches of an operator's rows could not be put in order of event time; nil: they can.
func (a *AlertDef) refuse(list []*StreamOp) *sql.Fault {
	op := list[0]
	switch {
	case op.Agg == nil && op.From.Kind == StreamingTable && op.From.readsJoin():
		f := notYet(a.Pos, fmt.Sprintf("alert %q reads rows of a join: that", a.Name))
		f.Hint = "group them into windows"
		return f
	case len(list) > 1 && op.Parts == 0:
		return notYet(a.Pos, fmt.Sprintf("alert %q reads rows of several streams: that", a.Name))
	case a.Windowed:
		return nil
	case !op.HasTime:
		return &sql.Fault{Pos: a.Pos, Message: fmt.Sprintf("alert %q reads %q, whose rows have no event time", a.Name, a.From),
			Hint: "declare one in the view that it reads: WATERMARK ts DELAY OF INTERVAL 10 SECONDS"}
	case len(op.Explosions) > 0:
		return notYet(a.Pos, fmt.Sprintf("alert %q reads rows that explode or a join makes: that", a.Name))
	}
	return nil
}
