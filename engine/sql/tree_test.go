package sql

import (
	"fmt"
	"reflect"
	"testing"
)

// sameTree tells whether two trees are equal but for places, backticks and the query's own text. The
// string says where they first differ.
func sameTree(a, b any) (string, bool) {
	return sameValue("", reflect.ValueOf(a), reflect.ValueOf(b))
}

func sameValue(path string, a, b reflect.Value) (string, bool) {
	if !a.IsValid() || !b.IsValid() {
		return path, a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return fmt.Sprintf("%s: %s and %s", path, a.Type(), b.Type()), false
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		if a.IsNil() || b.IsNil() {
			return path, a.IsNil() == b.IsNil()
		}
		return sameValue(path, a.Elem(), b.Elem())
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d and %d items", path, a.Len(), b.Len()), false
		}
		for i := range a.Len() {
			if where, ok := sameValue(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); !ok {
				return where, false
			}
		}
		return "", true
	case reflect.Struct:
		for i := range a.NumField() {
			field := a.Type().Field(i)
			if field.Type == reflect.TypeFor[Pos]() || field.Name == "Quoted" && field.Type.Kind() == reflect.Bool && a.Type() == reflect.TypeFor[Ident]() || field.Name == "QueryText" {
				continue
			}
			if where, ok := sameValue(path+"."+field.Name, a.Field(i), b.Field(i)); !ok {
				return where, false
			}
		}
		return "", true
	}
	return fmt.Sprintf("%s: %v and %v", path, a.Interface(), b.Interface()), a.Interface() == b.Interface()
}

// checkStable checks that the canonical text of a query reads back as the same tree and the same text.
func checkStable(t *testing.T, q *Query) {
	t.Helper()
	text := Format(q)
	again, faults := ParseQuery("again", text)
	if faults != nil {
		t.Fatalf("canonical text does not parse: %s\n%v", text, faults)
	}
	if where, ok := sameTree(q, again); !ok {
		t.Fatalf("canonical text has another tree at %s: %s", where, text)
	}
	if second := Format(again); second != text {
		t.Fatalf("canonical text changes:\n%s\n%s", text, second)
	}
}

// checkStableStatement is checkStable for statements.
func checkStableStatement(t *testing.T, s Statement) {
	t.Helper()
	text := Format(s)
	again, faults := ParseFile("again", text)
	if faults != nil || len(again) != 1 {
		t.Fatalf("canonical text does not parse: %s\n%v", text, faults)
	}
	if where, ok := sameTree(s, again[0]); !ok {
		t.Fatalf("canonical text has another tree at %s: %s", where, text)
	}
	if second := Format(again[0]); second != text {
		t.Fatalf("canonical text changes:\n%s\n%s", text, second)
	}
}

func TestSameTreeSeesDifferences(t *testing.T) {
	for _, pair := range [][2]string{{"a + b", "a - b"}, {"a", "b"}, {"f(a)", "f(a, a)"}, {"1", "'1'"}, {"count(*)", "count(DISTINCT *)"}, {"x IS NULL", "x IS NOT NULL"}} {
		a, _ := ParseExpr("", pair[0])
		b, _ := ParseExpr("", pair[1])
		if _, same := sameTree(a, b); same {
			t.Errorf("%s and %s count as the same", pair[0], pair[1])
		}
	}
}
