package sql

import "strings"

// Keywords are the words that the grammar knows, in upper case and alphabetical order. None of them is
// reserved: each may also be a name, where it cannot be taken for the keyword.
func Keywords() []string {
	return strings.Fields(`
		ALL AND ANTI ANY ARRAY AS ASC BETWEEN BIGINT BINARY BOOLEAN BOTH BY BYTE CASE CAST CHAR CHARACTER CLUSTER
		COMMENT CREATE CROSS CUBE CURRENT DATABASE DATE DAY DAYS DEC DECIMAL DELAY DESC DISTINCT DISTRIBUTE DIV DOUBLE
		ELSE END ESCAPE EXCEPT EXISTS EXTRACT FALSE FILTER FIRST FLOAT FLOW FOLLOWING FOR FROM FULL GLOBAL GROUP
		GROUPING HAVING HOUR HOURS IF IGNORE ILIKE IN INNER INSERT INT INTEGER INTERSECT INTERVAL INTO IS JOIN LAST
		LATERAL LEADING LEFT LIKE LIMIT LONG MAP MATERIALIZED MICROSECOND MICROSECONDS MILLISECOND MILLISECONDS MINUS
		MINUTE MINUTES MONTH MONTHS NAME NANOSECOND NANOSECONDS NATURAL NOT NULL NULLS NUMERIC OF OFFSET ON OPTIONS OR
		ORDER OUTER OVER OVERLAY PARTITION PARTITIONED PLACING POSITION PRECEDING QUALIFY RANGE REAL REGEXP REPLACE
		RESPECT RIGHT RLIKE ROLLUP ROW ROWS SECOND SECONDS SELECT SEMI SET SETS SHORT SMALLINT SOME SORT STREAM
		STREAMING STRING STRUCT SUBSTR SUBSTRING TABLE TBLPROPERTIES TEMP TEMPORARY THEN TIME TIMESTAMP TIMESTAMP_LTZ
		TIMESTAMP_NTZ TINYINT TO TRAILING TRIM TRUE TRY_CAST UNBOUNDED UNION UNKNOWN USE USING VALUES VARCHAR VIEW VOID
		WATERMARK WEEK WEEKS WHEN WHERE WINDOW WITH WITHIN YEAR YEARS ZONE`)
}

// wordRole says how far a keyword may stand as a name without quotes.
type wordRole uint8

const (
	roleName   wordRole = iota // a name, or a keyword only in its own construct
	roleWeak                   // begins a clause: a name where nothing follows that the clause could take
	roleStrong                 // joins or begins clauses: a name only before a comma, ')' or FROM
)

// roleOf tells the role of a word in upper case.
func roleOf(upper string) wordRole {
	switch upper {
	case "AND", "AS", "BETWEEN", "DIV", "ELSE", "EXCEPT", "FROM", "HAVING", "ILIKE", "IN", "INTERSECT", "IS", "JOIN",
		"LIKE", "NOT", "ON", "OR", "QUALIFY", "REGEXP", "RLIKE", "SELECT", "THEN", "UNION", "USING", "WHEN", "WHERE":
		return roleStrong
	case "ANTI", "CLUSTER", "CREATE", "CROSS", "DISTRIBUTE", "END", "FULL", "GROUP", "INNER", "INSERT", "LATERAL", "LEFT",
		"LIMIT", "MINUS", "NATURAL", "OFFSET", "ORDER", "PIVOT", "RIGHT", "SEMI", "SET", "SORT", "TABLESAMPLE", "UNPIVOT",
		"WATERMARK", "WINDOW", "WITH":
		return roleWeak
	}
	return roleName
}

// Nearest is the one of among that differs least from word, upper and lower case being alike, or "" if
// none is near: at most one edit for up to 5 characters, two for up to 8, three beyond. An edit is a
// character put in, left out or replaced, or two neighbours swapped. The first of equals wins.
func Nearest(word string, among []string) string {
	w := []rune(strings.ToUpper(word))
	best, limit := "", 3
	switch {
	case len(w) <= 5:
		limit = 1
	case len(w) <= 8:
		limit = 2
	}
	for _, candidate := range among {
		c := []rune(strings.ToUpper(candidate))
		if d := len(c) - len(w); d > limit || -d > limit {
			continue
		}
		if d := editDistance(w, c); d <= limit && d < len(w) && (d > 0 || candidate != word) {
			best, limit = candidate, d-1
			if d == 0 {
				break
			}
		}
	}
	return best
}

// editDistance is the restricted Damerau-Levenshtein distance.
func editDistance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := range a {
		row[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(above[j]+cost, above[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
