package sql

import (
	"os"
	"testing"
)

// fuzzSeeds are texts with every construct of the grammar.
func fuzzSeeds() []string {
	return []string{
		"CREATE STREAMING TABLE IF NOT EXISTS c.d.t (a INT NOT NULL COMMENT 'x', `b c` STRUCT<a: ARRAY<MAP<STRING, DECIMAL(10,2)>>>) USING parquet PARTITIONED BY (a) COMMENT 'c' TBLPROPERTIES ('k' = 'v', a.b = 1);",
		"CREATE MATERIALIZED VIEW m AS WITH q(x) AS (SELECT 1) SELECT * EXCEPT (a), t.* FROM q, VALUES (1, 'a'), (2, NULL) AS v(n, s) LATERAL VIEW OUTER explode(a) e AS c WHERE x > 1 GROUP BY ROLLUP(a, b) HAVING count(*) > 1 QUALIFY row_number() OVER w = 1 ORDER BY a DESC NULLS LAST LIMIT 5 OFFSET 2",
		"CREATE OR REPLACE TEMPORARY VIEW v (a, b) AS SELECT 1, 2 UNION ALL SELECT 3, 4 INTERSECT (SELECT 5, 6 EXCEPT SELECT 7, 8); CREATE FLOW f COMMENT 'x' AS INSERT INTO t BY NAME SELECT * FROM STREAM s;",
		"SET spark.sql.x = a b; SET `k` = `v`; SET TIME ZONE 'Asia/Tokyo'; USE DATABASE d; SELECT 1",
		"SELECT a FROM STREAM p WITH ('o' = 'x') WATERMARK to_timestamp(c) AS ts DELAY OF INTERVAL 1 MINUTE 10 SECONDS AS x JOIN STREAM(q) WATERMARK ts DELAY OF INTERVAL '1' HOUR y ON x.a = y.a AND x.ts BETWEEN y.ts AND y.ts + INTERVAL 30 SECONDS",
		"SELECT -(-5), - -a, ~b, NOT a AND b OR NOT (c OR d), a = b IS NULL, (a = b) = c, x IN (1, 2), x NOT IN (SELECT 1), EXISTS (SELECT 1), a LIKE 'x!_' ESCAPE '!', a ILIKE ANY ('a', 'b')",
		"SELECT CASE WHEN a THEN b ELSE c END, CASE x WHEN 1 THEN 2 END, CAST(a AS DECIMAL(10, 2)), TRY_CAST(b AS INTERVAL DAY TO SECOND), a::INT, EXTRACT(HOUR FROM ts), SUBSTRING(a FROM 1 FOR 2), TRIM(BOTH 'x' FROM a), POSITION('a' IN b), OVERLAY(a PLACING b FROM 1)",
		"SELECT f(x -> x + 1, (a, b) -> a), m[1].a.b, struct(a AS b, c), (a, b), count(DISTINCT x) FILTER (WHERE y), listagg(s, ',') WITHIN GROUP (ORDER BY s), first(a IGNORE NULLS) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND UNBOUNDED FOLLOWING), x:a.b[0]",
		"SELECT 1L, 2S, 3Y, 1.5, 1.5D, 1.5F, 1.5BD, 1e3, 1e-3D, .5, 5., 1BD, X'1F', DATE'2026-01-01', TIMESTAMP '2026', TIMESTAMP_NTZ'2026', r'\\d', 'it''s', \"a\" \"b\", '\\u00e9\\101\\n', INTERVAL '1 day', INTERVAL -1 DAY, INTERVAL '1-2' YEAR TO MONTH",
		"SELECT order, window.end, `select`, timestamp, offset + 1 FROM t AS `x y` WHERE /* a /* b */ c */ a >> 1 >>> 2 << 3 <=> 4 -- end\n",
		"SELECT sum(x) OVER w FROM (a JOIN b USING (c)) AS j NATURAL LEFT JOIN (VALUES 1, 2) LEFT ANTI JOIN range(10) WINDOW w AS (ORDER BY x)",
	}
}

// FuzzParse reads any text as a file, a query, an expression and a schema: nothing may panic or hang, and
// what could be read has a stable canonical text.
func FuzzParse(f *testing.F) {
	for _, seed := range fuzzSeeds() {
		f.Add(seed)
	}
	if text, err := os.ReadFile("testdata/purchases.sql"); err == nil {
		f.Add(string(text))
	}
	for _, fact := range readFacts(f) {
		f.Add("SELECT " + fact[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, faults := ParseFile("fuzz", text)
		for _, s := range statements {
			Format(s)
			if len(faults) == 0 {
				checkStableStatement(t, s)
			}
		}
		if q, faults := ParseQuery("fuzz", text); faults == nil {
			checkStable(t, q)
		}
		if e, faults := ParseExpr("fuzz", text); faults == nil {
			_ = ColumnName(e, noMeaning{})
			again, faults := ParseExpr("again", Format(e))
			if faults != nil {
				t.Fatalf("%s\n%v", Format(e), faults)
			}
			if where, ok := sameTree(e, again); !ok {
				t.Fatalf("another tree at %s: %s", where, Format(e))
			}
		}
		if typ, err := ParseSchema(text); err == nil {
			again, err := ParseType(Format(typ))
			if err != nil {
				t.Fatalf("%s: %v", Format(typ), err)
			}
			if where, ok := sameTree(typ, again); !ok {
				t.Fatalf("another type at %s: %s", where, Format(typ))
			}
		}
	})
}

// noMeaning knows no column, and prints constants as Format does.
type noMeaning struct{}

func (noMeaning) Column(*Name) (string, bool) { return "", false }
func (noMeaning) Constant(e Expr) string      { return Format(e) }
func (noMeaning) Type(Expr) string            { return "" }
