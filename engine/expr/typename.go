package expr

import (
	"fmt"
	"strings"

	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// FromTypeName resolves a type as written. A type that is not supported is a fault.
func FromTypeName(t sql.TypeName) (column.Type, *sql.Fault) {
	if kind, ok := plainKind(t.Name); ok {
		return column.Of(kind), nil
	}
	switch t.Name {
	case "DECIMAL", "DEC", "NUMERIC":
		return decimalType(t)
	case "ARRAY":
		return nestedType(t, column.Array)
	case "MAP":
		return nestedType(t, column.Map)
	case "STRUCT":
		return structType(t)
	}
	if units, ok := strings.CutPrefix(t.Name, "INTERVAL"); ok {
		if typ, ok := intervalType(strings.Fields(units)); ok {
			return typ, nil
		}
	}
	return column.Type{}, &sql.Fault{Pos: t.Pos, Class: "UNSUPPORTED_DATATYPE", Message: fmt.Sprintf("type %s is not supported", t.Name)}
}

func plainKind(name string) (column.Kind, bool) {
	switch name {
	case "VOID":
		return column.Void, true
	case "BOOLEAN":
		return column.Bool, true
	case "TINYINT", "BYTE":
		return column.Int8, true
	case "SMALLINT", "SHORT":
		return column.Int16, true
	case "INT", "INTEGER":
		return column.Int32, true
	case "BIGINT", "LONG":
		return column.Int64, true
	case "FLOAT", "REAL":
		return column.Float32, true
	case "DOUBLE":
		return column.Float64, true
	case "STRING", "VARCHAR", "CHAR", "CHARACTER":
		return column.String, true
	case "BINARY":
		return column.Binary, true
	case "DATE":
		return column.Date, true
	case "TIMESTAMP", "TIMESTAMP_LTZ":
		return column.Timestamp, true
	case "TIMESTAMP_NTZ":
		return column.TimestampNTZ, true
	}
	return 0, false
}

func decimalType(t sql.TypeName) (column.Type, *sql.Fault) {
	precision, scale := 10, 0
	if len(t.Args) > 0 {
		precision = t.Args[0]
	}
	if len(t.Args) > 1 {
		scale = t.Args[1]
	}
	switch {
	case precision > maxPrecision:
		return column.Type{}, &sql.Fault{Pos: t.Pos, Class: "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
			Message: fmt.Sprintf("DECIMAL precision %d is more than %d", precision, maxPrecision)}
	case scale > precision, precision < 1, scale < 0:
		return column.Type{}, &sql.Fault{Pos: t.Pos, Class: "INVALID_DECIMAL_SCALE",
			Message: fmt.Sprintf("DECIMAL(%d,%d) is not possible: the scale is from 0 to the precision", precision, scale)}
	}
	return column.DecimalOf(precision, scale), nil
}

func nestedType(t sql.TypeName, kind column.Kind) (column.Type, *sql.Fault) {
	typ := column.Type{Kind: kind}
	if t.Elem == nil || kind == column.Map && t.Key == nil {
		return typ, &sql.Fault{Pos: t.Pos, Class: "INCOMPLETE_TYPE_DEFINITION." + t.Name, Message: "type " + t.Name + " needs the types of its elements"}
	}
	elem, fault := FromTypeName(*t.Elem)
	if fault != nil {
		return typ, fault
	}
	typ.Elem = &elem
	if kind == column.Map {
		key, fault := FromTypeName(*t.Key)
		if fault != nil {
			return typ, fault
		}
		typ.Key = &key
	}
	return typ, nil
}

func structType(t sql.TypeName) (column.Type, *sql.Fault) {
	fields := make([]column.Field, len(t.Fields))
	for i, f := range t.Fields {
		typ, fault := FromTypeName(f.Type)
		if fault != nil {
			return column.Type{}, fault
		}
		fields[i] = column.Field{Name: f.Name.Name, Type: typ}
	}
	return column.StructOf(fields...), nil
}

// unitOf is the unit of an interval type by its name in upper case.
func unitOf(name string) (uint8, bool) {
	switch name {
	case "DAY":
		return column.UnitDay, true
	case "HOUR":
		return column.UnitHour, true
	case "MINUTE":
		return column.UnitMinute, true
	case "SECOND":
		return column.UnitSecond, true
	case "YEAR":
		return column.UnitYear, true
	case "MONTH":
		return column.UnitMonth, true
	}
	return 0, false
}

// intervalType is INTERVAL unit or INTERVAL unit TO unit.
func intervalType(words []string) (column.Type, bool) {
	if len(words) != 1 && (len(words) != 3 || words[1] != "TO") {
		return column.Type{}, false
	}
	from, ok1 := unitOf(words[0])
	to, ok2 := unitOf(words[len(words)-1])
	typ := column.Type{Kind: column.DayTime, From: from, To: to}
	if from >= column.UnitYear {
		typ.Kind = column.YearMonth
	}
	same := (from >= column.UnitYear) == (to >= column.UnitYear)
	return typ, ok1 && ok2 && same && from <= to
}
