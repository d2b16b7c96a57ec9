package sql

import "testing"

// TestPrecedence compares what is read with what is read from the text with all its parentheses.
func TestPrecedence(t *testing.T) {
	for _, c := range []struct{ text, full string }{
		{"a OR b AND c", "a OR (b AND c)"},
		{"a AND b OR c AND d", "(a AND b) OR (c AND d)"},
		{"NOT a AND b", "(NOT a) AND b"},
		{"NOT a = b", "NOT (a = b)"},
		{"! a OR b", "(NOT a) OR b"},
		{"NOT a IS NULL", "NOT (a IS NULL)"},
		{"a = b IS NULL", "(a = b) IS NULL"},
		{"a + 1 BETWEEN b AND c + 1 AND d", "((a + 1) BETWEEN b AND (c + 1)) AND d"},
		{"a < b = c", "(a < b) = c"},
		{"a - b - c", "(a - b) - c"},
		{"a - (b - c) - d", "(a - (b - c)) - d"},
		{"a + b * c", "a + (b * c)"},
		{"a * b DIV c % d / e", "(((a * b) DIV c) % d) / e"},
		{"a || b + c", "(a || b) + c"},
		{"a | b ^ c & d << 1 + 2", "a | (b ^ (c & (d << (1 + 2))))"},
		{"a >> 1 >>> 2", "(a >> 1) >>> 2"},
		{"a > > b", "a > (0 + 1)"}, // a blank between: no operator
		{"-a * b", "(-a) * b"},
		{"- a.b[1]", "-(a.b[1])"},
		{"~a & b", "(~a) & b"},
		{"-a::INT", "-(a::INT)"},
		{"a::INT + 1", "CAST(a AS INT) + 1"},
		{"a LIKE b || c ESCAPE '!'", "a LIKE (b || c) ESCAPE '!'"},
		{"a IN (1) AND b", "(a IN (1)) AND b"},
		{"x -> x + 1 OR y", "x -> ((x + 1) OR y)"},
	} {
		e, faults := ParseExpr("", c.text)
		if c.text == "a > > b" {
			if faults == nil {
				t.Errorf("%s parses", c.text)
			}
			continue
		}
		full, fullFaults := ParseExpr("", c.full)
		if faults != nil || fullFaults != nil {
			t.Errorf("%s: %v %v", c.text, faults, fullFaults)
			continue
		}
		if where, ok := sameTree(e, full); !ok {
			t.Errorf("%s is %s, want %s (%s)", c.text, Format(e), c.full, where)
		}
	}
}

// TestFormatExpr gives the canonical text of expressions.
func TestFormatExpr(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"( ( a ) )", "a"},
		{"(a+b)*c", "(a + b) * c"},
		{"a+(b*c)", "a + b * c"},
		{"a-(b-c)", "a - (b - c)"},
		{"(a=b)=(c=d)", "(a = b) = (c = d)"},
		{"(a=b) is null", "(a = b) IS NULL"},
		{"not (a or b)", "NOT (a OR b)"},
		{"not(not a)", "NOT NOT a"},
		{"-5", "-5"},
		{"-(5)", "-(5)"},
		{"- -5", "-(-5)"},
		{"-(-a)", "-(-a)"},
		{"a - -5", "a - -5"},
		{"+5", "+5"},
		{"a == b and a != c and a !< d", "a = b AND a <> c AND a >= d"},
		{"1L+2s+3Y+1.5+1.5d+1e3+1.5f+1.50BD+1bd+1e2bd", "1L + 2S + 3Y + 1.5 + 1.5D + 1e3D + 1.5F + 1.50 + 1BD + 1e2BD"},
		{`'it''s' "x\n\\" `, `'it\'sx\n\\'`},
		{"null is not null", "NULL IS NOT NULL"},
		{"a is not distinct from b", "a IS NOT DISTINCT FROM b"},
		{"a regexp 'x'", "a RLIKE 'x'"},
		{"a like some ('x','y')", "a LIKE ANY ('x', 'y')"},
		{"a like (any(b))", "a LIKE (any(b))"},
		{"x in (1,2) or x not in (select 1)", "x IN (1, 2) OR x NOT IN (SELECT 1)"},
		{"case when a then 1 else 2 end", "CASE WHEN a THEN 1 ELSE 2 END"},
		{"cast(a as dec(10,2))", "CAST(a AS DECIMAL(10, 2))"},
		{"a::array<struct<x:int,y map<string,long>>>", "CAST(a AS ARRAY<STRUCT<x: INT, y: MAP<STRING, BIGINT>>>)"},
		{"extract(hour from ts)", "EXTRACT(hour FROM ts)"},
		{"substring(a from 1 for 2)", "substring(a, 1, 2)"},
		{"SUBSTR(a,1)", "SUBSTR(a, 1)"},
		{"trim(both 'x' from a)", "trim('x', a)"},
		{"trim(leading 'x' from a)", "ltrim('x', a)"},
		{"trim(trailing from a)", "rtrim(a)"},
		{"trim(a)", "trim(a)"},
		{"position('x' in a)", "locate('x', a)"},
		{"overlay(a placing 'x' from 2 for 3)", "overlay(a, 'x', 2, 3)"},
		{"x:a.b[0]['c d']", "variant_get(x, '$.a.b[0][\\'c d\\']', 'variant')"},
		{"COUNT( * )", "COUNT(*)"},
		{"count(distinct a, b) filter (where c)", "count(DISTINCT a, b) FILTER (WHERE c)"},
		{"first(a ignore nulls)", "first(a) IGNORE NULLS"},
		{"first(a) respect nulls", "first(a)"},
		{"listagg(s, ',') within group (order by s desc)", "listagg(s, ',') WITHIN GROUP (ORDER BY s DESC)"},
		{"sum(a) over (order by b rows 1 preceding)", "sum(a) OVER (ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)"},
		{"rank() over (partition by a order by b desc nulls first)", "rank() OVER (PARTITION BY a ORDER BY b DESC NULLS FIRST)"},
		{"f((a,b)->a+b, x->x)", "f((a, b) -> a + b, x -> x)"},
		{"f(a => 1, b)", "f(a => 1, b)"},
		{"struct(a as x, b y, *)", "struct(a AS x, b AS y, *)"},
		{"(1, 'a')", "(1, 'a')"},
		{"t.* except (a, b.c)", "t.* EXCEPT (a, b.c)"},
		{"(a).b", "a.b"},
		{"f(x).a.b[1]", "f(x).a.b[1]"},
		{"interval 1 day 2 hours", "INTERVAL 1 DAY 2 HOUR"},
		{"interval -'1' seconds", "INTERVAL '-1' SECOND"},
		{"interval '1-2' year to month", "INTERVAL '1-2' YEAR TO MONTH"},
		{"interval '1 day 2 hours'", "INTERVAL '1 day 2 hours'"},
		{"interval 1 hour * 2", "INTERVAL 1 HOUR * 2"},
		{"date '2026-01-02'", "DATE'2026-01-02'"},
		{"timestamp_ltz'2026-01-02'", "TIMESTAMP'2026-01-02'"},
		{"x'1f'", "X'1f'"},
		{"exists (select 1) and exists(a, x -> x)", "EXISTS (SELECT 1) AND exists(a, x -> x)"},
		{"(select 1) + 2", "(SELECT 1) + 2"},
		{"((select 1) + 2)", "(SELECT 1) + 2"},
		{"`a b`.`c`.d", "`a b`.`c`.d"},
		{"`f`(x)", "`f`(x)"},
	} {
		e, faults := ParseExpr("", c.text)
		if faults != nil {
			t.Errorf("%s: %v", c.text, faults)
			continue
		}
		if got := Format(e); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.text, got, c.want)
		}
	}
}

// TestKeywordsAsNames uses keywords where Spark's default mode takes them for names.
func TestKeywordsAsNames(t *testing.T) {
	for _, text := range []string{
		"SELECT timestamp, user, date, window, order, key, value, offset, partition, topic FROM t",
		"SELECT offset + 1, offset - 1, order * 2, left.a, right.b, set, end FROM t",
		"SELECT offset BETWEEN 1 AND 2, limit IS NULL, offset AS o, case, interval, interval - 1, first, last FROM t",
		"SELECT start, end, window.start, window.end, session_window.end, x.select, x.from FROM t",
		"SELECT a AS select, b AS from, c order, d limit FROM t",
		"SELECT left('abc', 1), right(a, 2), if(a, 1, 2), replace(a, b), date('x'), timestamp('x'), filter(a, x -> x) FROM t",
		"SELECT distinct, all FROM t",
		"SELECT count(*) over, sum(x) filter FROM t",
		"SELECT a window FROM t",
		"SELECT * FROM stream",
		"SELECT * FROM stream WHERE x = 1",
		"SELECT * FROM stream AS s JOIN values ON a = b",
		"SELECT * FROM STREAM stream WATERMARK timestamp DELAY OF INTERVAL 1 DAY",
		"SELECT year, month, day, hour, minute, second FROM date",
		"SELECT current_date, current_timestamp FROM t GROUP BY order ORDER BY order",
		"SELECT x FROM VALUES (1) AS t(order)",
	} {
		q, faults := ParseQuery("q", text)
		if faults != nil {
			t.Errorf("%s\n%v", text, faults)
			continue
		}
		checkStable(t, q)
	}
}

func TestTreeOfNegativeNumber(t *testing.T) {
	e, _ := ParseExpr("", "-2147483648")
	if l, ok := e.(*Literal); !ok || l.Text != "-2147483648" || l.Kind != LitInteger {
		t.Errorf("%#v", e)
	}
	e, _ = ParseExpr("", "2-1")
	if b, ok := e.(*Binary); !ok || b.Op != "-" || b.Pos.Col != 2 {
		t.Errorf("%#v", e)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"FROM", "WHERE", "purchase", "sales_1m", "p"}
	for _, c := range []struct{ word, want string }{
		{"FORM", "FROM"}, {"form", "FROM"}, {"WERE", "WHERE"}, {"purchse", "purchase"}, {"Purchase", "purchase"},
		{"P", "p"}, {"p", ""}, {"sales1m", "sales_1m"}, {"x", ""}, {"", ""}, {"orders", ""}, {"sale", ""}, {"salse_1m", "sales_1m"}, {"FROM", ""},
	} {
		if got := Nearest(c.word, names); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
	words := Keywords()
	for i := 1; i < len(words); i++ {
		if words[i-1] >= words[i] {
			t.Errorf("keywords out of order: %s %s", words[i-1], words[i])
		}
	}
}
