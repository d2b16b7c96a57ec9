package store_test

import (
	"path/filepath"
	"testing"

	"github.com/nagare-stream/nagare/engine/enginetest"
	"github.com/nagare-stream/nagare/engine/state"
	"github.com/nagare-stream/nagare/store"
)

func TestStoreIsAStore(t *testing.T) {
	enginetest.StoreSuite(t, true, func(t testing.TB, dir string) state.Store {
		return open(t, filepath.Join(dir, "nagare.db"))
	})
}

func TestMemoryIsAStore(t *testing.T) {
	enginetest.StoreSuite(t, false, func(testing.TB, string) state.Store { return &store.Memory{} })
}

// checked is a store whose file is checked whenever it is closed.
type checked struct {
	*store.Store
	t testing.TB
}

func (c checked) Close() error {
	if err := c.Check(); err != nil {
		c.t.Errorf("check: %v", err)
	}
	return c.Store.Close()
}

func open(t testing.TB, path string) checked {
	t.Helper()
	s, err := store.Open(store.Config{Path: path, Reserve: -1})
	if err != nil {
		t.Fatal(err)
	}
	return checked{s, t}
}
