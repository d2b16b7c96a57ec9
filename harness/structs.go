package harness

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/harness/stack"
)

// Rows returns the rows of a table or view as structs. A column goes into the exported field whose tag
// `nagare:"name"`, tag `json:"name"` or name (WindowStart for window_start) says so; columns without
// a field are left out, and a field without a column fails the test. A column that can be NULL needs a
// pointer, or a slice, map or any. Decimals go into strings, numbers, or what has UnmarshalText, as
// *big.Rat has; timestamps and dates into time.Time.
func Rows[T any](e *Env, name string) []T {
	e.t.Helper()
	return structs[T](e, name, func(ctx context.Context) (*stack.Rows, error) { return e.stack.Table(ctx, name) })
}

// Select returns the rows of a SELECT as structs; see Rows.
func Select[T any](e *Env, query string) []T {
	e.t.Helper()
	return structs[T](e, "the query", func(ctx context.Context) (*stack.Rows, error) { return e.stack.Query(ctx, query) })
}

func structs[T any](e *Env, name string, read func(context.Context) (*stack.Rows, error)) []T {
	e.t.Helper()
	set := e.texts(read)
	fields, err := fieldsOf(reflect.TypeFor[T](), set.Columns)
	if err != nil {
		e.t.Fatalf("read %s as %v: %v", name, reflect.TypeFor[T](), err)
	}
	out := make([]T, len(set.Rows))
	for i, texts := range set.Rows {
		row := reflect.ValueOf(&out[i]).Elem()
		for _, f := range fields {
			c := set.Columns[f.column]
			if err := setField(row.FieldByIndex(f.Index), c.Type, texts[f.column]); err != nil {
				e.t.Fatalf("read %s as %v: row %d, column %s (%s) into field %s: %v", name, row.Type(), i, c.Name, c.Type, f.Name, err)
			}
		}
	}
	return out
}

// A field is one of a struct, and the column that goes into it.
type field struct {
	reflect.StructField
	column int
}

// fieldsOf finds the column of each field.
func fieldsOf(t reflect.Type, columns []stack.Column) ([]field, error) {
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("rows need a struct, and %v is none", t)
	}
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	var found []field
	for _, f := range reflect.VisibleFields(t) {
		want, ok := columnOf(&f)
		if !ok {
			continue
		}
		at := -1
		for i, name := range names {
			if name == want || at < 0 && plain(name) == plain(want) {
				at = i
			}
		}
		if at < 0 {
			text := fmt.Sprintf("there is no column for the field %s", f.Name)
			if near := sql.Nearest(want, names); near != "" {
				text += fmt.Sprintf("; did you mean %q?", near)
			}
			return nil, fmt.Errorf("%s; the columns are %s", text, strings.Join(names, ", "))
		}
		found = append(found, field{f, at})
	}
	return found, nil
}

// columnOf is the column that a field is for; false for one that is for none.
func columnOf(f *reflect.StructField) (string, bool) {
	if !f.IsExported() || f.Anonymous {
		return "", false
	}
	for _, key := range []string{"nagare", "json"} {
		name, _, _ := strings.Cut(f.Tag.Get(key), ",")
		if name != "" {
			return name, name != "-"
		}
	}
	return f.Name, true
}

// plain is a name without what tells the ways of writing it apart.
func plain(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// setField sets a field to the value that a text stands for.
func setField(field reflect.Value, kind string, text *string) error {
	if text == nil {
		switch field.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
			return nil
		}
		return fmt.Errorf("it is NULL; make the field a *%v", field.Type())
	}
	if field.Kind() == reflect.Pointer {
		field.Set(reflect.New(field.Type().Elem()))
		if field.Elem().Kind() != reflect.Struct || !isText(field) {
			return setField(field.Elem(), kind, text)
		}
	}
	if field.Kind() == reflect.Interface && field.NumMethod() == 0 {
		v, err := valueOf(kind, text)
		if err == nil {
			field.Set(reflect.ValueOf(v))
		}
		return err
	}
	if strings.HasPrefix(kind, "decimal") {
		if u, ok := unmarshaler(field); ok {
			return u.UnmarshalText([]byte(*text))
		}
	}
	switch {
	case field.Kind() == reflect.String && !strings.ContainsAny(kind, "<"):
		field.SetString(*text)
		return nil
	case field.Kind() == reflect.Float64 || field.Kind() == reflect.Float32: // JSON has no NaN
		v, err := strconv.ParseFloat(*text, field.Type().Bits())
		field.SetFloat(v)
		return err
	case kind == "binary":
		field.SetBytes([]byte(*text))
		return nil
	}
	return json.Unmarshal(jsonOf(kind, *text), field.Addr().Interface())
}

func isText(pointer reflect.Value) bool {
	_, ok := pointer.Interface().(encoding.TextUnmarshaler)
	return ok
}

// unmarshaler is a field that reads text by itself.
func unmarshaler(field reflect.Value) (encoding.TextUnmarshaler, bool) {
	if field.Kind() != reflect.Pointer {
		field = field.Addr()
	}
	u, ok := field.Interface().(encoding.TextUnmarshaler)
	return u, ok
}
