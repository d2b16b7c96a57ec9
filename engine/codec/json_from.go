package codec

import "github.com/nagare-stream/nagare/engine/column"

// ValueDecoder is SQL's from_json for texts that do not come through JSON: one text, one value of a STRUCT,
// ARRAY or MAP type. It is used by one goroutine.
type ValueDecoder struct {
	depth  int
	values typed
	place  *place // nil: what does not fit is not counted
}

// NewValueDecoder returns a decoder. MaxKeys of the options is not used.
func NewValueDecoder(opts Options) *ValueDecoder {
	opts = opts.withDefaults()
	return &ValueDecoder{depth: opts.MaxDepth, values: typed{zone: opts.Zone, nonFinite: opts.NonFiniteStrings}}
}

// Count has the decoder count what does not fit in texts that are read as the type, by Unfit's places. A text that
// is not one JSON value, or another one than the type asks for, counts for the type itself.
func (d *ValueDecoder) Count(t column.Type) {
	p := d.values.place(t, "", 0)
	d.place = &p
}

// Unfit returns by place what did not fit since the counts were last set to 0; Row is 0.
func (d *ValueDecoder) Unfit() []Unfit { return d.values.unfit }

// Missed reports whether something was counted since it was last asked.
func (d *ValueDecoder) Missed() bool {
	missed := d.values.missed
	d.values.missed = false
	return missed
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
	} else {
		d.values.note(d.place, 0, text)
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
		return d.values.appendStruct(out, text, s, d.place)
	case column.Array:
		if s.kind != kindObject || out.Type.Elem.Kind != column.Struct {
			return d.values.appendArray(out, text, s, d.place)
		}
		d.values.append(&out.Kids[0], text, s, d.place.kid(0))
		out.Ends = append(out.Ends, uint32(out.Kids[0].Len()))
		out.EnsureNull(len(out.Ends))
		return true
	case column.Map:
		return d.values.appendMap(out, text, s, d.place)
	}
	return d.values.appendScalar(out, text[s.start:s.end], s.kind)
}
