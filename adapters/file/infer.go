package file

import (
	"encoding/json"
	"maps"
	"math/big"
	"slices"
	"strings"

	vectors "github.com/nagare-stream/nagare/engine/column"
)

// The kinds of JSON values, as Spark's inference knows them.
type inferredKind uint8

const (
	kindNull inferredKind = iota
	kindBool
	kindLong
	kindDecimal
	kindDouble
	kindString
	kindArray
	kindStruct
)

// inferred is the type that values have in common.
type inferred struct {
	kind   inferredKind
	digits int // of kindDecimal, a whole number beyond 64 bits
	elem   *inferred
	fields map[string]*inferred
}

// maxInferDepth is how many levels of brackets are looked into, as many as the decoder reads.
const maxInferDepth = 1000

// read takes one value; false: it is none.
func (t *inferred) read(d *json.Decoder, depth int) bool {
	token, err := d.Token()
	if err != nil || depth > maxInferDepth {
		return false
	}
	switch v := token.(type) {
	case nil:
		t.kind = kindNull
	case bool:
		t.kind = kindBool
	case string:
		t.kind = kindString
	case json.Number:
		t.number(v.String())
	case json.Delim:
		return t.nested(v, d, depth)
	}
	return true
}

func (t *inferred) number(text string) {
	t.kind = kindDouble
	if strings.ContainsAny(text, ".eE") {
		return
	}
	n, ok := new(big.Int).SetString(text, 10)
	switch {
	case !ok:
	case n.IsInt64():
		t.kind = kindLong
	case len(strings.TrimPrefix(text, "-")) <= 38:
		t.kind, t.digits = kindDecimal, len(strings.TrimPrefix(text, "-"))
	}
}

func (t *inferred) nested(open json.Delim, d *json.Decoder, depth int) bool {
	if open == '[' {
		t.kind = kindArray
		for d.More() {
			one := &inferred{}
			if !one.read(d, depth+1) {
				return false
			}
			if t.elem == nil {
				t.elem = one
			} else {
				t.elem.merge(one)
			}
		}
		_, err := d.Token()
		return err == nil
	}
	t.kind, t.fields = kindStruct, map[string]*inferred{}
	for d.More() {
		key, err := d.Token()
		name, isText := key.(string)
		if err != nil || !isText {
			return false
		}
		one := &inferred{}
		if !one.read(d, depth+1) {
			return false
		}
		if before := t.fields[name]; before != nil {
			before.merge(one)
		} else {
			t.fields[name] = one
		}
	}
	_, err := d.Token()
	return err == nil
}

// merge makes t the type that it and o have in common.
func (t *inferred) merge(o *inferred) {
	switch {
	case o == nil || o.kind == kindNull:
	case t.kind == kindNull:
		*t = *o
	case t.kind == kindStruct && o.kind == kindStruct:
		for name, of := range o.fields {
			if mine := t.fields[name]; mine != nil {
				mine.merge(of)
			} else {
				t.fields[name] = of
			}
		}
	case t.kind == kindArray && o.kind == kindArray:
		if t.elem == nil {
			t.elem = o.elem
		} else {
			t.elem.merge(o.elem)
		}
	case t.isNumber() && o.isNumber():
		t.kind, t.digits = max(t.kind, o.kind), max(t.digits, o.digits)
	case t.kind != o.kind:
		*t = inferred{kind: kindString}
	}
}

func (t *inferred) isNumber() bool {
	return t.kind == kindLong || t.kind == kindDecimal || t.kind == kindDouble
}

// columnType is the type of a column: fields in order of their names, what is always NULL a STRING. An object without
// fields has none.
func (t *inferred) columnType() vectors.Type {
	if t == nil {
		return vectors.Of(vectors.String)
	}
	switch t.kind {
	case kindBool:
		return vectors.Of(vectors.Bool)
	case kindLong:
		return vectors.Of(vectors.Int64)
	case kindDecimal:
		return vectors.DecimalOf(max(t.digits, 20), 0)
	case kindDouble:
		return vectors.Of(vectors.Float64)
	case kindArray:
		elem := t.elem.columnType()
		if elem.Kind == vectors.Void {
			elem = vectors.Of(vectors.String)
		}
		return vectors.Type{Kind: vectors.Array, Elem: &elem}
	case kindStruct:
		s := vectors.Type{Kind: vectors.Struct}
		for _, name := range slices.Sorted(maps.Keys(t.fields)) {
			if of := t.fields[name].columnType(); of.Kind != vectors.Void {
				s.Fields = append(s.Fields, vectors.Field{Name: name, Type: of})
			}
		}
		if len(s.Fields) == 0 {
			return vectors.Of(vectors.Void)
		}
		return s
	}
	return vectors.Of(vectors.String)
}
