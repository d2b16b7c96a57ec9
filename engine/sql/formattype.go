package sql

import "strconv"

func (f *formatter) typeName(t TypeName) {
	f.write(t.Name)
	switch {
	case t.Name == "STRUCT":
		f.write("<")
		f.columns(t.Fields, ": ")
		f.write(">")
	case t.Key != nil:
		f.write("<")
		f.typeName(*t.Key)
		f.write(", ")
		f.typeName(*t.Elem)
		f.write(">")
	case t.Elem != nil:
		f.write("<")
		f.typeName(*t.Elem)
		f.write(">")
	case t.Args != nil:
		f.write("(")
		for i, n := range t.Args {
			if i > 0 {
				f.write(", ")
			}
			f.write(strconv.Itoa(n))
		}
		f.write(")")
	}
}

func (f *formatter) columns(list []ColumnDef, between string) {
	for i, c := range list {
		if i > 0 {
			f.write(", ")
		}
		f.write(name(c.Name), between)
		f.typeName(c.Type)
		if c.NotNull {
			f.write(" NOT NULL")
		}
		if c.Comment != "" {
			f.write(" COMMENT ", quoteString(c.Comment))
		}
	}
}
