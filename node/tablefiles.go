package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
)

// prepareOut makes the folder of the tables before any work is done for them.
func prepareOut(dir, format string) error {
	if format != formatCSV && format != formatJSONLines {
		return &web.RequestError{Reason: fmt.Sprintf("write tables as %q: use --format csv or --format jsonl", format)}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make folder %s for the tables: %w; choose another one with --out", dir, cause(err))
	}
	if err := probe(dir); err != nil {
		return fmt.Errorf("write tables to folder %s: %w; choose another one with --out", dir, cause(err))
	}
	return nil
}

// WriteTables writes every table, view and the ledger to a folder and returns the names of the files.
func (n *Node) WriteTables(ctx context.Context, dir, format string) ([]string, error) {
	if err := prepareOut(dir, format); err != nil {
		return nil, err
	}
	w := tableFiles{engine: n.current(), dir: dir, format: format, rows: map[string]int64{}}
	err := w.all(ctx, n.Status())
	return w.files, err
}

// tableFiles writes tables to DIR/<table>.<format> and the ledger to DIR/ledger.json.
type tableFiles struct {
	engine *engine.Engine
	dir    string
	format string
	files  []string         // written
	rows   map[string]int64 // by table
}

// all writes every table and view, what is kept of late and invalid rows if there are any, and the
// ledger.
func (w *tableFiles) all(ctx context.Context, st engine.Status) error {
	for _, t := range st.Tables {
		if err := w.table(ctx, t.Name, true); err != nil {
			return err
		}
	}
	for _, name := range w.engine.Names() {
		if strings.HasSuffix(name, "$late") || strings.HasSuffix(name, "$invalid") {
			if err := w.table(ctx, name, false); err != nil {
				return err
			}
		}
	}
	text, err := json.MarshalIndent(st.Ledger, "", "  ")
	if err != nil {
		return err
	}
	return w.place("ledger.json", func(f *os.File) error {
		_, err := f.Write(append(text, '\n'))
		return err
	})
}

// table streams a table into its file; one that is not wanted empty is left out then.
func (w *tableFiles) table(ctx context.Context, name string, evenEmpty bool) error {
	schema, err := w.engine.SchemaOf(name)
	if err != nil {
		return err
	}
	rows := int64(0)
	err = w.place(name+"."+w.format, func(f *os.File) error {
		t, err := newRowText(f, w.format)
		if err != nil {
			return err
		}
		t.digits = codec.NewTimeDigits(schema.Fields)
		t.begin(&schema, false)
		if copied, err := w.copied(ctx, name, t, f); copied {
			rows = t.count
			return err
		}
		if err := w.scanned(ctx, name, t); err != nil {
			return err
		}
		if rows = t.count; rows == 0 && !evenEmpty {
			return errNothing
		}
		if !t.digits.Mixed() {
			return nil
		}
		if err := f.Truncate(0); err != nil {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		t.digits.Again()
		t.count = 0
		t.begin(&schema, false)
		return w.scanned(ctx, name, t)
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write table %s: %w", name, err)
	}
	w.rows[name] = rows
	return nil
}

// scanned writes a table's rows.
func (w *tableFiles) scanned(ctx context.Context, name string, t *rowText) error {
	if err := w.engine.Scan(ctx, name, func(b *column.Batch) error { return t.rows(b, nil) }); err != nil {
		return err
	}
	return t.end()
}

// copied writes a table whose rows are text already, behind the header; false if they are not.
func (w *tableFiles) copied(ctx context.Context, name string, t *rowText, f *os.File) (bool, error) {
	if err := t.flush(); err != nil { // the header
		return true, err
	}
	rows, ok, err := w.engine.CopyLog(ctx, name, f)
	t.count = rows
	return ok, err
}

var errNothing = errors.New("there are no rows")

// place writes a file whole or not at all. One of an earlier run that is not written again is removed.
func (w *tableFiles) place(name string, write func(*os.File) error) error {
	path := filepath.Join(w.dir, name)
	f, err := os.OpenFile(path+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		w.files = append(w.files, name)
		return os.Rename(path+".part", path)
	}
	_ = os.Remove(path + ".part")
	if errors.Is(err, errNothing) {
		if rerr := os.Remove(path); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			return rerr
		}
	}
	return err
}
