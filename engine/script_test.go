package engine_test

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
)

var update = flag.Bool("update", false, "write what the scripts give into them")

// TestScripts runs every script several ways, which must give one transcript.
func TestScripts(t *testing.T) {
	memory := func(testing.TB) state.Store { return &store.Memory{} }
	ways := []enginetest.Way{
		{Name: "straight", NewStore: memory},
		{Name: "batches of one", ReadRows: 1, BatchRows: 1, NewStore: memory},
		{Name: "batches of seven, restarted", ReadRows: 7, BatchRows: 3, Restart: true, NewStore: memory},
		{Name: "restarted, on the real store", Restart: true, NewStore: func(t testing.TB) state.Store {
			s, err := store.Open(store.Config{Path: filepath.Join(t.(*testing.T).TempDir(), "state.db")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}},
	}
	paths, err := filepath.Glob("../testdata/scripts/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("find scripts: %v, %d found", err, len(paths))
	}
	for _, path := range paths {
		for i, way := range ways {
			t.Run(filepath.Base(path)+"/"+way.Name, func(t *testing.T) {
				enginetest.ReadScript(t, path).Run(t, way, *update && i == 0)
			})
		}
	}
}
