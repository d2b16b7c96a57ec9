package sql

import (
	"strconv"
	"strings"
)

// typeName reads a type. Names are made canonical: INTEGER is INT, TIMESTAMP_LTZ is TIMESTAMP.
func (p *parser) typeName() TypeName {
	t := TypeName{Pos: p.cur().pos}
	if !p.enter() {
		return t
	}
	defer p.leave()
	if p.cur().kind != tokenWord {
		p.fail("a type, as INT or STRING")
		return t
	}
	word := p.next()
	t.Name = canonicalType(word.upper)
	switch t.Name {
	case "ARRAY", "MAP", "STRUCT":
		p.nested(&t)
	case "INTERVAL":
		p.intervalType(&t)
	case "DECIMAL":
		t.Args = p.typeArgs()
		p.checkDecimal(t)
	case "VARCHAR", "CHAR":
		t.Args = p.typeArgs()
		if len(t.Args) != 1 && !p.failed {
			p.refuse(t.Pos, "DATATYPE_MISSING_SIZE", t.Name+" has no length", "write STRING, or "+t.Name+"(20)")
		}
	case "TIMESTAMP":
		if p.accept("WITHOUT", "TIME", "ZONE") {
			t.Name = "TIMESTAMP_NTZ"
		}
	case "BOOLEAN", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "DATE", "TIMESTAMP_NTZ", "STRING", "BINARY", "VOID":
	case "VARIANT", "TIME":
		p.refuse(t.Pos, "UNSUPPORTED_DATATYPE", "the type "+t.Name+" is not supported", "use STRING")
	default:
		hint := ""
		if near := Nearest(word.text, typeNames()); near != "" {
			hint = "did you mean " + near + "?"
		}
		p.refuse(t.Pos, "UNSUPPORTED_DATATYPE", "there is no type "+shortened(word.text, 40), hint)
	}
	if p.at("COLLATE") && t.Name == "STRING" {
		p.refuse(p.cur().pos, "", "COLLATE is not supported", "leave it out: strings compare byte by byte")
	}
	return t
}

// typeNames are the types that a suggestion may name.
func typeNames() []string {
	return []string{"BOOLEAN", "TINYINT", "SMALLINT", "INT", "INTEGER", "BIGINT", "LONG", "FLOAT", "DOUBLE", "DECIMAL", "STRING",
		"VARCHAR", "CHAR", "BINARY", "DATE", "TIMESTAMP", "TIMESTAMP_NTZ", "INTERVAL", "ARRAY", "MAP", "STRUCT"}
}

func canonicalType(upper string) string {
	switch upper {
	case "INTEGER":
		return "INT"
	case "LONG":
		return "BIGINT"
	case "SHORT":
		return "SMALLINT"
	case "BYTE":
		return "TINYINT"
	case "REAL":
		return "FLOAT"
	case "DEC", "NUMERIC":
		return "DECIMAL"
	case "CHARACTER":
		return "CHAR"
	case "TIMESTAMP_LTZ":
		return "TIMESTAMP"
	}
	return upper
}

// typeArgs reads (10, 2), if it is there.
func (p *parser) typeArgs() []int {
	if !p.accept("(") {
		return nil
	}
	var args []int
	for {
		n, err := strconv.Atoi(p.cur().text)
		if p.cur().kind != tokenNumber || p.cur().lit != LitInteger || err != nil {
			p.fail("a whole number")
			return nil
		}
		p.next()
		args = append(args, n)
		if !p.accept(",") {
			p.expect(")")
			return args
		}
	}
}

func (p *parser) checkDecimal(t TypeName) {
	const maxPrecision = 38
	if p.failed || len(t.Args) == 0 {
		return
	}
	scale := 0
	if len(t.Args) > 1 {
		scale = t.Args[1]
	}
	switch {
	case len(t.Args) > 2:
		p.refuse(t.Pos, "UNSUPPORTED_DATATYPE", "DECIMAL takes a precision and a scale, no more", "")
	case t.Args[0] > maxPrecision || scale > maxPrecision:
		p.refuse(t.Pos, "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "DECIMAL has at most 38 digits", "")
	case scale > t.Args[0]:
		p.refuse(t.Pos, "", "DECIMAL has more digits behind the point than digits", "write the precision first, then the scale")
	}
}

// nested reads what stands in angle brackets.
func (p *parser) nested(t *TypeName) {
	if t.Name == "STRUCT" && p.accept("<>") {
		return
	}
	if !p.accept("<") {
		example := map[string]string{"ARRAY": "ARRAY<STRING>", "MAP": "MAP<STRING, INT>", "STRUCT": "STRUCT<a: INT>"}[t.Name]
		p.refuse(t.Pos, "INCOMPLETE_TYPE_DEFINITION."+t.Name, t.Name+" does not say of what", "write "+example+", say")
		return
	}
	switch t.Name {
	case "ARRAY":
		elem := p.typeName()
		t.Elem = &elem
	case "MAP":
		key := p.typeName()
		p.expect(",")
		elem := p.typeName()
		t.Key, t.Elem = &key, &elem
	case "STRUCT":
		if !p.at(">") {
			t.Fields = p.fields()
		}
	}
	p.expect(">")
}

// fields reads the fields of a STRUCT, in which a colon may stand between name and type.
func (p *parser) fields() []ColumnDef {
	var list []ColumnDef
	for {
		c := ColumnDef{Name: p.name("a field name")}
		p.accept(":")
		c.Type = p.typeName()
		p.columnRest(&c)
		list = append(list, c)
		if !p.accept(",") {
			return list
		}
	}
}

// column reads name type [NOT NULL] [COMMENT '…'].
func (p *parser) column() ColumnDef {
	c := ColumnDef{Name: p.datasetName("a column name")}
	if p.at(":") {
		p.failHint("a type", "outside of STRUCT<> no colon stands between name and type")
	}
	c.Type = p.typeName()
	p.columnRest(&c)
	return c
}

func (p *parser) columnRest(c *ColumnDef) {
	for {
		switch {
		case !c.NotNull && (p.accept("NOT", "NULL") || p.accept("!", "NULL")):
			c.NotNull = true
		case p.at("COMMENT"):
			p.next()
			c.Comment = p.text("the comment in quotes")
		default:
			return
		}
	}
}

// intervalType reads the units of an INTERVAL type; DAY TO DAY is plain DAY.
func (p *parser) intervalType(t *TypeName) {
	from := p.acceptAny("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
	if from == "" {
		return
	}
	t.Name += " " + from
	if !p.at("TO") {
		return
	}
	p.next()
	to := p.acceptAny("MONTH", "HOUR", "MINUTE", "SECOND")
	if to == "" || !unitRange(from, to) {
		if to != "" {
			p.pos--
		}
		p.fail("a smaller unit: YEAR TO MONTH; DAY, HOUR or MINUTE TO HOUR, MINUTE or SECOND")
		return
	}
	t.Name += " TO " + to
}

// ParseType reads one type: DECIMAL(10,2), ARRAY<STRING>. The error is a Fault, its place one in the text.
func ParseType(text string) (TypeName, error) {
	var t TypeName
	err := parseWhole("", text, func(p *parser) { t = p.typeName() })
	return t, err
}

// ParseDDL reads the columns of a table: a INT, b STRING NOT NULL COMMENT '…', `c d` ARRAY<INT>. The error
// is a Fault, its place one in the text.
func ParseDDL(text string) ([]ColumnDef, error) {
	var list []ColumnDef
	err := parseWhole("", text, func(p *parser) {
		for {
			list = append(list, p.column())
			if !p.accept(",") {
				return
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// ParseSchema reads the schema that from_json and its kin take: a type, or columns, which make a STRUCT.
func ParseSchema(text string) (TypeName, error) {
	t, notType := ParseType(text)
	if notType == nil {
		return t, nil
	}
	fields, err := ParseDDL(text)
	if err == nil {
		return TypeName{Pos: fields[0].Name.Pos, Name: "STRUCT", Fields: fields}, nil
	}
	// A lone word, or a word with brackets behind it, was meant as a type.
	begin := strings.TrimSpace(text)
	if n := wordLength(begin); n == len(begin) || begin[n] == '<' || begin[n] == '(' {
		return TypeName{}, notType
	}
	return TypeName{}, err
}
