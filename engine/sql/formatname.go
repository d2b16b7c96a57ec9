package sql

import "strings"

// plainName tells whether a name needs no backticks behind a point, AS or the like.
func plainName(s string) bool {
	if s == "" || isDigit(s[0]) {
		return false
	}
	for i := range len(s) {
		if !isWordByte(s[i]) {
			return false
		}
	}
	return true
}

// quoteName writes a name in backticks.
func quoteName(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

// name writes an identifier where any word may be one.
func name(id Ident) string {
	if id.Quoted || !plainName(id.Name) {
		return quoteName(id.Name)
	}
	return id.Name
}

// firstName writes an identifier where a keyword would be taken for one.
func firstName(id Ident) string {
	if roleOf(strings.ToUpper(id.Name)) != roleName || guarded(strings.ToUpper(id.Name)) {
		return quoteName(id.Name)
	}
	return name(id)
}

// guarded tells whether a word begins a construct of its own in some places where a name may stand.
func guarded(upper string) bool {
	switch upper {
	case "ALL", "ASC", "BY", "CASE", "COLLATE", "CUBE", "CURRENT", "DELAY", "DESC", "DISTINCT", "EXISTS", "FALSE", "FILTER", "FOR",
		"GROUPING", "IGNORE", "INTERVAL", "NULL", "NULLS", "OUTER", "OVER", "PARTITION", "RANGE", "RECURSIVE", "RESPECT", "ROLLUP",
		"ROWS", "STREAM", "TABLE", "TIMESTAMP_LTZ", "TO", "TRUE", "UNBOUNDED", "VALUES", "VERSION", "WITHIN":
		return true
	}
	return false
}

// path writes a.b.c.
func (f *formatter) path(parts []Ident) {
	for i, part := range parts {
		if i == 0 {
			f.write(firstName(part))
			continue
		}
		f.write(".", name(part))
	}
}

// names writes (a, b, c).
func (f *formatter) names(list []Ident) {
	f.write("(")
	for i, id := range list {
		if i > 0 {
			f.write(", ")
		}
		f.write(name(id))
	}
	f.write(")")
}

// quoteString writes a string literal in single quotes, control characters as escapes.
func quoteString(s string) string {
	var out strings.Builder
	out.Grow(len(s) + 2)
	out.WriteByte('\'')
	for i := range len(s) {
		switch c := s[i]; c {
		case '\'', '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case '\n':
			out.WriteString(`\n`)
		case '\r':
			out.WriteString(`\r`)
		case '\t':
			out.WriteString(`\t`)
		case '\b':
			out.WriteString(`\b`)
		case 0:
			out.WriteString(`\u0000`) // \0 with digits behind it would be octal
		case 0x1A:
			out.WriteString(`\Z`)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('\'')
	return out.String()
}
