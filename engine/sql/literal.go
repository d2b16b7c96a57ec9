package sql

import (
	"fmt"
	"strings"
)

// typedLiteral reads a word with a string behind it: DATE'2026-01-02'.
func (p *parser) typedLiteral() Expr {
	t := p.next()
	e := &Literal{Pos: t.pos, Text: p.next().text}
	switch t.upper {
	case "DATE":
		e.Kind = LitDate
	case "TIMESTAMP", "TIMESTAMP_LTZ":
		e.Kind = LitTimestamp
	case "TIMESTAMP_NTZ":
		e.Kind = LitTimestampNTZ
	case "X":
		e.Kind = LitBinary
		if strings.Trim(e.Text, "0123456789abcdefABCDEF") != "" {
			p.note(t.pos, "INVALID_TYPED_LITERAL", fmt.Sprintf("X'%s' holds more than hexadecimal digits", e.Text), "write two of 0-9 and A-F for each byte")
		}
	default:
		near := Nearest(t.text, []string{"DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "INTERVAL"})
		hint := "there are DATE'…', TIMESTAMP'…', TIMESTAMP_NTZ'…', INTERVAL'…' and X'…'"
		if near != "" {
			hint = "did you mean " + near + "?"
		}
		p.refuse(t.pos, "UNSUPPORTED_TYPED_LITERAL", fmt.Sprintf("a string after %q makes no literal", t.text), hint)
	}
	return e
}

// intervalAhead tells whether INTERVAL begins a literal here, and is no name.
func (p *parser) intervalAhead() bool {
	t := p.peek(1)
	if t.is("-") || t.is("+") {
		t = p.peek(2)
		return (t.kind == tokenNumber || t.kind == tokenString) && unitOf(p.peek(3).upper) != ""
	}
	return t.kind == tokenNumber || t.kind == tokenString
}

// unitOf is the unit without its plural S, "" for any other word.
func unitOf(word string) string {
	switch unit := strings.TrimSuffix(word, "S"); unit {
	case "YEAR", "MONTH", "WEEK", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND", "NANOSECOND":
		return unit
	}
	return ""
}

// interval reads INTERVAL with value and unit pairs, or with one string that holds them.
func (p *parser) interval() Expr {
	e := &Interval{Pos: p.next().pos}
	if p.cur().kind == tokenString && unitOf(p.peek(1).upper) == "" {
		e.Whole = p.next().text
		return e
	}
	for {
		part, ok := p.intervalPart()
		if !ok {
			break
		}
		e.Parts = append(e.Parts, part)
		t, unit := p.cur(), p.peek(1)
		if t.is("-") || t.is("+") {
			t, unit = unit, p.peek(2)
		}
		// What follows is a further part only with its unit; else it is added or subtracted.
		if t.kind != tokenNumber && t.kind != tokenString || unitOf(unit.upper) == "" {
			break
		}
	}
	p.checkInterval(e)
	return e
}

func (p *parser) intervalPart() (IntervalPart, bool) {
	part := IntervalPart{Pos: p.cur().pos}
	sign := ""
	if p.at("-") {
		sign = "-"
	}
	if p.at("-") || p.at("+") {
		p.next()
	}
	t := p.cur()
	switch {
	case t.kind == tokenString:
		part.Quoted = true
	case t.kind == tokenNumber && (t.lit == LitInteger || t.lit == LitDecimal):
	default:
		p.fail("a number and a unit, as in INTERVAL 10 SECONDS")
		return part, false
	}
	part.Value = sign + p.next().text
	if sign == "-" && part.Quoted && strings.HasPrefix(t.text, "-") {
		part.Value = t.text[1:]
	}
	part.Unit = unitOf(p.cur().upper)
	if part.Unit == "" {
		p.failUnit()
		return part, false
	}
	p.next()
	if p.at("TO") {
		p.next()
		part.To = unitOf(p.cur().upper)
		if part.To == "" {
			p.failUnit()
			return part, false
		}
		p.next()
	}
	return part, true
}

func (p *parser) failUnit() {
	units := []string{"SECONDS", "MINUTES", "HOURS", "DAYS", "WEEKS", "MONTHS", "YEARS", "MILLISECONDS", "MICROSECONDS"}
	short := strings.TrimSuffix(p.cur().upper, "S")
	near := Nearest(p.cur().upper, units)
	for _, unit := range units {
		if near == "" && len(short) > 0 && strings.HasPrefix(unit, short) { // SEC, MIN, H
			near = unit
		}
	}
	hint := ""
	if near != "" {
		hint = "did you mean " + near + "?"
	}
	p.failHint("a unit: SECONDS, MINUTES, HOURS, DAYS, WEEKS, MONTHS or YEARS", hint)
}

// checkInterval refuses what Spark's grammar takes and its tree builder does not.
func (p *parser) checkInterval(e *Interval) {
	months, others := false, false
	for _, part := range e.Parts {
		if part.Unit == "YEAR" || part.Unit == "MONTH" {
			months = true
		} else {
			others = true
		}
		if part.To == "" {
			continue
		}
		switch {
		case len(e.Parts) > 1:
			p.note(part.Pos, "", "an interval with TO has one part", "write it as one string: INTERVAL '1 02:03:04' DAY TO SECOND")
			return
		case !unitRange(part.Unit, part.To):
			p.note(part.Pos, "", "there is no interval "+part.Unit+" TO "+part.To, "there are YEAR TO MONTH and DAY, HOUR or MINUTE TO HOUR, MINUTE or SECOND")
			return
		case !part.Quoted:
			p.note(part.Pos, "", "an interval with TO has its value in quotes", "write INTERVAL '"+part.Value+"' "+part.Unit+" TO "+part.To)
			return
		}
	}
	if months && others {
		p.note(e.Pos, "_LEGACY_ERROR_TEMP_0029", "an interval cannot hold months and days at once", "add two intervals one after the other")
	}
}

// unitRange tells whether from TO to is an interval type.
func unitRange(from, to string) bool {
	if from == "YEAR" {
		return to == "MONTH"
	}
	const order = "DAY HOUR MINUTE SECOND"
	f, t := strings.Index(order, from), strings.Index(order, to)
	return f >= 0 && t > f
}
