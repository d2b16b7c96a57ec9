package file

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	vectors "github.com/nagare-stream/nagare/engine/column"
)

// corruptRecord is the column that Spark adds where some lines are no JSON.
const corruptRecord = "_corrupt_record"

// maxWhole is how many bytes a file may have that is read as one JSON value.
const maxWhole = 256 << 20

// jsonTable is json.`path`: an object a line, or with multiLine a value a file, of which an array is a row an element.
type jsonTable struct {
	request TableRequest
	whole   bool // multiLine
	root    *inferred
	corrupt bool // some line is no JSON
	arrays  bool // some value is an array of rows
	fields  []vectors.Field
}

func newJSONTable(r TableRequest) (*jsonTable, error) {
	if err := knownOptions(r, "multiline"); err != nil {
		return nil, err
	}
	whole, err := boolOption(r, "multiline")
	return &jsonTable{request: r, whole: whole, root: &inferred{}}, err
}

func boolOption(r TableRequest, key string) (bool, error) {
	switch text := strings.ToLower(r.Options[key]); text {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	default:
		return false, &TableError{Message: fmt.Sprintf("option %s is %q, and it can be true or false", key, text)}
	}
}

// each hands the texts of the values of a file to do.
func (t *jsonTable) each(l *lines, do func(text []byte) error) error {
	if t.whole {
		all, err := io.ReadAll(io.LimitReader(l.r, maxWhole+1))
		if err != nil {
			return err
		}
		if len(all) > maxWhole {
			return &TableError{Message: fmt.Sprintf("the file is longer than %d MiB, too long for one value", maxWhole>>20), Hint: "write an object a line"}
		}
		if all = bytes.TrimPrefix(all, []byte(bom)); blank(all) {
			return nil
		}
		return do(all)
	}
	for {
		line, err := l.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if blank(line) {
			continue
		}
		if err := do(line); err != nil {
			return err
		}
	}
}

func (t *jsonTable) infer(_ string, l *lines) error {
	return t.each(l, func(text []byte) error {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		one := &inferred{}
		if !one.read(d, 0) || trailing(d) || one.kind != kindStruct && one.kind != kindArray {
			t.corrupt = true
			return nil
		}
		if one.kind == kindArray {
			t.arrays = true
			one = one.elem
			if one == nil {
				return nil
			}
			if one.kind != kindStruct {
				t.corrupt = true
				return nil
			}
		}
		t.root.merge(one)
		return nil
	})
}

// trailing reports text behind a value.
func trailing(d *json.Decoder) bool {
	_, err := d.Token()
	return !errors.Is(err, io.EOF)
}

func (t *jsonTable) schema() (vectors.Schema, error) {
	t.fields = nil
	if root := t.root.columnType(); root.Kind == vectors.Struct {
		t.fields = slices.Clone(root.Fields)
	}
	s := vectors.Schema{Fields: t.fields}
	if t.corrupt {
		s.Fields = append(slices.Clone(t.fields), vectors.Field{Name: corruptRecord, Type: vectors.Of(vectors.String)})
		slices.SortStableFunc(s.Fields, func(a, b vectors.Field) int { return strings.Compare(a.Name, b.Name) })
	}
	if len(s.Fields) == 0 {
		return s, &TableError{Class: "UNABLE_TO_INFER_SCHEMA", Message: fmt.Sprintf("%s has no object, and so no columns", t.request.Path)}
	}
	for i, f := range s.Fields {
		for _, other := range s.Fields[:i] {
			if strings.EqualFold(f.Name, other.Name) {
				return s, &TableError{Class: "COLUMN_ALREADY_EXISTS", Message: fmt.Sprintf("%s has the fields %q and %q, which are one column", t.request.Path, other.Name, f.Name)}
			}
		}
	}
	return s, nil
}

// scan decodes values as rows. What is no object is a row of NULLs with its text beside it.
func (t *jsonTable) scan(_ string, l *lines, out *tableRows) error {
	place := make([]int, len(t.fields)) // of each field among the columns
	for i, f := range t.fields {
		place[i] = out.batch.Schema.Index(f.Name)
	}
	corrupt := -1
	if t.corrupt {
		corrupt = out.batch.Schema.Index(corruptRecord)
	}
	rows := vectors.Type{Kind: vectors.Array, Elem: &vectors.Type{Kind: vectors.Struct, Fields: t.fields}}
	d := codec.NewValueDecoder(codec.Options{Zone: t.request.Zone, NonFiniteStrings: true})
	size := 0
	err := t.each(l, func(text []byte) error {
		list := vectors.Vector{Type: rows}
		list.Reset(rows)
		st := d.Decode(text, &list)
		list.EnsureNull(1)
		n := 0
		if !list.IsNull(0) {
			n = list.Kids[0].Len()
		}
		bad := st.Reason != codec.OK || list.IsNull(0)
		for i := range max(n, b2i(bad)) {
			for f, c := range place {
				if bad {
					out.batch.Cols[c].AppendNull()
				} else {
					out.batch.Cols[c].AppendFrom(&list.Kids[0].Kids[f], i)
				}
			}
			if corrupt >= 0 {
				if bad {
					out.batch.Cols[corrupt].AppendBytes(bytes.ToValidUTF8(text, []byte("\uFFFD")))
				} else {
					out.batch.Cols[corrupt].AppendNull()
				}
			}
			out.batch.Len++
		}
		if size += len(text); out.batch.Len >= tableBatch || size > tableBytes {
			size = 0
			return out.flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.flush()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
