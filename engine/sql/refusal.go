package sql

import "fmt"

// registration is Spark's class for statements that parse and have no place in a pipeline.
const registration = "PIPELINE_SQL_GRAPH_ELEMENT_REGISTRATION_ERROR"

// refuseStatement explains a statement that begins with no keyword of a project file.
func (p *parser) refuseStatement() {
	t := p.cur()
	switch t.upper {
	case "INSERT":
		p.refuse(t.pos, registration, "an INSERT stands outside of a flow", "write CREATE FLOW name AS INSERT INTO table BY NAME SELECT …")
	case "APPLY":
		p.refuseAutoCDC()
	case "DROP", "ALTER", "TRUNCATE", "DELETE", "UPDATE", "MERGE", "REFRESH", "DESCRIBE", "DESC", "SHOW", "EXPLAIN", "CACHE", "ANALYZE", "COMMENT", "OPTIMIZE", "VACUUM":
		p.refuse(t.pos, registration, fmt.Sprintf("a project has no %s statement", t.upper), "a project says what there is; to take a table away, take its statement away")
	default:
		p.fail("CREATE, SET or USE")
	}
}

// refuseCreate explains what cannot be created, and how to have it.
func (p *parser) refuseCreate(at Pos) {
	t, after := p.cur(), p.peek(1)
	const sinkHint = "a sink is declared in spark-pipeline.yml: sink.<name>.format, sink.<name>.from, sink.<name>.option.<key>"
	const sourceHint = "a source is declared in spark-pipeline.yml: source.<name>.format, source.<name>.option.<key>"
	switch {
	case t.is("SINK"):
		p.failHint("STREAMING TABLE, MATERIALIZED VIEW, TEMPORARY VIEW, VIEW or FLOW", sinkHint)
	case t.is("TABLE"), t.is("EXTERNAL"):
		p.refuse(at, registration, "CREATE TABLE makes no dataset of a pipeline (Unsupported plan CreateTable)", "write CREATE STREAMING TABLE or CREATE MATERIALIZED VIEW; "+sourceHint)
	case t.is("LIVE"), t.is("STREAMING") && after.is("LIVE"), t.is("PRIVATE"):
		p.failHint("STREAMING TABLE, MATERIALIZED VIEW, TEMPORARY VIEW or FLOW", "Spark's SQL has no LIVE and no PRIVATE: write CREATE STREAMING TABLE or CREATE MATERIALIZED VIEW")
	case t.is("GLOBAL"):
		p.refuse(t.pos, "", "global temporary views are not supported", "write CREATE TEMPORARY VIEW")
	case t.is("STREAMING") && after.is("VIEW"):
		p.next()
		p.failHint("TABLE", "write CREATE TEMPORARY VIEW: a view over STREAM streams")
	case t.is("MATERIALIZED") && after.is("TABLE"):
		p.next()
		p.failHint("VIEW", "write CREATE MATERIALIZED VIEW")
	case t.is("STREAMING"):
		p.next()
		p.expect("TABLE")
	case t.is("MATERIALIZED"), t.is("TEMPORARY"), t.is("TEMP"):
		p.next()
		p.expect("VIEW")
	case t.is("FUNCTION"), t.is("DATABASE"), t.is("SCHEMA"), t.is("CATALOG"), t.is("INDEX"):
		p.refuse(t.pos, registration, fmt.Sprintf("a project has no CREATE %s", t.upper), "leave it out")
	default:
		p.fail("STREAMING TABLE, MATERIALIZED VIEW, [OR REPLACE] TEMPORARY VIEW, VIEW or FLOW")
	}
}

// refuseUsing refuses a source or sink that is written as a view or table.
func (p *parser) refuseUsing(what string) {
	p.refuse(p.cur().pos, registration, "USING cannot make "+what+" of a pipeline (Unsupported plan CreateTempViewUsing)",
		"a source is declared in spark-pipeline.yml: source.<name>.format, source.<name>.option.<key>; then write STREAM name")
}

// refuseAutoCDC refuses change data capture, which Spark 4.2 has in Python only.
func (p *parser) refuseAutoCDC() {
	p.failHint("AS INSERT INTO table BY NAME, or AS and a query",
		"AUTO CDC is not in the SQL of Spark 4.2: for the newest row of a key write a materialized view with QUALIFY row_number() OVER (PARTITION BY key ORDER BY c DESC) = 1")
}

// tailHint explains some of what may stand behind a complete statement.
func (p *parser) tailHint() string {
	switch t := p.cur(); {
	case t.is("CREATE"), t.pos.Col == 1 && (t.is("SET") || t.is("USE") || t.is("INSERT")):
		return "end the statement before it with ;"
	case t.is(")"):
		return "there is one ) too many"
	case t.is("LIMIT") || t.is("ORDER"):
		return "ORDER BY, LIMIT and OFFSET stand in this order at the end of the query"
	}
	return ""
}
