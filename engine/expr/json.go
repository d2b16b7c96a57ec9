package expr

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// jsonFunctions write and read JSON texts.
func jsonFunctions() []function {
	return []function{
		{name: "to_json", check: checkToJSON, kernel: toJSON},
		{name: "from_json", check: checkFromJSON, kernel: fromJSON},
		{name: "get_json_object", sig: "only string;only string -> string", kernel: getJSON},
		{name: "json_array_length", sig: "only string -> int", kernel: jsonLength},
		{name: "json_object_keys", sig: "only string", check: checkJSONKeys, kernel: jsonKeys},
	}
}

// options is a constant MAP<STRING,STRING> argument, names in lower case.
func (c *call) options(k int) (map[string]string, bool) {
	v, ok := c.constant(k)
	if !ok || v.Type.Kind != column.Map || v.Type.Key.Kind != column.String || v.Type.Elem.Kind != column.String || v.IsNull(0) {
		c.fault("INVALID_OPTIONS.NON_MAP_FUNCTION", "the options of %s are a map() of constant texts", c.name)
		return nil, false
	}
	return mapTexts(v), true
}

func mapTexts(v *column.Vector) map[string]string {
	out := map[string]string{}
	from, to := v.Span(0)
	for e := from; e < to; e++ {
		out[strings.ToLower(string(v.Kids[0].Bytes(int(e))))] = string(v.Kids[1].Bytes(int(e)))
	}
	return out
}

// checkOptions refuses options that are not known, which Spark would ignore.
func (c *call) checkOptions(k int, known ...string) (map[string]string, bool) {
	opts, ok := c.options(k)
	if !ok {
		return nil, false
	}
	good := true
	for _, name := range sortedKeys(opts) {
		if !contains(known, name) {
			c.b.fail(sql.Fault{Pos: c.args[k].Pos, Message: fmt.Sprintf("%s has no option %q here", c.name, name), Hint: suggestion(name, known)})
			good = false
		}
	}
	return opts, good
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func checkToJSON(c *call) *Node {
	if !c.arity(1, 2) {
		return nil
	}
	if t := c.args[0].Type; t.Kind == column.Void {
		return castTo(c.args[0], column.Of(column.String))
	} else if !isNested(t) {
		return c.fault("DATATYPE_MISMATCH.INVALID_JSON_SCHEMA", "%s takes a struct, a map or an array, not %s", c.name, t)
	}
	if len(c.args) == 2 {
		opts, ok := c.checkOptions(1, "ignorenullfields", "timestampformat")
		if !ok {
			return nil
		}
		if p, ok := opts["timestampformat"]; ok {
			if _, err := parsePattern(p, false); err != nil {
				return c.fault(patternClass(err), "timestampFormat: %v", err)
			}
		}
		c.args[1] = c.b.fold(c.args[1])
	}
	return c.node(column.Of(column.String))
}

func toJSON(n *Node, env *Env) (kernel, error) {
	format := codec.JSONFormat{Zone: env.Zone}
	if len(n.Args) == 2 {
		opts := mapTexts(n.Args[1].Const)
		format.KeepNulls = strings.EqualFold(opts["ignorenullfields"], "false")
		if text, ok := opts["timestampformat"]; ok {
			p, err := parsePattern(text, false)
			if err != nil {
				return nil, err
			}
			local := newLocalTime(env.Zone)
			var buf []byte
			format.Timestamp = func(dst []byte, micros int64) []byte {
				buf = p.append(buf[:0], micros, local.of(micros), local.zone)
				return append(dst, buf...)
			}
		}
	}
	if t := n.Args[0].Type; t.Kind == column.Struct { // the usual to_json(struct(*)): quote the names once
		row := codec.NewRowJSON(t.Fields, format)
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				f.open(i)
				f.reserveJSON(i)
				f.out.Data = row.Append(f.out.Data, f.args[0].Kids, int(i))
				f.shut()
			}
		}, nil
	}
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			f.open(i)
			f.reserveJSON(i)
			f.out.Data = codec.AppendJSON(f.out.Data, f.args[0], int(i), format)
			f.shut()
		}
	}, nil
}

// The modes of from_json.
const (
	permissive = "PERMISSIVE"
	failFast   = "FAILFAST"
)

// checkFromJSON is from_json(text, schema[, options]).
func checkFromJSON(c *call) *Node {
	if !c.arity(2, 3) || !c.coerce(0, "string") {
		return nil
	}
	ddl, ok := c.constantText(1)
	if !ok {
		return c.fault("INVALID_SCHEMA.NON_STRING_LITERAL", "the schema of %s is a constant text", c.name)
	}
	name, err := sql.ParseSchema(ddl)
	if err != nil {
		return c.fault("INVALID_SCHEMA.PARSE_ERROR", "schema %q: %v", ddl, err)
	}
	t, fault := FromTypeName(name)
	if fault != nil {
		return c.fault(fault.Class, "schema %q: %s", ddl, fault.Message)
	}
	if !isNested(t) {
		return c.fault("DATATYPE_MISMATCH.INVALID_JSON_SCHEMA", "from_json gives a struct, an array or a map, not %s", t)
	}
	if len(c.args) == 3 {
		opts, ok := c.checkOptions(2, "mode", "columnnameofcorruptrecord")
		if !ok {
			return nil
		}
		if mode := strings.ToUpper(opts["mode"]); mode != "" && mode != permissive && mode != failFast {
			return c.fault("PARSE_MODE_UNSUPPORTED", "from_json has the modes PERMISSIVE and FAILFAST, not %s", mode)
		}
		c.args[2] = c.b.fold(c.args[2])
	}
	return c.node(t)
}

func fromJSON(n *Node, env *Env) (kernel, error) {
	d := codec.NewValueDecoder(codec.Options{Zone: env.Zone, NonFiniteStrings: true})
	corrupt, fail := -1, false
	if len(n.Args) == 3 {
		opts := mapTexts(n.Args[2].Const)
		fail = strings.EqualFold(opts["mode"], failFast)
		if name, ok := opts["columnnameofcorruptrecord"]; ok {
			corrupt = fieldNamed(n.Type, name)
		}
	}
	unfit := env.Unfit.watch(n, d)
	if fail || corrupt >= 0 {
		return fromJSONStrictly(n.Type, d, corrupt, fail, unfit), nil
	}
	return func(f *frame, rows []uint32) {
		f.grow()
		for _, i := range rows {
			f.openRow(i)
			d.Decode(f.text(0, i), f.out)
			unfit.note(f.x, i)
			f.next++
		}
	}, nil
}

func fieldNamed(t column.Type, name string) int {
	for i, f := range t.Fields {
		if f.Name == name {
			return i
		}
	}
	return -1
}

// fromJSONStrictly is from_json that tells bad records apart: those that are malformed, and those with
// a value that does not fit its field, which is NULL in the result though the text has it.
func fromJSONStrictly(t column.Type, d *codec.ValueDecoder, corrupt int, fail bool, unfit *UnfitCall) kernel {
	present := newPresence(t)
	return func(f *frame, rows []uint32) {
		f.grow()
		for _, i := range rows {
			text := f.text(0, i)
			f.openRow(i)
			status := d.Decode(text, f.out)
			unfit.note(f.x, i)
			f.next++
			blank := f.out.Null != nil && f.out.IsNull(int(i))
			if blank || status.Reason == codec.OK && present.fits(f.out, int(i), text) {
				continue
			}
			if fail {
				f.fail(i, "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION", "")
				continue
			}
			setText(&f.out.Kids[corrupt], int(i), text)
		}
	}
}

// setText replaces the last row of a text column.
func setText(v *column.Vector, row int, text []byte) {
	if v.Type.Kind != column.String {
		return
	}
	from, _ := v.Span(row)
	v.Data = append(v.Data[:from], text...)
	v.Ends[row] = uint32(len(v.Data))
	if v.Null != nil {
		v.Null[row>>6] &^= 1 << (uint(row) & 63)
	}
}

// presence reads the same fields as text, which every value fits.
type presence struct {
	d     *codec.ValueDecoder
	texts column.Vector
	typ   column.Type
}

func newPresence(t column.Type) *presence {
	p := &presence{d: codec.NewValueDecoder(codec.Options{})}
	for _, f := range t.Fields {
		p.typ.Fields = append(p.typ.Fields, column.Field{Name: f.Name, Type: column.Of(column.String)})
	}
	p.typ.Kind = column.Struct
	return p
}

// fits reports that no field of row i is NULL though the text has a value.
func (p *presence) fits(v *column.Vector, i int, text []byte) bool {
	if v.Type.Kind != column.Struct {
		return true
	}
	p.texts.Reset(p.typ)
	p.d.Decode(text, &p.texts)
	for k := range v.Kids {
		if v.Kids[k].Null != nil && v.Kids[k].IsNull(i) && !p.texts.Kids[k].IsNull(0) {
			return false
		}
	}
	return true
}

func getJSON(*Node, *Env) (kernel, error) {
	var path *codec.JSONPath
	var text string
	ok, known := false, false
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			if p := f.text(1, i); !known || string(p) != text {
				text, known = string(p), true
				path, ok = codec.NewJSONPath(text)
			}
			if !ok {
				f.null(i)
				continue
			}
			found := false
			if f.buf, found = path.Append(f.buf[:0], f.text(0, i)); found {
				f.put(i, f.buf)
			} else {
				f.null(i)
			}
		}
	}, nil
}

func jsonLength(*Node, *Env) (kernel, error) {
	d := codec.NewValueDecoder(codec.Options{})
	elem := column.Of(column.String)
	var list column.Vector
	return func(f *frame, rows []uint32) {
		for _, i := range rows {
			list.Reset(column.Type{Kind: column.Array, Elem: &elem})
			d.Decode(f.text(0, i), &list)
			if list.IsNull(0) {
				f.null(i)
				continue
			}
			f.out.Int[i] = int64(list.Ends[0])
		}
	}, nil
}

func checkJSONKeys(c *call) *Node {
	elem := column.Of(column.String)
	return c.node(column.Type{Kind: column.Array, Elem: &elem})
}

func jsonKeys(*Node, *Env) (kernel, error) {
	d := codec.NewValueDecoder(codec.Options{})
	text := column.Of(column.String)
	var entries column.Vector
	return func(f *frame, rows []uint32) {
		f.grow()
		for _, i := range rows {
			entries.Reset(column.Type{Kind: column.Map, Key: &text, Elem: &text})
			d.Decode(f.text(0, i), &entries)
			f.openRow(i)
			if entries.IsNull(0) {
				f.out.AppendNull()
				f.next++
				continue
			}
			for k := 0; k < int(entries.Ends[0]); k++ {
				f.out.Kids[0].AppendFrom(&entries.Kids[0], k)
			}
			f.shutRow()
		}
	}, nil
}
