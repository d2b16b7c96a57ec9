package column

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the physical family of a type.
type Kind uint8

// The kinds, each with the payload of a Vector that holds its values.
const (
	Void         Kind = iota // the type of NULL; no payload
	Bool                     // Int, 0 or 1
	Int8                     // Int (TINYINT)
	Int16                    // Int (SMALLINT)
	Int32                    // Int (INT)
	Int64                    // Int (BIGINT)
	Float32                  // Float, rounded to float32 after each operation (FLOAT)
	Float64                  // Float (DOUBLE)
	Decimal                  // Int holds the low and Hi the high 64 bits of the unscaled 128-bit value
	String                   // Data, Ends; UTF-8
	Binary                   // Data, Ends
	Date                     // Int, days since 1970-01-01
	Timestamp                // Int, microseconds since 1970-01-01T00:00:00Z
	TimestampNTZ             // Int, microseconds since 1970-01-01T00:00:00, no zone
	DayTime                  // Int, microseconds (INTERVAL DAY TO SECOND)
	YearMonth                // Int, months (INTERVAL YEAR TO MONTH)
	Struct                   // Kids, one per field
	Array                    // Ends into Kids[0]
	Map                      // Ends into Kids[0] (keys) and Kids[1] (values)
)

// Units of an interval type, as in INTERVAL From TO To.
const (
	UnitDay = iota
	UnitHour
	UnitMinute
	UnitSecond
	UnitYear
	UnitMonth
)

// Type is a SQL type. The zero value is VOID, the type of NULL.
type Type struct {
	Kind      Kind
	Precision uint8   // Decimal: 1 to 38 digits
	Scale     uint8   // Decimal: digits after the point, at most Precision
	From, To  uint8   // DayTime, YearMonth: first and last unit
	Elem      *Type   // Array: elements; Map: values
	Key       *Type   // Map: keys
	Fields    []Field // Struct
}

// Field is a named part of a struct or of a row.
type Field struct {
	Name string
	Type Type
}

// Schema is the names and types of a batch's columns.
type Schema struct{ Fields []Field }

// Index returns the place of the column with that exact name, or -1.
func (s *Schema) Index(name string) int {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return i
		}
	}
	return -1
}

// Of returns the type of a kind that has no parameters.
func Of(k Kind) Type { return Type{Kind: k} }

// DecimalOf returns DECIMAL(precision, scale).
func DecimalOf(precision, scale int) Type {
	return Type{Kind: Decimal, Precision: uint8(precision), Scale: uint8(scale)}
}

// StructOf returns a struct type.
func StructOf(fields ...Field) Type { return Type{Kind: Struct, Fields: fields} }

// Equal reports whether two types are the same, names of struct fields included.
func (t Type) Equal(u Type) bool {
	if t.Kind != u.Kind || t.Precision != u.Precision || t.Scale != u.Scale || t.From != u.From || t.To != u.To || len(t.Fields) != len(u.Fields) {
		return false
	}
	for i := range t.Fields {
		if t.Fields[i].Name != u.Fields[i].Name || !t.Fields[i].Type.Equal(u.Fields[i].Type) {
			return false
		}
	}
	return samePart(t.Elem, u.Elem) && samePart(t.Key, u.Key)
}

func samePart(a, b *Type) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Equal(*b)
}

// IsInteger reports a TINYINT, SMALLINT, INT or BIGINT.
func (t Type) IsInteger() bool { return t.Kind >= Int8 && t.Kind <= Int64 }

// IsNumeric reports an integer, FLOAT, DOUBLE or DECIMAL.
func (t Type) IsNumeric() bool { return t.Kind >= Int8 && t.Kind <= Decimal }

// UsesInt reports that values lie in Vector.Int (for Decimal the low half).
func (t Type) UsesInt() bool {
	switch t.Kind {
	case Bool, Int8, Int16, Int32, Int64, Decimal, Date, Timestamp, TimestampNTZ, DayTime, YearMonth:
		return true
	}
	return false
}

// UsesFloat reports that values lie in Vector.Float.
func (t Type) UsesFloat() bool { return t.Kind == Float32 || t.Kind == Float64 }

// UsesBytes reports that values lie in Vector.Data and Ends.
func (t Type) UsesBytes() bool { return t.Kind == String || t.Kind == Binary }

var kindNames = [...]string{
	Void: "void", Bool: "boolean", Int8: "tinyint", Int16: "smallint", Int32: "int", Int64: "bigint",
	Float32: "float", Float64: "double", String: "string", Binary: "binary", Date: "date",
	Timestamp: "timestamp", TimestampNTZ: "timestamp_ntz",
}

var unitNames = [...]string{UnitDay: "day", UnitHour: "hour", UnitMinute: "minute", UnitSecond: "second", UnitYear: "year", UnitMonth: "month"}

// String is the type as Spark's simpleString writes it: "decimal(10,2)", "struct<a:int>".
func (t Type) String() string {
	switch t.Kind {
	case Decimal:
		return "decimal(" + strconv.Itoa(int(t.Precision)) + "," + strconv.Itoa(int(t.Scale)) + ")"
	case DayTime, YearMonth:
		if t.From == t.To {
			return "interval " + unitNames[t.From]
		}
		return "interval " + unitNames[t.From] + " to " + unitNames[t.To]
	case Struct:
		parts := make([]string, len(t.Fields))
		for i, f := range t.Fields {
			parts[i] = f.Name + ":" + f.Type.String()
		}
		return "struct<" + strings.Join(parts, ",") + ">"
	case Array:
		return "array<" + t.Elem.String() + ">"
	case Map:
		return "map<" + t.Key.String() + "," + t.Elem.String() + ">"
	}
	if int(t.Kind) < len(kindNames) {
		return kindNames[t.Kind]
	}
	return fmt.Sprintf("kind(%d)", t.Kind)
}
