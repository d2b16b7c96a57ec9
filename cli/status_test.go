package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/record"
)

// TestStatusOfStoppedTellsNoConnection: how a sink's server is knows only a process that runs.
func TestStatusOfStoppedTellsNoConnection(t *testing.T) {
	for _, running := range []bool{true, false} {
		var st web.StatusAnswer
		st.Info.Running = running
		st.Engine.Sinks = []record.SinkStatus{{Name: "rows", Format: "webhook", State: "connected"}}
		if told := slices.Contains(statusLines(st), [2]string{"webhook", "rows: connected; 0 rows written"}); told != running {
			t.Errorf("running %v: the connection is told: %v", running, told)
		}
	}
}

// TestStatusTellsFilling: status and top tell of each part of a changed project how far it is and what becomes of it.
func TestStatusTellsFilling(t *testing.T) {
	p := cannedPicture(t)
	p.Status.Info.Filling = "per_minute, totals: 250 of 1000 records (25 %)"
	p.Status.Info.Fillings = []web.Filling{
		{Kind: "table", Name: "per_minute", Change: "changed", Generation: 2, Read: 250, Total: 1000, Seconds: 90},
		{Kind: "table", Name: "totals", Change: "new", Total: 1000, Seconds: -1},
		{Kind: "alert", Name: "high", Change: "new rule", Read: 1000, Total: 1000},
		{Kind: "sink", Name: "old", Change: "removed", Seconds: -1},
	}
	var told []string
	for _, line := range statusLines(p.Status) {
		if line[0] == "applying" || line[0] == "" {
			told = append(told, line[1])
		}
	}
	want := []string{p.Status.Info.Filling,
		"table per_minute takes the place of the one of before, as generation 2: 25 %, 250 of 1,000 records, about 1m30s to go",
		"table totals is new: 0 %, 0 of 1,000 records",
		"alert high goes by its new rule: 100 %, 1,000 of 1,000 records",
		"sink old is removed"}
	if !slices.Equal(told, want) {
		t.Errorf("status tells\n%q, want\n%q", told, want)
	}
	m := newTopModel(nil)
	m.take(p)
	text := m.text()
	for _, want := range []string{"table per_minute", "generation 2", "250", "1m30s", "table totals", "sink old"} {
		if !strings.Contains(text, want) {
			t.Errorf("top tells no %q in\n%s", want, text)
		}
	}
}
