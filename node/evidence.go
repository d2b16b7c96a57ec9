package node

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/sql"
)

// tellEvidence puts what was found behind a row into its explanation.
func (n *Node) tellEvidence(a *web.RowExplanation, v *engine.Evidence) {
	notes := v.Notes
	if v.Windows > 1 {
		notes = append(notes, fmt.Sprintf("its records are of %d windows of %s; the last of them is told", v.Windows, v.Table))
	}
	a.Note = strings.Join(notes, "; ")
	for _, s := range v.Steps {
		a.Steps = append(a.Steps, web.ExplainedStep{Table: s.Table, Rows: s.Rows, Open: s.Open})
	}
	a.Rows = v.Rows
	for _, g := range v.Aggregates {
		a.Aggregates = append(a.Aggregates, web.ExplainedAggregate{Text: g.Text, Rows: g.Rows, Filter: g.Filter, Place: placeOf(g.At)})
	}
	for i := range v.Subqueries {
		a.Subqueries = append(a.Subqueries, explainedSubqueries(&v.Subqueries[i])...)
	}
	if len(v.Topics) == 0 {
		return
	}
	a.Events = shownRecords(v.Counted, false)
	if v.Table != "" {
		a.LeftOut = shownRecords(v.LeftOut, true)
		a.Window = explainedWindow(v)
	}
	if a.Events.Query == "" && len(v.Counted) > 0 {
		a.Events.Query = n.pipeline().RecordsBehind(a.Table, a.Values).Counted
	}
	a.Unreadable = v.Invalid
	var refused []string
	for _, topic := range v.Topics {
		refused = append(refused, "SELECT * FROM "+quotedName(topic+"$invalid")+" WHERE verdict = 'invalid'")
	}
	a.UnreadableQuery = strings.Join(refused, " UNION ALL ")
}

// explainedSubqueries is the records behind a subquery, and behind those in it.
func explainedSubqueries(s *engine.SubqueryEvidence) []web.ExplainedSubquery {
	x := web.ExplainedSubquery{Text: s.Text, Place: placeOf(s.At), Note: strings.Join(s.Notes, "; ")}
	for _, step := range s.Steps {
		x.Steps = append(x.Steps, web.ExplainedStep{Table: step.Table, Rows: step.Rows, Open: step.Open})
	}
	if len(s.Topics) > 0 {
		x.Events = shownRecords(s.Counted, false)
	}
	list := []web.ExplainedSubquery{x}
	for i := range s.Subqueries {
		list = append(list, explainedSubqueries(&s.Subqueries[i])...)
	}
	return list
}

// placeOf is a place in the project's files, "" for none.
func placeOf(at sql.Pos) string {
	if at.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", at.File, at.Line, at.Col)
}

// The columns of records behind a row, and of those that were left out.
var (
	placeColumns = []web.NamedColumn{{Name: "topic", Type: "string"}, {Name: "partition", Type: "int"}, {Name: "offset", Type: "bigint"}, {Name: "timestamp", Type: "timestamp"}}
	whyColumns   = []web.NamedColumn{{Name: "verdict", Type: "string"}, {Name: "reason", Type: "string"}, {Name: "watermark", Type: "timestamp"}, {Name: "place", Type: "string"}}
	valueColumn  = web.NamedColumn{Name: "value", Type: "string"}
)

// shownRecords is records as an explanation has them.
func shownRecords(list []engine.EvidenceRecord, why bool) *web.ExplainedRecords {
	a := &web.ExplainedRecords{Count: int64(len(list)), Columns: slices.Clone(placeColumns), Rows: [][]*string{}}
	if why {
		a.Columns = append(a.Columns, whyColumns...)
	}
	a.Columns = append(a.Columns, valueColumn)
	text := func(s string) *string { return &s }
	known := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	for _, r := range list[:min(len(list), web.MostEvents)] {
		row := []*string{text(r.Topic), text(fmt.Sprint(r.Partition)), text(fmt.Sprint(r.Offset)), text(isoTime(r.Appended))}
		if why {
			row = append(row, text(r.Verdict), known(r.Reason), known(isoTime(r.Watermark)), known(placeOf(r.At)))
		}
		value := (*string)(nil)
		if r.Value != nil {
			value = text(strings.ToValidUTF8(string(r.Value), "\uFFFD"))
		}
		a.Rows = append(a.Rows, append(row, value))
	}
	if len(list) <= mostPlaces {
		a.Query = recordsQuery(list, why)
	}
	return a
}

// mostPlaces is how many records a query names by their places.
const mostPlaces = 1000

// recordsQuery is the SELECT that gives records, by their places: it reads a few blocks of the log.
func recordsQuery(list []engine.EvidenceRecord, why bool) string {
	if len(list) == 0 {
		return ""
	}
	offsets := map[string]map[int32][]string{}
	for _, r := range list {
		if offsets[r.Topic] == nil {
			offsets[r.Topic] = map[int32][]string{}
		}
		offsets[r.Topic][r.Partition] = append(offsets[r.Topic][r.Partition], fmt.Sprint(r.Offset))
	}
	var parts []string
	for _, topic := range sortedKeys(offsets) {
		var places []string
		for _, p := range slices.Sorted(maps.Keys(offsets[topic])) {
			places = append(places, fmt.Sprintf("partition = %d AND offset IN (%s)", p, strings.Join(offsets[topic][p], ", ")))
		}
		parts = append(parts, "SELECT topic, partition, offset, timestamp, CAST(value AS STRING) AS value FROM "+quotedName(topic)+" WHERE "+strings.Join(places, " OR "))
	}
	records := strings.Join(parts, "\nUNION ALL\n")
	if !why {
		return "SELECT * FROM (" + records + ")\nORDER BY timestamp, topic, partition, offset"
	}
	literal := func(s string) string {
		if s == "" {
			return "CAST(NULL AS STRING)"
		}
		return sql.Format(&sql.Literal{Kind: sql.LitString, Text: s})
	}
	var reasons []string
	for _, r := range list {
		mark := "CAST(NULL AS TIMESTAMP)"
		if r.Watermark != math.MinInt64 {
			mark = "TIMESTAMP '" + isoTime(r.Watermark) + "'"
		}
		reasons = append(reasons, fmt.Sprintf("(%s, %d, %d, %s, %s, %s, %s)", literal(r.Topic), r.Partition, r.Offset, literal(r.Verdict), literal(r.Reason), mark, literal(placeOf(r.At))))
	}
	return "SELECT e.topic, e.partition, e.offset, e.timestamp, w.verdict, w.reason, w.watermark, w.place, e.value\nFROM (" + records + ") AS e\nJOIN (VALUES " + strings.Join(reasons, ",\n  ") +
		") AS w(topic, partition, offset, verdict, reason, watermark, place) ON e.topic = w.topic AND e.partition = w.partition AND e.offset = w.offset\nORDER BY e.timestamp, e.topic, e.partition, e.offset"
}

// explainedWindow tells which records moved the watermark over the end of a window.
func explainedWindow(v *engine.Evidence) *web.ExplainedWindow {
	w := &web.ExplainedWindow{Table: v.Table, Start: isoTime(v.Start), End: isoTime(v.End), Delay: float64(v.Delay) / 1e6, Partitions: []web.WindowPartition{}}
	final, least, waits := int64(math.MinInt64), int64(math.MaxInt64), 0
	for _, c := range v.Crossings {
		p := web.WindowPartition{Topic: c.Topic, Partition: c.Partition, Offset: c.Offset, Watermark: isoTime(c.Watermark)}
		if c.Offset < 0 {
			waits++
		} else {
			p.Appended, p.EventTime = isoTime(c.Appended), isoTime(c.EventTime)
			p.Query = fmt.Sprintf("SELECT * FROM %s WHERE partition = %d AND offset = %d", quotedName(c.Topic), c.Partition, c.Offset)
			final, least = max(final, c.Appended), min(least, c.Watermark)
		}
		w.Partitions = append(w.Partitions, p)
	}
	if waits == 0 && len(v.Crossings) > 0 {
		w.Final, w.Watermark = isoTime(final), isoTime(least)
	}
	return w
}
