package codec

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/nagare-stream/nagare/engine/column"
)

// Limits of a JSON decoder, where Options leaves them 0.
const (
	DefaultMaxDepth = 1000 // levels of brackets; Spark's parser has the same
	DefaultMaxKeys  = 1024 // different texts of a key, with its punctuation, that are remembered
)

// chunkRows is how many records are scanned before their columns are filled: few enough for the text to
// be still in the cache.
const chunkRows = 64

// padding is how many bytes the learned scanner may look at behind the end of a record.
const padding = 64

// Target is one column to decode.
type Target struct {
	Path string      // name of a top-level field, compared exactly, after decoding of escapes
	Type column.Type // of the column
	// FromString, for a TIMESTAMP, says that the field is a STRING that goes through try_to_timestamp:
	// the field's text is parsed as Spark casts it, NULL when it does not parse.
	FromString bool
}

// Options are the settings of a JSON decoder. The zero value is usable.
type Options struct {
	Zone *time.Location // of timestamps without a zone; nil: UTC
	// MaxDepth is how many levels of brackets a record may have, at most 1024; a deeper one is malformed.
	MaxDepth int
	// MaxKeys is how many different key texts are remembered. More are still decoded, more slowly.
	MaxKeys int
	// NonFiniteStrings makes FLOAT and DOUBLE also take the strings "NaN", "Infinity", "-Infinity" and
	// their short forms, as Spark does. Without it they are NULL, like any string.
	NonFiniteStrings bool
	// Stored reads what JSONFormat.Stored has written: maps with keys of any type, intervals. All times are UTC.
	Stored bool
}

func (o Options) withDefaults() Options {
	if o.MaxDepth <= 0 {
		o.MaxDepth = DefaultMaxDepth
	}
	o.MaxDepth = min(o.MaxDepth, maxDepthLimit)
	if o.MaxKeys <= 0 {
		o.MaxKeys = DefaultMaxKeys
	}
	return o
}

// Reason says why a record cannot be decoded.
type Reason uint8

// The reasons. Only OK gives values; the others give a row of NULLs.
const (
	OK        Reason = iota
	NoValue          // a tombstone
	NotUTF8          // some bytes are not UTF-8, wherever they stand
	Malformed        // not one JSON value by RFC 8259, an empty one included
	TooDeep          // more levels of brackets than MaxDepth
	NotObject        // one JSON value, but no object
)

var reasonNames = [...]string{OK: "ok", NoValue: "no value", NotUTF8: "not UTF-8", Malformed: "malformed", TooDeep: "nested too deep", NotObject: "not an object"}

func (r Reason) String() string { return reasonNames[r] }

// Status is the verdict on a record.
type Status struct {
	Reason Reason
	At     uint32 // the place of the first fault in the record, in bytes from its start
}

// String is the verdict in words: "malformed at byte 12".
func (s Status) String() string {
	switch s.Reason {
	case NotUTF8, Malformed, TooDeep:
		return fmt.Sprintf("%s at byte %d", s.Reason, s.At)
	}
	return s.Reason.String()
}

// JSON decodes JSON records into the columns that are needed. It is used by one goroutine.
type JSON struct {
	opts    Options
	targets []Target
	source  []int32          // of each target: its field
	fields  map[string]int32 // by name
	depth   int
	spans   []span // one chunk: row by row, a span per field
	scratch []byte // the last records of a batch, with padding behind
	name    []byte // a key with escapes, decoded
	values  typed
	learned learned
	lastMin minuteCache
	row     int     // of the first record in the chunk, counted from the call's first
	places  []place // by target
}

// NewJSON returns a decoder for the targets, which may name a field more than once.
func NewJSON(targets []Target, opts Options) *JSON {
	d := &JSON{opts: opts.withDefaults(), targets: append([]Target(nil), targets...), fields: map[string]int32{}}
	d.depth = d.opts.MaxDepth
	for _, t := range targets {
		f, ok := d.fields[t.Path]
		if !ok {
			f = int32(len(d.fields))
			d.fields[t.Path] = f
		}
		d.source = append(d.source, f)
	}
	d.spans = make([]span, chunkRows*len(d.fields))
	d.values = typed{zone: d.opts.Zone, nonFinite: d.opts.NonFiniteStrings, stored: d.opts.Stored}
	for i, t := range targets {
		d.places = append(d.places, d.values.place(t.Type, "", i))
	}
	d.learned.reset(d.opts.MaxKeys)
	return d
}

// NewStored returns a decoder of rows that RowJSON has written, Exact and Stored.
func NewStored(fields []column.Field) *JSON {
	targets := make([]Target, len(fields))
	for i, f := range fields {
		targets[i] = Target{Path: f.Name, Type: f.Type}
	}
	return NewJSON(targets, Options{NonFiniteStrings: true, Stored: true})
}

// Decode appends the rows of the records [from, to) to out, one vector per target, and sets status[i-from]
// for each record i. A field that is missing, or whose value does not fit the target's type, is NULL; so
// are all fields of a record that cannot be decoded. out[t] must have the type of target t.
//
// All records of a call together may have at most 4 GiB, and so may the text of a column.
func (d *JSON) Decode(values *column.Bytes, from, to int, out []column.Vector, status []Status) {
	for first := from; from < to; {
		d.row = from - first
		n := min(to-from, chunkRows)
		data, shift := values.Data, uint32(0)
		for n > 1 && int(values.Ends[from+n-1])+padding > len(data) {
			n-- // records at the end of the data form a chunk of their own
		}
		if int(values.Ends[from+n-1])+padding > len(data) {
			n = min(to-from, chunkRows)
			shift = values.Start(from)
			data = d.padded(data[shift:values.Ends[from+n-1]])
		}
		d.scanChunk(data, values, shift, from, n, status)
		d.fillColumns(data, n, out)
		from, status = from+n, status[n:]
	}
}

// padded returns a copy of text with padding behind, valid until the next call.
func (d *JSON) padded(text []byte) []byte {
	d.scratch = append(d.scratch[:0], text...)
	var zeros [padding]byte
	d.scratch = append(d.scratch, zeros[:]...)
	return d.scratch
}

// scanChunk checks n records and leaves their spans in d.spans.
func (d *JSON) scanChunk(data []byte, values *column.Bytes, shift uint32, from, n int, status []Status) {
	nf := len(d.fields)
	spans := d.spans[:n*nf]
	clear(spans)
	for r := range n {
		start, end := values.Start(from+r)-shift, values.Ends[from+r]-shift
		row := spans[r*nf : r*nf+nf]
		if values.IsNull(from + r) {
			status[r] = Status{Reason: NoValue}
		} else if d.scanLearned(data, int(start), int(end), row) {
			status[r] = Status{}
		} else {
			clear(row)
			if status[r] = d.scanRecord(data[:end], int(start), row); status[r].Reason != OK {
				clear(row)
			}
		}
	}
}

// scanRecord is the strict scanner: it accepts the record b[start:] if and only if it is one JSON object in
// UTF-8, says what is wrong with it if not, and leaves the spans of the needed fields in row.
func (d *JSON) scanRecord(b []byte, start int, row []span) Status {
	p := skipBlanks(b, start)
	if p == len(b) || b[p] != '{' {
		end, s := scanValue(b, p, d.depth)
		return verdict(b, start, end, s.kind, d.depth)
	}
	p = skipBlanks(b, p+1)
	if p < len(b) && b[p] == '}' {
		return verdict(b, start, p+1, kindObject, d.depth)
	}
	for {
		field, at := d.scanField(b, p)
		if at < 0 {
			return verdict(b, start, at, kindObject, d.depth)
		}
		end, s := scanValue(b, at, d.depth-1)
		if end < 0 {
			return verdict(b, start, end, kindObject, d.depth)
		}
		if field >= 0 {
			row[field] = s
		}
		p = skipBlanks(b, end)
		if p < len(b) && b[p] == '}' {
			return verdict(b, start, p+1, kindObject, d.depth)
		}
		if p >= len(b) || b[p] != ',' {
			return verdict(b, start, ^p, kindObject, d.depth)
		}
		p = skipBlanks(b, p+1)
	}
}

// scanField accepts a key with its colon and returns the field that it names, or -1, and the place of the value.
func (d *JSON) scanField(b []byte, p int) (field int32, at int) {
	if at = scanName(b, p); at < 0 {
		return -1, at
	}
	end, escaped := scanString(b, p+1)
	name := b[p+1 : end-1]
	if escaped {
		d.name = appendUnescaped(d.name[:0], name)
		name = d.name
	}
	if f, ok := d.fields[string(name)]; ok {
		return f, at
	}
	return -1, at
}

// verdict judges the record b[start:] of which one value has been read up to end, or which has a fault at ^end.
func verdict(b []byte, start, end int, k kind, depth int) Status {
	if end >= 0 {
		if end = skipBlanks(b, end); end == len(b) {
			if k == kindObject {
				return Status{}
			}
			return Status{Reason: NotObject}
		}
		end = ^end // text behind the value
	}
	if at := firstInvalid(b[start:]); at >= 0 {
		return Status{NotUTF8, uint32(at)}
	}
	s := Status{Malformed, uint32(^end - start)}
	if ^end < len(b) && (b[^end] == '{' || b[^end] == '[') && depthAt(b[start:^end]) >= depth {
		s.Reason = TooDeep
	}
	return s
}

// depthAt counts the brackets that are open at the end of a text which is the start of a JSON value.
func depthAt(b []byte) int {
	depth, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case c == '"':
			inString = !inString
		case inString && c == '\\':
			i++
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return depth
}

// firstInvalid returns the place of the first byte that is not UTF-8, or -1.
func firstInvalid(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	i := 0
	for {
		_, size := utf8.DecodeRune(b[i:])
		if size == 1 && b[i] >= utf8.RuneSelf {
			return i
		}
		i += size
	}
}
