package expr

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/column"
	"github.com/nagare-stream/nagare/engine/sql"
)

// constant makes a node of one value.
func constant(t column.Type, pos sql.Pos, set func(v *column.Vector)) *Node {
	v := &column.Vector{}
	v.Reset(t)
	set(v)
	return &Node{Op: OpConst, Type: t, Const: v, Pos: pos}
}

func textConst(s string, pos sql.Pos) *Node {
	return constant(column.Of(column.String), pos, func(v *column.Vector) { v.AppendString(s) })
}

func boolConst(x bool, pos sql.Pos) *Node { return intConst(boolean, bit(x), pos) }

func intConst(t column.Type, x int64, pos sql.Pos) *Node {
	return constant(t, pos, func(v *column.Vector) { v.AppendInt(x) })
}

func floatConst(t column.Type, x float64, pos sql.Pos) *Node {
	return constant(t, pos, func(v *column.Vector) { v.AppendFloat(x) })
}

// literal binds a literal, with a minus sign before it if negative.
func (b *binding) literal(e *sql.Literal, negative bool) *Node {
	text := e.Text
	if negative {
		text = "-" + text
	}
	switch e.Kind {
	case sql.LitNull:
		return nullOf(column.Type{}, &Node{Pos: e.Pos})
	case sql.LitTrue, sql.LitFalse:
		return boolConst(e.Kind == sql.LitTrue, e.Pos)
	case sql.LitInteger:
		return b.integer(text, e.Pos)
	case sql.LitLong:
		return b.sizedInteger(text, column.Int64, 64, e.Pos)
	case sql.LitShort:
		return b.sizedInteger(text, column.Int16, 16, e.Pos)
	case sql.LitByte:
		return b.sizedInteger(text, column.Int8, 8, e.Pos)
	case sql.LitDecimal:
		return b.decimal(text, e.Pos)
	case sql.LitDouble, sql.LitFloat:
		return b.floating(text, e.Kind, e.Pos)
	case sql.LitString:
		return textConst(e.Text, e.Pos)
	case sql.LitBinary:
		return b.hexadecimal(e)
	}
	return b.timeLiteral(e)
}

func (b *binding) badLiteral(pos sql.Pos, what, text string) *Node {
	b.fault(pos, "INVALID_TYPED_LITERAL", "%q is no %s", text, what)
	return nil
}

// integer is a number without suffix: INT, BIGINT or DECIMAL by its size.
func (b *binding) integer(text string, pos sql.Pos) *Node {
	x, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return b.decimal(text, pos)
	case x >= math.MinInt32 && x <= math.MaxInt32:
		return intConst(column.Of(column.Int32), x, pos)
	}
	return intConst(column.Of(column.Int64), x, pos)
}

func (b *binding) sizedInteger(text string, k column.Kind, bits int, pos sql.Pos) *Node {
	x, err := strconv.ParseInt(text, 10, bits)
	if err != nil {
		b.fault(pos, "INVALID_NUMERIC_LITERAL_RANGE", "%s is beyond the range of %s", text, column.Of(k))
		return nil
	}
	return intConst(column.Of(k), x, pos)
}

// decimal is a DECIMAL literal: as many digits as are written, leading zeros left out.
func (b *binding) decimal(text string, pos sql.Pos) *Node {
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(text[i+1:]); err != nil {
			return b.badLiteral(pos, "number", text)
		}
		mantissa = text[:i]
	}
	whole, fraction, _ := strings.Cut(strings.TrimLeft(mantissa, "+-"), ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	scale := len(fraction) - exponent
	precision := max(len(digits), scale, 1)
	if scale < 0 {
		precision, scale = len(digits)-scale, 0
	}
	if precision > maxPrecision || scale > maxPrecision {
		b.fault(pos, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "%s has more than %d digits", text, maxPrecision)
		return nil
	}
	hi, lo, ok := codec.ParseDecimal([]byte(text), precision, scale)
	if !ok {
		return b.badLiteral(pos, "number", text)
	}
	return constant(column.DecimalOf(precision, scale), pos, func(v *column.Vector) { v.AppendDecimal(hi, lo) })
}

func (b *binding) floating(text string, kind sql.LitKind, pos sql.Pos) *Node {
	t, bits := column.Of(column.Float64), 64
	if kind == sql.LitFloat {
		t, bits = column.Of(column.Float32), 32
	}
	x, err := strconv.ParseFloat(text, bits)
	if err != nil {
		b.fault(pos, "INVALID_NUMERIC_LITERAL_RANGE", "%s is beyond the range of %s", text, t)
		return nil
	}
	return floatConst(t, x, pos)
}

func (b *binding) hexadecimal(e *sql.Literal) *Node {
	digits := e.Text
	if len(digits)%2 == 1 {
		digits = "0" + digits
	}
	raw, err := hex.DecodeString(digits)
	if err != nil {
		return b.badLiteral(e.Pos, "BINARY", e.Text)
	}
	return constant(column.Of(column.Binary), e.Pos, func(v *column.Vector) { v.AppendBytes(raw) })
}

func (b *binding) timeLiteral(e *sql.Literal) *Node {
	text := []byte(e.Text)
	switch e.Kind {
	case sql.LitDate:
		days, ok := codec.ParseDate(text)
		if !ok {
			return b.badLiteral(e.Pos, "DATE", e.Text)
		}
		return intConst(column.Of(column.Date), days, e.Pos)
	case sql.LitTimestampNTZ:
		micros, ok := codec.ParseTimestampNTZ(text)
		if !ok {
			return b.badLiteral(e.Pos, "TIMESTAMP_NTZ", e.Text)
		}
		return intConst(column.Of(column.TimestampNTZ), micros, e.Pos)
	}
	micros, ok := codec.ParseTimestamp(text, b.zone())
	if !ok {
		return b.badLiteral(e.Pos, "TIMESTAMP", e.Text)
	}
	return intConst(column.Of(column.Timestamp), micros, e.Pos)
}

func (b *binding) interval(e *sql.Interval) *Node {
	var span timeSpan
	var err string
	if e.Whole != "" {
		var ok bool
		if span, ok = parseSpan(e.Whole); !ok {
			err = e.Whole
		}
	} else {
		for _, p := range e.Parts {
			if !span.addPart(p.Value, p.Unit, p.To) {
				err = p.Value + " " + p.Unit
			}
		}
	}
	if err != "" {
		b.fault(e.Pos, "INVALID_INTERVAL_FORMAT", "%q is no interval", err)
		return nil
	}
	if span.hasMonths && span.hasTime {
		b.fault(e.Pos, "_LEGACY_ERROR_TEMP_0029", "an interval has years and months, or days to seconds, not both")
		return nil
	}
	return intConst(span.typ(), span.value(), e.Pos)
}
