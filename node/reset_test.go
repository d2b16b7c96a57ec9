package node_test

import (
	"context"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nagare-stream/nagare/node"
)

// damages is what becomes of a data folder between a run and a reset; whole tells that the topics that
// are read are not touched, so that everything can be built anew.
var damages = map[string]struct {
	do    func(t *testing.T, data string)
	whole bool
}{
	"empty store":              {func(t *testing.T, d string) { truncate(t, d+"/state.db", 0) }, true},
	"store of a few bytes":     {func(t *testing.T, d string) { truncate(t, d+"/state.db", 100) }, true},
	"store without its end":    {func(t *testing.T, d string) { truncate(t, d+"/state.db", 16<<10) }, true},
	"store without its head":   {func(t *testing.T, d string) { overwrite(t, d+"/state.db", 0, 8<<10) }, true},
	"store without its middle": {func(t *testing.T, d string) { overwrite(t, d+"/state.db", 8<<10, 1<<20) }, true},
	"no store":                 {func(t *testing.T, d string) { remove(t, d+"/state.db") }, true},
	"another thing as store": {func(t *testing.T, d string) {
		remove(t, d+"/state.db")
		if err := os.Mkdir(d+"/state.db", 0o700); err != nil {
			t.Fatal(err)
		}
	}, true},
	"no description of a table's log":    {func(t *testing.T, d string) { remove(t, stream(d, "r", 0)+"/meta.inf") }, true},
	"a damaged description of late rows": {func(t *testing.T, d string) { overwrite(t, stream(d, "w_24late", 0)+"/meta.inf", 10, 60) }, true},
	"a table's log without a partition":  {func(t *testing.T, d string) { remove(t, stream(d, "r", 1)) }, true},
	"a table's log of zeros":             {func(t *testing.T, d string) { zeroBlocks(t, stream(d, "r", 0)); zeroBlocks(t, stream(d, "r", 1)) }, true},
	"an input of zeros":                  {func(t *testing.T, d string) { zeroBlocks(t, stream(d, "orders", 0)) }, false},
	"an input without its description":   {func(t *testing.T, d string) { remove(t, stream(d, "orders", 0)+"/meta.inf") }, false},
	"a damaged description of an input":  {func(t *testing.T, d string) { overwrite(t, stream(d, "orders", 0)+"/meta.inf", 10, 60) }, false},
	"no queries of the last run":         {func(t *testing.T, d string) { remove(t, d+"/queries.json") }, true},
	"unreadable queries of the last run": {func(t *testing.T, d string) { overwrite(t, d+"/queries.json", 0, 40) }, true},
	"no token, no names":                 {func(t *testing.T, d string) { remove(t, d+"/token") }, true},
	"a reset that was cut short":         {func(t *testing.T, d string) { write(t, d+"/reset", "all\nr\nw$late\norders$invalid\n") }, true},
	"a reset cut short, and a damaged store": {func(t *testing.T, d string) {
		write(t, d+"/reset", "all\nr\nw$late\norders$invalid\n")
		overwrite(t, d+"/state.db", 0, 1<<20)
	}, true},
}

// TestResetOfDamagedFolder damages each kind of file: a reset works all the same, and what the topics
// still hold is read again.
func TestResetOfDamagedFolder(t *testing.T) {
	cfg := ordersConfig(orders(t, ordersView+ordersTable), t.TempDir())
	runOrders(t, cfg)
	publishTo(t, cfg, "orders", orderLines)
	runOrders(t, cfg)
	for _, name := range slices.Sorted(maps.Keys(damages)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, hurt := damages[name], cfg
			hurt.Data = t.TempDir()
			if err := os.CopyFS(hurt.Data, os.DirFS(cfg.Data)); err != nil {
				t.Fatal(err)
			}
			d.do(t, hurt.Data)
			loss, err := node.LookAtLoss(context.Background(), hurt)
			if err != nil {
				t.Fatalf("look at the loss: %v", err)
			}
			if strings.Contains(name, "store") && name != "no store" && loss.Unreadable == nil && !strings.Contains(name, "cut short") {
				t.Errorf("the loss is told of a store that cannot be read: %+v", loss)
			}
			aside, err := node.Reset(context.Background(), hurt, false)
			if err != nil {
				t.Fatalf("reset: %v", err)
			}
			if kept := filepath.Base(aside); aside != "" && !strings.HasPrefix(kept, "state.db.damaged-") || aside == "" && strings.Contains(name, "as store") {
				t.Errorf("the store is kept as %q", aside)
			}
			if !d.whole {
				return
			}
			st := runOrders(t, hurt)
			if st.Events != 3 {
				t.Errorf("%d events after the reset", st.Events)
			}
			lookAt(t, hurt, func(n *node.Node) {
				if got := rowsOf(t, n, "SELECT k, v FROM r ORDER BY v"); got != "k,v\na,1\na,2\nb,3\n" {
					t.Errorf("rows after the reset:\n%s", got)
				}
			})
		})
	}
}

func stream(data, token string, partition int) string {
	return filepath.Join(data, "broker/jetstream/$G/streams", "t-"+token+"-"+string(rune('0'+partition)))
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

// overwrite puts zeros into a file from an offset on, as far as it reaches.
func overwrite(t *testing.T, path string, from, to int64) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(text[from:min(to, int64(len(text)))])
	write(t, path, string(text))
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

func zeroBlocks(t *testing.T, stream string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(stream, "msgs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			overwrite(t, path, 0, 1<<30)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
