package file

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	vectors "github.com/nagare-stream/nagare/engine/column"
)

// A TableRequest names files that are read as a table, as Spark's json.`path`, csv.`path` and text.`path` do.
type TableRequest struct {
	Format  string // json, csv, text
	Path    string // a file, a folder or a pattern; relative to the root
	Options map[string]string
	Zone    *time.Location // of timestamps without one
}

// A TableError is files that cannot be read as a table. Class is Spark's error class.
type TableError struct{ Class, Message, Hint string }

func (e *TableError) Error() string { return e.Message }

// A Table is files of one shape. It is read from the start each time.
type Table struct {
	root   *os.Root
	files  []string
	schema vectors.Schema
	shape  tableShape
}

// A tableShape reads one format.
type tableShape interface {
	// infer looks at a file, line by line, and may end before its end with io.EOF.
	infer(name string, l *lines) error
	schema() (vectors.Schema, error)
	// scan hands the rows of a file to visit.
	scan(name string, l *lines, out *tableRows) error
}

// OpenTable finds the files below root, and the columns that they have. Nothing outside of root is read, whatever a
// path or a link says.
func OpenTable(ctx context.Context, root *os.Root, r TableRequest) (*Table, error) {
	t := &Table{root: root}
	var err error
	switch r.Format {
	case "json":
		t.shape, err = newJSONTable(r)
	case "csv":
		t.shape, err = newCSVTable(r)
	case "text":
		t.shape, err = textTable{}, knownOptions(r)
	default:
		err = &TableError{Message: fmt.Sprintf("files of format %s are not read", r.Format), Hint: "json, csv and text are"}
	}
	if err != nil {
		return nil, err
	}
	if t.files, err = findFiles(root, r.Path); err != nil {
		return nil, err
	}
	for _, name := range t.files {
		if err := t.each(ctx, name, t.shape.infer); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	if t.schema, err = t.shape.schema(); err != nil {
		return nil, fmt.Errorf("read %s: %w", r.Path, err)
	}
	return t, nil
}

// knownOptions refuses options that would have no effect.
func knownOptions(r TableRequest, known ...string) error {
	for key := range r.Options {
		if !slices.Contains(known, key) {
			hint := "leave it out"
			if len(known) > 0 {
				hint = "options of " + r.Format + " are " + strings.Join(known, ", ")
			}
			return &TableError{Message: fmt.Sprintf("option %q has no effect on files of format %s here", key, r.Format), Hint: hint}
		}
	}
	return nil
}

// findFiles is the files that a path means, sorted. Those whose names begin with _ or . are left out of folders, as in Spark.
func findFiles(root *os.Root, given string) ([]string, error) {
	name := strings.TrimPrefix(strings.TrimPrefix(given, "file://"), "file:")
	if filepath.IsAbs(name) {
		base, err := filepath.Abs(root.Name())
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(base, name)
		if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			return nil, outside(root, given)
		}
		name = rel
	}
	name = path.Clean(filepath.ToSlash(name))
	if name == ".." || strings.HasPrefix(name, "../") {
		return nil, outside(root, given)
	}
	names := []string{name}
	if strings.ContainsAny(name, "*?[") {
		matches, err := fs.Glob(root.FS(), name)
		if err != nil {
			return nil, &TableError{Message: fmt.Sprintf("path %s is no pattern: %v", given, err)}
		}
		names = matches
	}
	var files []string
	for _, name := range names {
		info, err := root.Stat(name)
		if err != nil {
			return nil, rootFault(root, given, name, err)
		}
		if !info.IsDir() {
			files = append(files, name)
			continue
		}
		entries, err := fs.ReadDir(root.FS(), name)
		if err != nil {
			return nil, rootFault(root, given, name, err)
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), "_") && !strings.HasPrefix(e.Name(), ".") && !e.IsDir() {
				files = append(files, path.Join(name, e.Name()))
			}
		}
	}
	if len(files) == 0 {
		return nil, &TableError{Class: "PATH_NOT_FOUND", Message: fmt.Sprintf("%s names no file below %s", given, root.Name()), Hint: "folders inside of a folder are not read"}
	}
	slices.Sort(files)
	return files, nil
}

func outside(root *os.Root, given string) error {
	return &TableError{Message: fmt.Sprintf("%s lies outside of %s, the folder that --files names", given, root.Name()), Hint: "give --files a folder that holds it"}
}

// rootFault says why a file below the root cannot be opened.
func rootFault(root *os.Root, given, name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		hint := "paths are relative to that folder"
		if entries, derr := fs.ReadDir(root.FS(), path.Dir(name)); derr == nil {
			if near := nearestFile(path.Base(name), entries); near != "" {
				hint = "did you mean " + path.Join(path.Dir(name), near) + "?"
			}
		}
		return &TableError{Class: "PATH_NOT_FOUND", Message: fmt.Sprintf("there is no %s below %s", given, root.Name()), Hint: hint}
	case strings.Contains(err.Error(), "escapes"):
		return outside(root, given)
	}
	return &TableError{Class: "FAILED_READ_FILE.NO_HINT", Message: fmt.Sprintf("read %s: %v", given, err)}
}

// Schema is the columns.
func (t *Table) Schema() vectors.Schema { return t.schema }

// Scan hands all rows to visit. A batch is valid during the call.
func (t *Table) Scan(ctx context.Context, visit func(*vectors.Batch) error) error {
	out := &tableRows{visit: visit}
	out.batch.Reset(&t.schema)
	for _, name := range t.files {
		if err := t.each(ctx, name, func(name string, l *lines) error { return t.shape.scan(name, l, out) }); err != nil {
			return err
		}
	}
	return nil
}

// each opens a file for do, which is told its name and its lines.
func (t *Table) each(ctx context.Context, name string, do func(string, *lines) error) error {
	f, err := t.root.Open(name)
	if err != nil {
		return rootFault(t.root, name, name, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() {
		return &TableError{Message: fmt.Sprintf("%s is no file", name)}
	}
	in := io.Reader(bufio.NewReaderSize(f, lineBuffer))
	if strings.HasSuffix(name, ".gz") {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("read %s: it is not compressed by gzip, as its name says: %w", name, err)
		}
		defer z.Close()
		in = z
	}
	err = do(name, newLines(in, ctx.Err))
	if err != nil && !errors.Is(err, io.EOF) && ctx.Err() == nil {
		if te := (*TableError)(nil); !errors.As(err, &te) {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return err
}

// tableRows is where rows of a table go.
type tableRows struct {
	batch vectors.Batch
	visit func(*vectors.Batch) error
}

// tableBatch is how many rows a batch holds, tableBytes about how much text they are made of.
const (
	tableBatch = 4096
	tableBytes = 4 << 20
)

// flush hands over what the batch holds.
func (o *tableRows) flush() error {
	if o.batch.Len == 0 {
		return nil
	}
	for i := range o.batch.Cols {
		o.batch.Cols[i].EnsureNull(o.batch.Len)
	}
	o.batch.SelectAll()
	err := o.visit(&o.batch)
	o.batch.Reset(o.batch.Schema)
	return err
}

// textTable is text.`path`: a row a line.
type textTable struct{}

func (textTable) infer(string, *lines) error { return io.EOF }

func (textTable) schema() (vectors.Schema, error) {
	return vectors.Schema{Fields: []vectors.Field{{Name: "value", Type: vectors.Of(vectors.String)}}}, nil
}

func (textTable) scan(_ string, l *lines, out *tableRows) error {
	size := 0
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return out.flush()
		}
		if err != nil {
			return err
		}
		out.batch.Cols[0].AppendBytes(line)
		if size += len(line); out.batch.Len+1 == tableBatch || size > tableBytes {
			size = 0
			out.batch.Len++
			if err := out.flush(); err != nil {
				return err
			}
			continue
		}
		out.batch.Len++
	}
}
