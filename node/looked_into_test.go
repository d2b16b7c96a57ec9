//go:build unix

package node_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/node"
)

// TestRunWaitsForWhoLooks: a folder that somebody looks into is taken as soon as they are done, by a run and by whoever
// looks next, and is not refused.
func TestRunWaitsForWhoLooks(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	succeed(t, "run", "--once", "--data", data)
	look(t, data, func(looker *node.Node) {
		run := command(context.Background(), t, "run", "--once", "--data", data)
		heard := &listener{told: "is looked into, and is waited for", act: func() {
			if err := looker.Close(); err != nil {
				t.Error(err)
			}
		}}
		run.Stderr = heard
		if err := run.Run(); err != nil || !strings.Contains(heard.String(), "go on with") {
			t.Errorf("%v; stderr:\n%s", err, heard)
		}
	})
}
