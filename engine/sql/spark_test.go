package sql

import (
	"strings"
	"testing"
)

// sparkCase is a line of the tables of what Spark accepts: class "" is accepted; "-" is refused without a
// class. hint is part of the way out.
type sparkCase struct{ text, class, hint string }

func checkSpark(t *testing.T, cases []sparkCase, around string) {
	t.Helper()
	for _, c := range cases {
		text := strings.Replace(around, "@", c.text, 1)
		statements, faults := ParseFile("f.sql", text)
		if c.class == "" {
			if faults != nil || len(statements) != 1 {
				t.Errorf("%s\n  is refused: %v", text, faults)
				continue
			}
			checkStableStatement(t, statements[0])
			continue
		}
		if len(faults) != 1 {
			t.Errorf("%s\n  has %d faults: %v", text, len(faults), faults)
			continue
		}
		if got := faults[0].Class; got != strings.TrimPrefix(c.class, "-") {
			t.Errorf("%s\n  class %q, want %q: %v", text, got, c.class, faults)
		}
		if c.hint == "" || !strings.Contains(faults[0].Hint, c.hint) {
			t.Errorf("%s\n  hint %q, want %q", text, faults[0].Hint, c.hint)
		}
		if faults[0].Pos.Line != 1 || faults[0].Pos.Col < 1 || faults[0].Pos.File != "f.sql" {
			t.Errorf("%s\n  place %v", text, faults[0].Pos)
		}
	}
}

// TestSourceAndSinkSpellings is the first table. Spellings that only fail when names are resolved parse here.
func TestSourceAndSinkSpellings(t *testing.T) {
	checkSpark(t, []sparkCase{
		{"CREATE TABLE t USING kafka OPTIONS (subscribe 'x')", registration, "source.<name>.format"},
		{"CREATE TEMPORARY VIEW t USING kafka OPTIONS (subscribe 'x')", registration, "source.<name>.format"},
		{"CREATE STREAMING TABLE t USING kafka OPTIONS (subscribe 'x')", "_LEGACY_ERROR_TEMP_0035", "source.<name>.format"},
		{"CREATE STREAMING TABLE t USING kafka TBLPROPERTIES (subscribe = 'x')", "", ""},
		{"CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_kafka(bootstrapServers => 'h', subscribe => 'x')", "", ""},
		{"CREATE STREAMING TABLE t AS SELECT * FROM STREAM read_files('/x') AS f", "", ""},
		{"CREATE STREAMING TABLE t AS SELECT * FROM STREAM kafka.`topic` WITH ('kafka.bootstrap.servers' = 'h', subscribe 'x')", "", ""},
		{"CREATE SINK s USING kafka OPTIONS (topic 'x')", "PARSE_SYNTAX_ERROR", "sink.<name>.format"},
		{"CREATE STREAMING TABLE s USING kafka TBLPROPERTIES (topic = 'x') AS SELECT to_json(struct(*)) AS value FROM STREAM p", "", ""},
		{"CREATE FLOW f AS INSERT INTO s BY NAME SELECT * FROM STREAM p", "", ""},
	}, "@")
}

// TestStatements is the list of statements and the table of constructs.
func TestStatements(t *testing.T) {
	checkSpark(t, []sparkCase{
		{"CREATE STREAMING TABLE IF NOT EXISTS n (a INT, b STRING NOT NULL COMMENT 'b') USING parquet PARTITIONED BY (a) COMMENT 'c' TBLPROPERTIES ('k' = 'v') AS SELECT * FROM STREAM s", "", ""},
		{"CREATE STREAMING TABLE n", "", ""},
		{"CREATE STREAMING TABLE n (a INT, `b c` ARRAY<STRING>)", "", ""},
		{"CREATE STREAMING TABLE n COMMENT 'c' PARTITIONED BY (a, b) USING delta TBLPROPERTIES (x.y = 1, z = true) AS SELECT 1", "", ""},
		{"CREATE MATERIALIZED VIEW IF NOT EXISTS n COMMENT 'c' AS SELECT * FROM t", "", ""},
		{"CREATE MATERIALIZED VIEW n AS VALUES (1, 'a'), (2, 'b')", "", ""},
		{"CREATE MATERIALIZED VIEW n AS WITH q AS (SELECT 1 AS x) SELECT * FROM q", "", ""},
		{"CREATE OR REPLACE TEMPORARY VIEW n AS SELECT * FROM STREAM s", "", ""},
		{"CREATE TEMP VIEW n (a, b COMMENT 'x') COMMENT 'c' AS SELECT 1, 2", "", ""},
		{"CREATE VIEW n AS SELECT * FROM t", "", ""},
		{"CREATE VIEW IF NOT EXISTS d.n TBLPROPERTIES ('a' = 'b') AS SELECT * FROM t", "", ""},
		{"CREATE FLOW f COMMENT 'c' AS INSERT INTO t BY NAME SELECT * FROM STREAM s", "", ""},
		{"CREATE FLOW f AS INSERT INTO TABLE d.t BY NAME SELECT * FROM STREAM s", "", ""},
		{"SET spark.sql.session.timeZone = Asia/Tokyo", "", ""},
		{"SET any.key=any value; ", "", ""},
		{"SET `a b` = `c;d`", "", ""},
		{"SET TIME ZONE 'Asia/Tokyo'", "", ""},
		{"USE d", "", ""},
		{"USE DATABASE d", "", ""},
		{"/* a */ CREATE STREAMING TABLE n -- b\nAS SELECT ';' FROM STREAM s", "", ""},

		{"CREATE FLOW f AS INSERT INTO t SELECT * FROM STREAM s", registration, "BY NAME"},
		{"CREATE FLOW f AS INSERT INTO t (a, b) SELECT * FROM STREAM s", registration, "BY NAME"},
		{"CREATE FLOW f AS INSERT OVERWRITE t BY NAME SELECT * FROM s", registration, "INSERT INTO"},
		{"CREATE FLOW f AS INSERT INTO ONCE t BY NAME SELECT * FROM STREAM s", "PARSE_SYNTAX_ERROR", "no ONCE"},
		{"CREATE FLOW f AS AUTO CDC INTO t FROM STREAM(s) KEYS (k) SEQUENCE BY c STORED AS SCD TYPE 1", "PARSE_SYNTAX_ERROR", "row_number()"},
		{"CREATE STREAMING TABLE t FLOW AUTO CDC FROM STREAM(s) KEYS (k) SEQUENCE BY c", "PARSE_SYNTAX_ERROR", "row_number()"},
		{"CREATE OR REFRESH STREAMING TABLE t AS SELECT * FROM STREAM s", "PARSE_SYNTAX_ERROR", "write CREATE STREAMING TABLE"},
		{"CREATE OR REPLACE STREAMING TABLE t AS SELECT * FROM STREAM s", "PARSE_SYNTAX_ERROR", "write CREATE STREAMING TABLE"},
		{"CREATE OR REPLACE MATERIALIZED VIEW t AS SELECT * FROM s", "PARSE_SYNTAX_ERROR", "write CREATE MATERIALIZED VIEW"},
		{"CREATE STREAMING TABLE t CLUSTER BY (a) AS SELECT * FROM STREAM s", "", ""},
		{"CREATE STREAMING TABLE t PARTITIONED BY (a) CLUSTER BY (a) AS SELECT * FROM STREAM s", "SPECIFY_CLUSTER_BY_WITH_PARTITIONED_BY_IS_NOT_ALLOWED", "leave one"},
		{"CREATE STREAMING TABLE t PARTITIONED BY (days(ts)) AS SELECT * FROM STREAM s", "-", "column of the query"},
		{"INSERT INTO t SELECT 1", registration, "CREATE FLOW"},
		{"CREATE TEMPORARY VIEW d.n AS SELECT 1", "INVALID_TEMP_OBJ_QUALIFIER", "write n"},
		{"CREATE STREAMING TABLE t COMMENT 'a' COMMENT 'b'", "DUPLICATE_CLAUSES", "leave one"},
		{"CREATE MATERIALIZED VIEW n", "PARSE_SYNTAX_ERROR", "SELECT"},
		{"CREATE STREAMING TABLE a-b", "INVALID_IDENTIFIER", "`a-b`"},
		{"CREATE STREAMIN TABLE t AS SELECT 1", "PARSE_SYNTAX_ERROR", "did you mean STREAMING?"},
		{"CREATE MATERIALISED VIEW t AS SELECT 1", "PARSE_SYNTAX_ERROR", "did you mean MATERIALIZED?"},
		{"CREATE STREAMING TABEL t AS SELECT 1", "PARSE_SYNTAX_ERROR", "did you mean TABLE?"},
		{"CREATE STREAMING LIVE TABLE t AS SELECT 1", "PARSE_SYNTAX_ERROR", "no LIVE"},
		{"CREATE STREAMING VIEW t AS SELECT 1", "PARSE_SYNTAX_ERROR", "TEMPORARY VIEW"},
		{"CREATE STREAMING TABLE t (CONSTRAINT c EXPECT (a > 0)) AS SELECT 1", "PARSE_SYNTAX_ERROR", "WHERE"},
		{"DROP TABLE t", registration, "take its statement away"},
		{"SET a", "PARSE_SYNTAX_ERROR", "="},
	}, "@")
}

// TestBareQuery keeps a bare SELECT for whoever resolves the project to refuse.
func TestBareQuery(t *testing.T) {
	statements, faults := ParseFile("f.sql", "SELECT 1")
	if _, ok := statements[0].(*Select); !ok || faults != nil {
		t.Errorf("%v %v", statements, faults)
	}
}

// TestWatermark is the table of the WATERMARK clause.
func TestWatermark(t *testing.T) {
	checkSpark(t, []sparkCase{
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 10 SECONDS", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 10 SECONDS AS x", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 10 SECONDS x", "", ""},
		{"STREAM(p) WATERMARK ts DELAY OF INTERVAL 10 SECONDS x", "", ""},
		{"(SELECT * FROM STREAM p) WATERMARK ts DELAY OF INTERVAL 10 SECONDS x", "", ""},
		{"v WATERMARK ts DELAY OF INTERVAL 10 SECONDS", "", ""},
		{"STREAM p WITH ('o' = 'x') WATERMARK ts DELAY OF INTERVAL 10 SECONDS x", "", ""},
		{"STREAM p WATERMARK p.ts DELAY OF INTERVAL 10 SECONDS", "", ""},
		{"STREAM p WATERMARK to_timestamp(c) AS ts DELAY OF INTERVAL 10 SECONDS AS x", "", ""},
		{"STREAM p WATERMARK to_timestamp(c) ts DELAY OF INTERVAL 10 SECONDS", "", ""},
		{"STREAM p WATERMARK timestamp DELAY OF INTERVAL 10 SECONDS", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 10 SECOND", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL '10' SECOND", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 1 MINUTE 10 SECONDS", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 500 MILLISECONDS", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 0 SECONDS", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 1 MONTH", "", ""},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL -1 SECONDS", "", ""}, // refused where its value is looked at
		{"(SELECT * FROM STREAM p WATERMARK ts DELAY OF INTERVAL 1 DAY) WATERMARK ts DELAY OF INTERVAL 1 DAY", "", ""},

		{"STREAM p AS x WATERMARK ts DELAY OF INTERVAL 10 SECONDS", "PARSE_SYNTAX_ERROR", "DELAY OF … AS x"},
		{"STREAM p x WATERMARK ts DELAY OF INTERVAL 10 SECONDS", "PARSE_SYNTAX_ERROR", "DELAY OF … AS x"},
		{"STREAM(p WATERMARK ts DELAY OF INTERVAL 10 SECONDS)", "PARSE_SYNTAX_ERROR", "STREAM(p) WATERMARK"},
		{"STREAM (SELECT * FROM p)", "PARSE_SYNTAX_ERROR", "inside the query"},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL '10 seconds'", "PARSE_SYNTAX_ERROR", "outside of the quotes"},
		{"STREAM p WATERMARK ts DELAY OF '10 seconds'", "PARSE_SYNTAX_ERROR", "INTERVAL 10 SECONDS"},
		{"STREAM p WATERMARK ts DELAY OF 10 SECONDS", "PARSE_SYNTAX_ERROR", "INTERVAL 10 SECONDS"},
		{"STREAM p WATERMARK ts DELAY OF INTERVAL 10 SECS", "PARSE_SYNTAX_ERROR", "did you mean SECONDS?"},
		{"STREAM p WATERMARK ts DELY OF INTERVAL 10 SECONDS", "PARSE_SYNTAX_ERROR", "did you mean DELAY?"},
		{"STREAM p WATERMRK ts DELAY OF INTERVAL 10 SECONDS", "PARSE_SYNTAX_ERROR", "did you mean WATERMARK?"},
	}, "CREATE STREAMING TABLE t AS SELECT * FROM @")
}

// TestQueriesOnAStream is the table of queries; what Spark refuses at run time parses.
func TestQueriesOnAStream(t *testing.T) {
	const from = " FROM STREAM p WATERMARK ts DELAY OF INTERVAL 10 SECONDS "
	checkSpark(t, []sparkCase{
		{"SELECT window.start, window.end, count(*)" + from + "GROUP BY window(ts, '1 minute')", "", ""},
		{"SELECT window" + from + "GROUP BY window(ts, '10 minutes', '5 minutes')", "", ""},
		{"SELECT session_window.start, k" + from + "GROUP BY session_window(ts, '5 minutes'), k", "", ""},
		{"SELECT count(*)" + from + "GROUP BY window(ts, '1 minute') AS w", "PARSE_SYNTAX_ERROR", "AS w"},
		{"SELECT count(*)" + from + "GROUP BY window(ts, '1 minute') w", "PARSE_SYNTAX_ERROR", "AS w"},
		{"SELECT w.start FROM (SELECT window(ts,'1 minute') w, * FROM STREAM p) GROUP BY w", "", ""},
		{"SELECT a, count(*)" + from + "GROUP BY ALL", "", ""},
		{"SELECT a, count(*)" + from + "GROUP BY 1 HAVING count(*) FILTER (WHERE b > 1) > 2", "", ""},
		{"SELECT a, count(*)" + from + "GROUP BY ROLLUP(a, b)", "", ""},
		{"SELECT a, count(*)" + from + "GROUP BY a, b WITH CUBE", "", ""},
		{"SELECT a, count(*)" + from + "GROUP BY GROUPING SETS ((a), (b))", "", ""},
		{"SELECT a, count(*)" + from + "GROUP BY a, ROLLUP(b)", "", ""},
		{"SELECT count(DISTINCT x)" + from, "", ""},
		{"SELECT * FROM t QUALIFY row_number() OVER (PARTITION BY a ORDER BY b DESC) <= 3", "", ""},
		{"SELECT * FROM t ORDER BY a DESC NULLS FIRST, b LIMIT 10 OFFSET 5", "", ""},
		{"SELECT DISTINCT event_id, ts" + from, "", ""},
		{"SELECT * FROM STREAM p AS a LEFT JOIN s AS b ON a.k = b.k", "", ""},
		{"SELECT * FROM STREAM p WHERE k IN (SELECT k FROM s)", "", ""},
		{"SELECT * FROM STREAM a JOIN STREAM b USING (k)", "", ""},
		{"SELECT * FROM STREAM a UNION ALL SELECT * FROM STREAM b", "", ""},
		{"SELECT * FROM STREAM a UNION ALL BY NAME SELECT * FROM STREAM b", "PARSE_SYNTAX_ERROR", "same order"},
		{"SELECT x FROM STREAM a LATERAL VIEW explode(xs) e AS x", "", ""},
		{"SELECT x FROM STREAM a LATERAL VIEW OUTER posexplode(xs) e AS i, x WHERE i > 0", "", ""},
		{"SELECT posexplode(xs) AS (i, x) FROM STREAM a", "", ""},
		{"SELECT sum(x) OVER w FROM t WINDOW w AS (PARTITION BY a ORDER BY b)", "", ""},
		{"SELECT sum(x) OVER v FROM t WINDOW w AS (PARTITION BY a)", "MISSING_WINDOW_SPECIFICATION", "WINDOW v AS"},
		{"SELECT * FROM (a JOIN b ON a.x = b.x) AS j, c CROSS JOIN d", "", ""},
		{"SELECT * FROM a NATURAL FULL OUTER JOIN b LEFT ANTI JOIN c ON x = y SEMI JOIN d ON x = z", "", ""},
		{"TABLE t", "", ""},
		{"(SELECT 1) UNION (SELECT 2 ORDER BY 1 LIMIT 1) MINUS SELECT 3", "", ""},
		{"SELECT * FROM t SORT BY a DESC NULLS LAST LIMIT 1", "", ""},
		{"SELECT * FROM t DISTRIBUTE BY a, b + 1 SORT BY a", "", ""},
		{"(SELECT * FROM t) CLUSTER BY a", "", ""},
		{"SELECT * FROM t ORDER BY a SORT BY a", "UNSUPPORTED_FEATURE.COMBINATION_QUERY_RESULT_CLAUSES", "ORDER BY alone"},
		{"SELECT * FROM t CLUSTER BY a SORT BY a", "UNSUPPORTED_FEATURE.COMBINATION_QUERY_RESULT_CLAUSES", "ORDER BY alone"},
		{"SELECT * FROM t SORT BY a ORDER BY a", "PARSE_SYNTAX_ERROR", "in this order"},
		{"SELECT * FROM t TABLESAMPLE (10 PERCENT)", "-", "leave it out"},
	}, "CREATE STREAMING TABLE t AS @")
}

// TestMistakes are the slips that are made most often; each has its hint.
func TestMistakes(t *testing.T) {
	const syntax = "PARSE_SYNTAX_ERROR"
	checkSpark(t, []sparkCase{
		{"SELECT a FORM t", syntax, "did you mean FROM?"},
		{"SELECT a FROM t WERE x = 1", syntax, "did you mean WHERE?"},
		{"SELECT a FROM t GROUP BU a", syntax, "did you mean BY?"},
		{"SELECT a FROM t GRUOP BY a", syntax, "did you mean GROUP?"},
		{"SELECT a FROM t ORDER BY a LIMT 5", syntax, "did you mean LIMIT?"},
		{"SELECT a, FROM t", syntax, "take out the comma"},
		{"SELECT a FROM t GROUP BY a WHERE b", syntax, "before GROUP BY"},
		{"SELECT a FROM t LIMIT 5 ORDER BY a", syntax, "in this order"},
		{"SELECT FROM t", syntax, "SELECT *"},
		{"SELECT a AS 'b' FROM t", syntax, "`b`"},
		{"SELECT a FROM 'b'", syntax, "backticks"},
		{"SELECT (a) FROM t)", syntax, "one ) too many"},
		{"SELECT a FROM t WHERE a = 1 && b", syntax, "AND"},
		{"SELECT a FROM t WHERE a = :p", syntax, "parameters"},
		{"SELECT a IS NUL FROM t", syntax, "did you mean NULL?"},
		{"SELECT a BETWEEN 1 ADN 2", syntax, "did you mean AND?"},
		{"SELECT CAST(a AS STRIN)", "UNSUPPORTED_DATATYPE", "did you mean STRING?"},
		{"SELECT CAST(a AS ARRAY)", "INCOMPLETE_TYPE_DEFINITION.ARRAY", "ARRAY<STRING>"},
		{"SELECT CAST(a AS VARCHAR)", "DATATYPE_MISSING_SIZE", "STRING"},
		{"SELECT DAET'2026-01-02'", "UNSUPPORTED_TYPED_LITERAL", "did you mean DATE?"},
		{"SELECT INTERVAL 1 MONTH 2 DAYS", "_LEGACY_ERROR_TEMP_0029", "add two intervals"},
		{"SELECT sum(x) OVER (PARTITON BY a)", syntax, "did you mean PARTITION?"},
		{"SELECT * FROM t WHERE x = ‘a", syntax, "'"},
		{"SELECT db.f(x)", "UNRESOLVED_ROUTINE", "write f("},
	}, "CREATE MATERIALIZED VIEW m AS @")
}
