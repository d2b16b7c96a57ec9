package sql

import (
	"fmt"
	"strings"
	"testing"
)

// TestAllFaultsAtOnce reads a file with a fault of each kind: all are reported, in order, and what is sound
// between them is read.
func TestAllFaultsAtOnce(t *testing.T) {
	const text = `-- 日本語のコメント
CREATE STREAMIN TABLE a AS SELECT 1;
CREATE STREAMING TABLE b AS SELECT 'あ', x FORM STREAM s;
CREATE STREAMING TABLE good_1 AS SELECT 1;
CREATE STREAMING TABLE c AS SELECT count(* FROM STREAM s;
CREATE STREAMING TABLE good_2 AS SELECT 1

CREATE STREAMING TABLE good_3 AS SELECT 2;
CREATE STREAMING TABLE d AS
  SELECT a b c
  FROM t

CREATE STREAMING TABLE good_4 LOCATION '/x' AS SELECT 3;;
CREATE STREAMING TABLE e AS SELECT 'open;
CREATE OR REFRESH STREAMING TABLE good_5 AS SELECT ';' AS s;
SET
`
	statements, faults := ParseFile("t/all.sql", text)
	want := []string{
		`t/all.sql:2:8: found "STREAMIN", expected STREAMING TABLE, MATERIALIZED VIEW, [OR REPLACE] TEMPORARY VIEW, VIEW or FLOW; did you mean STREAMING? [PARSE_SYNTAX_ERROR]`,
		`t/all.sql:3:43: found "FORM", expected FROM; did you mean FROM? [PARSE_SYNTAX_ERROR]`,
		`t/all.sql:5:44: found "FROM", expected ) [PARSE_SYNTAX_ERROR]`,
		`t/all.sql:8:1: found "CREATE", expected the end of the statement (;); end the statement before it with ; [PARSE_SYNTAX_ERROR]`,
		`t/all.sql:10:14: found "c", expected a comma, an operator or FROM [PARSE_SYNTAX_ERROR]`,
		`t/all.sql:13:31: a location is not supported for a dataset; leave it out: tables live in the data folder [_LEGACY_ERROR_TEMP_0035]`,
		// The quote left open in line 14 takes in the text up to the next one, and the last of them is reported.
		"t/all.sql:15:54: the string that begins here is never closed; write ' where it ends, unless the quote that is missing stands further up [PARSE_SYNTAX_ERROR]",
		`t/all.sql:17:1: found the end of the text, expected SET key = value; write the value after an = [PARSE_SYNTAX_ERROR]`,
	}
	got := strings.Split(faults.Error(), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("fault %d differs; all of them:\n%s", i, strings.Join(got, "\n"))
		}
	}
	var names []string
	for _, s := range statements {
		if s, ok := s.(*CreateTable); ok {
			names = append(names, s.Name.Name)
		}
	}
	if got := strings.Join(names, " "); got != "good_1 good_2 good_3 good_4 e" {
		t.Errorf("statements %s", got)
	}
}

// TestUnclosedString goes on behind the line on which a quote was left open.
func TestUnclosedString(t *testing.T) {
	statements, faults := ParseFile("f.sql", "CREATE STREAMING TABLE a AS SELECT 'open;\nCREATE STREAMING TABLE b AS SELECT 1;\n")
	if len(faults) != 1 || faults[0].Pos != (Pos{"f.sql", 1, 36}) || len(statements) != 1 {
		t.Errorf("%v %v", statements, faults)
	}
}

func TestPlaces(t *testing.T) {
	statements, faults := ParseFile("f.sql", "\uFEFF-- 日\n  CREATE STREAMING TABLE t AS\n\tSELECT 'あいう', sum(x)\n  FROM STREAM s AS q WHERE a\n   + b > 1")
	if faults != nil {
		t.Fatal(faults)
	}
	c := statements[0].(*CreateTable)
	body := c.Query.Body.(*SelectBody)
	table := body.From[0].(*TableRef)
	where := body.Where.(*Binary)
	for _, place := range []struct {
		what      string
		pos       Pos
		line, col int
	}{
		{"statement", c.Pos, 2, 3}, {"name", c.Name.Pos, 2, 26}, {"query", c.Query.Pos, 3, 2},
		{"string", body.Items[0].Expr.Position(), 3, 9}, {"call", body.Items[1].Expr.Position(), 3, 16},
		{"table", table.Pos, 4, 8}, {"alias", table.Alias.Pos, 4, 20}, {"comparison", where.Position(), 5, 8}, {"sum", where.Left.Position(), 5, 4},
	} {
		if place.pos != (Pos{"f.sql", place.line, place.col}) {
			t.Errorf("%s at %v, want %d:%d", place.what, place.pos, place.line, place.col)
		}
	}
	if want := "SELECT 'あいう', sum(x)\n  FROM STREAM s AS q WHERE a\n   + b > 1"; c.QueryText != want {
		t.Errorf("query text %q", c.QueryText)
	}
}

// TestLimits checks that hostile texts are faults and use up neither stack nor time.
func TestLimits(t *testing.T) {
	deep := func(n int, open, inside, shut string) string {
		return strings.Repeat(open, n) + inside + strings.Repeat(shut, n)
	}
	for _, c := range []struct{ name, text, fault string }{
		{"240 parentheses", "SELECT " + deep(240, "(", "1", ")"), ""},
		{"parentheses", "SELECT " + deep(100_000, "(", "1", ")"), "levels deep"},
		{"open parentheses", "SELECT " + strings.Repeat("(", 500_000), "levels deep"},
		{"calls", "SELECT " + deep(10_000, "f(", "1", ")"), "levels deep"},
		{"NOT", "SELECT " + strings.Repeat("NOT ", 10_000) + "a", "levels deep"},
		{"minus", "SELECT " + strings.Repeat("- ", 10_000) + "a", "levels deep"},
		{"CASE", "SELECT " + strings.Repeat("CASE WHEN ", 10_000), "levels deep"},
		{"lambda", "SELECT f(" + strings.Repeat("x -> ", 10_000) + "x)", "levels deep"},
		{"subqueries", deep(10_000, "SELECT * FROM (", "SELECT 1", ")"), "levels deep"},
		{"joins in parentheses", "SELECT * FROM " + deep(10_000, "(a JOIN ", "b", ")"), "levels deep"},
		{"types", "SELECT CAST(a AS " + deep(10_000, "ARRAY<", "INT", ">") + ")", "levels deep"},
		{"9000 operators", "SELECT " + strings.Repeat("1 + ", 9000) + "1", ""},
		{"operators", "SELECT " + strings.Repeat("1 + ", 100_000) + "1", "operators"},
		{"conditions", "SELECT a WHERE " + strings.Repeat("a OR ", 100_000) + "a", "operators"},
		{"indices", "SELECT a" + strings.Repeat("[1]", 100_000), "operators"},
		{"points", "SELECT a" + strings.Repeat(".a", 100_000), "operators"},
		{"unions", strings.Repeat("SELECT 1 UNION ALL ", 20_000) + "SELECT 1", "set operations"},
		{"joins", "SELECT * FROM a" + strings.Repeat(" JOIN a", 20_000), "joins"},
		{"long list", "SELECT a IN (" + strings.Repeat("1, ", 100_000) + "1)", ""},
		{"long statement", "SELECT '" + strings.Repeat("x", maxStatementBytes) + "'", "longer than"},
		{"strings", "SELECT " + strings.Repeat("'a' ", 200_000), ""},
		{"unclosed strings", strings.Repeat("\\';\n", 100_000), "no meaning"},
		{"table path", "SELECT * FROM a" + strings.Repeat(".a", 200_000), ""},
		{"windows", "SELECT " + strings.Repeat("f() OVER w, ", 20_000) + "1", "no window"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, faults := ParseQuery("q", c.text)
			switch {
			case c.fault == "" && faults != nil:
				t.Errorf("refused: %v", faults[0])
			case c.fault == "":
				checkStable(t, q)
			case faults == nil || !strings.Contains(faults[0].Message, c.fault):
				t.Errorf("faults %.200v, want %q", faults, c.fault)
			}
		})
	}
}

// TestTooManyFaults stops reading a file that is no SQL at all.
func TestTooManyFaults(t *testing.T) {
	_, faults := ParseFile("f.sql", strings.Repeat("nonsense;\n", 5000))
	if len(faults) < 100 || len(faults) > maxFaults {
		t.Errorf("%d faults", len(faults))
	}
}

func TestParseQuery(t *testing.T) {
	for _, text := range []string{"SELECT 1", "SELECT 1;", " SELECT 1 ; ; -- done\n", "VALUES (1)", "(SELECT 1)", "WITH a AS (SELECT 1) SELECT * FROM a"} {
		if q, faults := ParseQuery("q", text); faults != nil || q == nil {
			t.Errorf("%q: %v", text, faults)
		}
	}
	for _, c := range []struct{ text, class, message string }{
		{"", "PARSE_EMPTY_STATEMENT", "nothing to read"},
		{" ; ", "PARSE_EMPTY_STATEMENT", "nothing to read"},
		{"SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR", `found "SELECT" behind the ;`},
		{"CREATE STREAMING TABLE t", "PARSE_SYNTAX_ERROR", `found "CREATE", expected SELECT`},
		{"SELECT 1 2", "PARSE_SYNTAX_ERROR", `found "2", expected a comma`},
		{"SELECT 'a", "PARSE_SYNTAX_ERROR", "never closed"},
	} {
		q, faults := ParseQuery("q", c.text)
		if q != nil || len(faults) == 0 || faults[0].Class != c.class || !strings.Contains(faults[0].Message, c.message) {
			t.Errorf("%q: %v", c.text, faults)
		}
	}
}

func TestTypes(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"int", "INT"}, {"integer", "INT"}, {"long", "BIGINT"}, {"short", "SMALLINT"}, {"byte", "TINYINT"}, {"real", "FLOAT"},
		{"dec", "DECIMAL"}, {"numeric(5)", "DECIMAL(5)"}, {"decimal(10, 2)", "DECIMAL(10, 2)"}, {"character(3)", "CHAR(3)"},
		{"timestamp_ltz", "TIMESTAMP"}, {"timestamp without time zone", "TIMESTAMP_NTZ"}, {"varchar(5)", "VARCHAR(5)"},
		{"interval", "INTERVAL"}, {"interval day to second", "INTERVAL DAY TO SECOND"}, {"interval year", "INTERVAL YEAR"},
		{"array<map<string, array<int>>>", "ARRAY<MAP<STRING, ARRAY<INT>>>"},
		{"struct<a int, `b c`: string not null comment 'x'>", "STRUCT<a: INT, `b c`: STRING NOT NULL COMMENT 'x'>"},
		{"struct<>", "STRUCT<>"}, {"struct < >", "STRUCT<>"}, {"void", "VOID"},
	} {
		typ, err := ParseType(c.text)
		if err != nil || Format(typ) != c.want {
			t.Errorf("%s: %s %v, want %s", c.text, Format(typ), err, c.want)
		}
	}
	for _, c := range []struct{ text, class string }{
		{"strng", "UNSUPPORTED_DATATYPE"}, {"array", "INCOMPLETE_TYPE_DEFINITION.ARRAY"}, {"map<int>", "PARSE_SYNTAX_ERROR"},
		{"decimal(39, 2)", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION"}, {"decimal(3, 5)", ""}, {"char", "DATATYPE_MISSING_SIZE"},
		{"interval second to day", "PARSE_SYNTAX_ERROR"}, {"int int", "PARSE_SYNTAX_ERROR"}, {"variant", "UNSUPPORTED_DATATYPE"}, {"", "PARSE_EMPTY_STATEMENT"},
	} {
		_, err := ParseType(c.text)
		if f, ok := err.(Fault); !ok || f.Class != c.class {
			t.Errorf("%s: %v, want %s", c.text, err, c.class)
		}
	}
}

func TestSchema(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a INT, b STRING NOT NULL", "STRUCT<a: INT, b: STRING NOT NULL>"},
		{"timestamp STRING, date DATE, `a b` STRUCT<x: INT, y ARRAY<DOUBLE>>", "STRUCT<timestamp: STRING, date: DATE, `a b`: STRUCT<x: INT, y: ARRAY<DOUBLE>>>"},
		{"MAP<STRING,STRING>", "MAP<STRING, STRING>"},
		{"ARRAY<INT>", "ARRAY<INT>"},
		{"STRUCT<a: INT>", "STRUCT<a: INT>"},
		{"\n a INT,\n b INT -- c\n", "STRUCT<a: INT, b: INT>"},
	} {
		typ, err := ParseSchema(c.text)
		if err != nil || Format(typ) != c.want {
			t.Errorf("%q: %s %v, want %s", c.text, Format(typ), err, c.want)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"a INT, b STRNG", "1:10: there is no type STRNG; did you mean STRING? [UNSUPPORTED_DATATYPE]"},
		{"a: INT", `1:2: found ":", expected a type; outside of STRUCT<> no colon stands between name and type [PARSE_SYNTAX_ERROR]`},
		{"a INT,, b INT", `1:7: found ",", expected a column name [PARSE_SYNTAX_ERROR]`},
		{"MAP<STRING, STRNG>", "1:13: there is no type STRNG; did you mean STRING? [UNSUPPORTED_DATATYPE]"},
		{"a INT b INT", `1:7: found "b", expected the end of the text [PARSE_SYNTAX_ERROR]`},
	} {
		if _, err := ParseSchema(c.text); err == nil || err.Error() != c.want {
			t.Errorf("%s\n got %v\nwant %s", c.text, err, c.want)
		}
	}
	columns, err := ParseDDL("a INT, b STRING NOT NULL COMMENT 'x'")
	if got := fmt.Sprintf("%d %s %t %s", len(columns), columns[1].Name.Name, columns[1].NotNull, columns[1].Comment); err != nil || got != "2 b true x" {
		t.Errorf("%s %v", got, err)
	}
}

// TestCanonicalStatements gives the canonical text of statements and queries.
func TestCanonicalStatements(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"create streaming table if not exists a.b (x integer not null comment 'c') tblproperties (k.l 1) comment 'd' as (select 1)",
			"CREATE STREAMING TABLE IF NOT EXISTS a.b (x INT NOT NULL COMMENT 'c') COMMENT 'd' TBLPROPERTIES ('k.l' = '1') AS SELECT 1"},
		{"create temp view v(a) as table t", "CREATE TEMPORARY VIEW v (a) AS SELECT * FROM t"},
		{"create flow f as insert into table t by name select * from stream(s)", "CREATE FLOW f AS INSERT INTO t BY NAME SELECT * FROM STREAM s"},
		{"set a.b=c  d", "SET a.b = `c  d`"},
		{"set a = 10 MB", "SET a = 10 MB"},
		{"use schema d", "USE d"},
		{"select 1 union (select 2 intersect select 3) union all (select 4 union select 5)", "SELECT 1 UNION SELECT 2 INTERSECT SELECT 3 UNION ALL (SELECT 4 UNION SELECT 5)"},
		{"(select 1 union select 2) intersect select 3", "(SELECT 1 UNION SELECT 2) INTERSECT SELECT 3"},
		{"(select 1 limit 1) order by 1", "(SELECT 1 LIMIT 1) ORDER BY 1"},
		{"((select 1))", "SELECT 1"},
		{"select a b, c as d from t u, values 1, 2 v(x) where a limit all", "SELECT a AS b, c AS d FROM t AS u, VALUES (1), (2) AS v(x) WHERE a"},
		{"select * from a join (b join c on d) on e left outer join f using (g)", "SELECT * FROM a JOIN (b JOIN c ON d) ON e LEFT JOIN f USING (g)"},
		{"select * from (a cross join b) as j", "SELECT * FROM (SELECT * FROM a CROSS JOIN b) AS j"},
		{"select * from stream p with (o 'x') watermark ts as t2 delay of interval 1 minute 10 seconds x", "SELECT * FROM STREAM p WITH ('o' = 'x') WATERMARK ts AS t2 DELAY OF INTERVAL 1 MINUTE 10 SECOND AS x"},
		{"select sum(a) over w from t window w as (order by b)", "SELECT sum(a) OVER (ORDER BY b) FROM t"},
		{"select all a from t group by a with rollup", "SELECT a FROM t GROUP BY ROLLUP(a)"},
		{"values (1, 'a'), (2, null) as t(n, s)", "SELECT * FROM VALUES (1, 'a'), (2, NULL) AS t(n, s)"},
	} {
		statements, faults := ParseFile("f.sql", c.text)
		if faults != nil || len(statements) != 1 {
			t.Errorf("%s: %v", c.text, faults)
			continue
		}
		if got := Format(statements[0]); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
		checkStableStatement(t, statements[0])
	}
}
