package web

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
)

// A Flow is what a pipeline did between two looks at it.
type Flow struct {
	At      time.Time
	Seconds float64 // between the two; 0: there was one look only
	Before  engine.Measures
	Now     engine.Measures
}

// DataflowAnswer is the body of /api/dataflow: the graph of the project, drawn. Lengths are in pixels.
type DataflowAnswer struct {
	At         string         `json:"at"`
	Seconds    float64        `json:"seconds"` // that the rates are of; 0: there are none yet
	Views      bool           `json:"views"`   // temporary views stand in it
	Width      float64        `json:"width"`
	Height     float64        `json:"height"`
	Bottleneck *Bottleneck    `json:"bottleneck"` // null: everything keeps up
	Nodes      []DataflowNode `json:"nodes"`
	Edges      []DataflowEdge `json:"edges"`
}

// Bottleneck is what rows wait for.
type Bottleneck struct {
	Node   string `json:"node"`
	Reason string `json:"reason"`
}

// DataflowNode is a box of the graph. Rates are a second, and null where nobody counts.
type DataflowNode struct {
	ID      string   `json:"id"`
	Kind    string   `json:"kind"` // "source", "view", "streaming table", "materialized view", "sink", "alert"
	Name    string   `json:"name"`
	Detail  string   `json:"detail,omitempty"` // the topics of a source, the format of a sink
	Comment string   `json:"comment,omitempty"`
	X       float64  `json:"x"`
	Y       float64  `json:"y"`
	Width   float64  `json:"width"`
	Height  float64  `json:"height"`
	In      *float64 `json:"in"`                // rows that come in
	Out     *float64 `json:"out"`               // rows that go out
	Waiting int64    `json:"waiting"`           // records of a source that are not read, rows of a sink that are not delivered
	Late    int64    `json:"late,omitempty"`    // rows in all that came too late
	Invalid int64    `json:"invalid,omitempty"` // rows in all that cannot be used, or lie too far ahead
	Trouble string   `json:"trouble,omitempty"`
	Query   string   `json:"query,omitempty"` // that shows what the box holds
	Place   string   `json:"place,omitempty"` // where it is written: file:line:column
}

// DataflowEdge is a line of the graph.
type DataflowEdge struct {
	From string   `json:"from"`
	To   string   `json:"to"`
	Rate *float64 `json:"rate"` // rows a second; null where nobody counts
	Path string   `json:"path"` // of an SVG
}

const (
	boxHeight    = 56
	boxLeast     = 132
	boxMost      = 260
	letterWidth  = 7.6 // of the page's font for names
	boxPadding   = 28
	slowSink     = 5   // seconds that a sink's rows wait before it is what holds up
	slowRead     = 5   // seconds of reading that wait before a source is
	leastReading = 200 // records: what waits between two batches is no queue
)

func (s *Server) dataflow(w http.ResponseWriter, r *http.Request) {
	views := r.URL.Query().Get("views")
	switch views {
	case "", "true", "false":
	default:
		s.failed(w, &RequestError{fmt.Sprintf("read the parameter views=%s: it is true or false", views)})
		return
	}
	answer(w, drawDataflow(s.backend.Pipeline(), s.backend.Flow(), views == "true"))
}

// drawDataflow draws a pipeline. Without views the tables that read through them are linked directly.
func drawDataflow(p *plan.Pipeline, f Flow, views bool) DataflowAnswer {
	a := DataflowAnswer{At: f.At.UTC().Format("2006-01-02T15:04:05.000Z"), Seconds: math.Round(f.Seconds*10) / 10, Views: views, Nodes: []DataflowNode{}, Edges: []DataflowEdge{}}
	var shown []*plan.Vertex
	for _, v := range p.Graph() {
		if v.Kind != "view" || views {
			shown = append(shown, v)
		}
	}
	var sizes [][2]float64
	var links [][2]int
	for i, v := range shown {
		n := DataflowNode{ID: idOf(v), Kind: v.Kind, Name: v.Name}
		if v.Pos.File != "" {
			n.Place = fmt.Sprintf("%s:%d:%d", v.Pos.File, v.Pos.Line, v.Pos.Col)
		}
		f.describe(&n, v)
		n.Width = min(boxMost, max(boxLeast, letterWidth*float64(max(utf8.RuneCountInString(n.Name), utf8.RuneCountInString(n.Detail)))+boxPadding))
		n.Height = boxHeight
		a.Nodes = append(a.Nodes, n)
		sizes = append(sizes, [2]float64{n.Width, n.Height})
		for _, from := range readThrough(v, views, nil) {
			links = append(links, [2]int{slices.Index(shown, from), i})
		}
	}
	d := layOut(sizes, links)
	a.Width, a.Height = d.size()
	for i := range a.Nodes {
		a.Nodes[i].X, a.Nodes[i].Y = d.points[i].x, d.points[i].y-boxHeight/2
	}
	for i, l := range links {
		from, to := &a.Nodes[l[0]], &a.Nodes[l[1]]
		rate := to.In
		if ins := slices.DeleteFunc(slices.Clone(links), func(o [2]int) bool { return o[1] != l[1] }); len(ins) > 1 {
			rate = f.readFrom(shown[l[1]], shown[l[0]])
		}
		if path := d.path(i); path != "" {
			a.Edges = append(a.Edges, DataflowEdge{from.ID, to.ID, rate, path})
		}
	}
	a.Bottleneck = f.bottleneck(shown)
	return a
}

// readThrough is what a vertex reads, with the views between written out unless they are shown.
func readThrough(v *plan.Vertex, views bool, path []*plan.Vertex) (from []*plan.Vertex) {
	for _, r := range v.Reads {
		list := []*plan.Vertex{r}
		if r.Kind == "view" && !views && !slices.Contains(path, r) {
			list = readThrough(r, views, append(path, r))
		}
		for _, f := range list {
			if !slices.Contains(from, f) {
				from = append(from, f)
			}
		}
	}
	return from
}

// idOf tells vertices apart: a sink may have the name of a table.
func idOf(v *plan.Vertex) string {
	switch v.Kind {
	case "sink", "alert":
		return v.Kind + "/" + v.Name
	}
	return v.Name
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// describe adds what is known of a vertex and how much goes through it.
func (f *Flow) describe(n *DataflowNode, v *plan.Vertex) {
	switch {
	case v.Sink != nil:
		n.Detail = v.Sink.Format
		if topic := v.Sink.Options["topic"]; topic != "" {
			n.Detail += " " + topic
			n.Query = "SELECT * FROM " + quoted(topic)
		}
		now, before := sinkOf(f.Now, v.Name), sinkOf(f.Before, v.Name)
		n.In, n.Waiting, n.Trouble = f.rate(before.Delivered, now.Delivered), now.Waiting, now.Trouble
	case v.Alert != nil:
		n.Detail = strings.ReplaceAll(v.Alert.Severity, "$$", "$")
		n.Query = "SELECT * FROM " + quoted(engine.AlertTopic)
	case v.Kind == "source":
		n.Detail = strings.Join(v.Dataset.Topics, ", ")
		n.Query = "SELECT * FROM " + quoted(v.Dataset.Topics[0])
		f.describeSource(n, v.Dataset.Topics)
	default:
		n.Comment = v.Dataset.Comment
		n.Query = "SELECT * FROM " + quoted(v.Name)
		if v.Kind == "view" {
			n.Query = "" // a stream is no table
		}
		if v.Kind == "streaming table" {
			f.describeTable(n, v.Name)
		}
	}
}

func (f *Flow) describeSource(n *DataflowNode, topics []string) {
	var came, read [2]int64
	for i, m := range []engine.Measures{f.Before, f.Now} {
		for _, p := range m.Partitions {
			if slices.Contains(topics, p.Topic) {
				came[i] += p.End
				read[i] += p.Position
			}
		}
	}
	n.In, n.Out, n.Waiting = f.rate(came[0], came[1]), f.rate(read[0], read[1]), came[1]-read[1]
	for _, topic := range topics {
		c := f.Now.Ledger.Topics[topic]
		n.Invalid += c.Invalid + c.Future
	}
}

func (f *Flow) describeTable(n *DataflowNode, name string) {
	var read, counted, final [2]int64
	windowed := false
	for i, m := range []engine.Measures{f.Before, f.Now} {
		for _, c := range m.Ledger.Tables[name] {
			read[i] += c.Read
			counted[i] += c.Counted
		}
		for _, t := range m.Tables {
			if t.Name == name {
				windowed, final[i] = t.Windowed, t.FinalRows
			}
		}
	}
	for _, c := range f.Now.Ledger.Tables[name] {
		n.Late += c.Late
		n.Invalid += c.Invalid + c.Future
	}
	n.In, n.Out = f.rate(read[0], read[1]), f.rate(counted[0], counted[1])
	if windowed {
		n.Out = f.rate(final[0], final[1])
	}
}

// readFrom is how much a table that reads several reads of a source; nil where the books do not tell them apart.
func (f *Flow) readFrom(table, source *plan.Vertex) *float64 {
	if table.Kind != "streaming table" || source.Kind != "source" {
		return nil
	}
	var read [2]int64
	for _, topic := range source.Dataset.Topics {
		if shared := slices.ContainsFunc(readThrough(table, false, nil), func(o *plan.Vertex) bool {
			return o != source && o.Kind == "source" && slices.Contains(o.Dataset.Topics, topic)
		}); shared {
			return nil
		}
		read[0] += f.Before.Ledger.Tables[table.Name][topic].Read
		read[1] += f.Now.Ledger.Tables[table.Name][topic].Read
	}
	return f.rate(read[0], read[1])
}

// rate is the growth of a count a second; nil without two looks, or where the count began anew.
func (f *Flow) rate(before, now int64) *float64 {
	if f.Seconds <= 0 || now < before {
		return nil
	}
	rate := math.Round(float64(now-before)/f.Seconds*10) / 10
	return &rate
}

func sinkOf(m engine.Measures, name string) engine.SinkMeasures {
	for _, s := range m.Sinks {
		if s.Name == name {
			return s
		}
	}
	return engine.SinkMeasures{}
}

// bottleneck is what holds the others up: a sink whose rows wait, or else a source that is read more slowly than it
// grows, or whose queue is long.
func (f *Flow) bottleneck(all []*plan.Vertex) *Bottleneck {
	var worst *Bottleneck
	longest := 0.0
	for _, v := range all {
		if v.Sink == nil {
			continue
		}
		s := sinkOf(f.Now, v.Name)
		if s.Oldest == 0 {
			continue
		}
		waits := f.At.Sub(time.UnixMicro(s.Oldest)).Seconds()
		if waits < slowSink || waits < longest {
			continue
		}
		longest = waits
		worst = &Bottleneck{idOf(v), fmt.Sprintf("sink %s: %d rows wait, the oldest for %.0f seconds", v.Name, s.Waiting, waits)}
		if s.Trouble != "" {
			worst.Reason += ": " + s.Trouble
		}
	}
	if worst != nil {
		return worst
	}
	for _, v := range all {
		if v.Kind != "source" {
			continue
		}
		var n DataflowNode
		f.describeSource(&n, v.Dataset.Topics)
		if n.Waiting < leastReading || n.Out == nil || n.In == nil {
			continue
		}
		switch seconds := float64(n.Waiting) / max(*n.Out, 1); {
		case seconds >= slowRead && seconds > longest:
			longest = seconds
			worst = &Bottleneck{idOf(v), fmt.Sprintf("source %s: %d records wait, %.0f seconds of reading at %.0f a second; %.0f a second come", v.Name, n.Waiting, seconds, *n.Out, *n.In)}
		}
	}
	return worst
}
