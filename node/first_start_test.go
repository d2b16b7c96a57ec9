package node_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/node"
)

// TestFirstStartCutShort kills a first start after each thing that it makes: the next start goes on from
// what is there and leaves no temporary file.
func TestFirstStartCutShort(t *testing.T) {
	whole := ordersConfig(orders(t, ordersView+ordersTable), t.TempDir())
	lookAt(t, whole, func(*node.Node) {})
	store, identity := read(t, whole.Data+"/state.db"), read(t, whole.Data+"/nagare.json")
	// In the order in which a start makes them; what ends in " gone" is renamed or removed by then.
	made := []struct{ name, text string }{
		{".probe-1", "x"},
		{".probe-1 gone", ""},
		{"state.db.new-1", ""},
		{"state.db.new-1", store[:8192]},
		{"state.db", store},
		{"state.db.owner.new", `{"pid":1`},
		{"state.db.owner", `{"pid":1}`},
		{"state.db.reserve", "half"},
		{"nagare.json.new-1", ""},
		{"nagare.json.new-1", identity[:20]},
		{"nagare.json.new-1", identity},
		{"nagare.json", identity},
		{"token.new-1", "A"},
		{"token.new-1", ""},
	}
	for stage := range made {
		t.Run(made[stage].name, func(t *testing.T) {
			cfg := whole
			cfg.Data = t.TempDir()
			for _, m := range made[:stage+1] {
				if name, ok := strings.CutSuffix(m.name, " gone"); ok {
					remove(t, filepath.Join(cfg.Data, name))
					continue
				}
				write(t, filepath.Join(cfg.Data, m.name), m.text)
			}
			runOrders(t, cfg)
			entries, err := os.ReadDir(cfg.Data)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.Contains(e.Name(), "new") || strings.HasPrefix(e.Name(), ".probe") {
					t.Errorf("%s is left", e.Name())
				}
			}
		})
	}
}

// TestForeignFolderIsRefused: what a killed start leaves makes no other folder one of ours.
func TestForeignFolderIsRefused(t *testing.T) {
	cfg := ordersConfig(orders(t, ordersView+ordersTable), t.TempDir())
	write(t, cfg.Data+"/nagare.json.new-1", "")
	write(t, cfg.Data+"/notes.txt", "mine")
	n, err := node.Open(context.Background(), cfg)
	if err == nil {
		n.Close()
	}
	if node.ExitCode(err) != node.ExitData || !strings.Contains(err.Error(), "notes.txt") {
		t.Errorf("open: %v, expected a refusal that names notes.txt", err)
	}
	if read(t, cfg.Data+"/nagare.json.new-1") != "" {
		t.Error("the folder was touched")
	}
}
