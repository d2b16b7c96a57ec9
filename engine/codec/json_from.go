package codec

import "github.com/nagare-stream/nagare/engine/column"

// ValueDecoder is SQL's from_json for texts that do not come through JSON: one text, one value of a STRUCT,
// ARRAY or MAP type. It is used by one goroutine.
type ValueDecoder struct {
	depth  int
	values typed
}

// NewValueDecoder returns a decoder. MaxKeys of the options is not used.
func NewValueDecoder(opts Options) *ValueDecoder {
	opts = opts.withDefaults()
	return &ValueDecoder{depth: opts.MaxDepth, values: typed{zone: opts.Zone, nonFinite: opts.NonFiniteStrings}}
}

// Decode appends one row to out, by out.Type:
//
//   - a blank text gives NULL, and status OK (the caller appends NULL for a NULL text);
//   - a text that is not one JSON value, or another one than the type asks for, gives a struct of NULLs, or
//     NULL for an ARRAY or MAP; the status tells which (NotObject: a value of another kind);
//   - an object where an ARRAY<STRUCT> is asked for is an array of one.
//
// Inside, the rules are those of JSON: what does not fit is NULL by itself.
func (d *ValueDecoder) Decode(text []byte, out *column.Vector) Status {
	p := skipBlanks(text, 0)
	if p == len(text) {
		out.AppendNull()
		return Status{}
	}
	end, s := scanValue(text, p, d.depth)
	st := verdict(text, 0, end, kindObject, d.depth)
	if st.Reason == OK {
		fit := s.kind > kindNull && d.root(out, text, s)
		if fit {
			return st
		}
		st.Reason = NotObject
	}
	if out.Type.Kind == column.Struct {
		n := out.Len()
		for k := range out.Kids {
			out.Kids[k].AppendNull()
		}
		out.EnsureNull(n + 1)
		return st
	}
	out.AppendNull()
	return st
}

// root appends the value, or returns false and leaves out as it is.
func (d *ValueDecoder) root(out *column.Vector, text []byte, s span) bool {
	switch out.Type.Kind {
	case column.Struct:
		return d.values.appendStruct(out, text, s)
	case column.Array:
		if s.kind != kindObject || out.Type.Elem.Kind != column.Struct {
			return d.values.appendArray(out, text, s)
		}
		d.values.append(&out.Kids[0], text, s)
		out.Ends = append(out.Ends, uint32(out.Kids[0].Len()))
		out.EnsureNull(len(out.Ends))
		return true
	case column.Map:
		return d.values.appendMap(out, text, s)
	}
	return d.values.appendScalar(out, text[s.start:s.end], s.kind)
}
