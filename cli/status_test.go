package cli

import (
	"slices"
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
