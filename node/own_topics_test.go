package node_test

import (
	"path/filepath"
	"testing"
)

// TestOwnTopicsAreLeftOut runs the shipped project, whose alerts read topics that a process writes of itself, over a
// file in which there are none: as through the durable topic, and the ledger names purchases alone.
func TestOwnTopicsAreLeftOut(t *testing.T) {
	t.Parallel()
	events := root("testdata", "golden", "disorder.ndjson.gz")
	out := filepath.Join(t.TempDir(), "out")
	succeed(t, "run", root("pipelines", "purchases"), "--once", "--from", "purchase-events="+events, "--out", out)
	if topics := readLedger(t, out).Topics; len(topics) != 1 || topics["purchase-events"].Read != 12_000 {
		t.Errorf("topics of the ledger: %+v", topics)
	}
	durable := filepath.Join(t.TempDir(), "durable")
	runDurable(t, root("pipelines", "purchases"), "purchase-events", events, durable, "")
	tell(t, "from the durable topic", filesDiffer(t, out, durable))
}
