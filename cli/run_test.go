package cli

import "testing"

// TestQueryToTryIsOneWord: a shell takes the query that a start tells for one word, whatever the table is called.
func TestQueryToTryIsOneWord(t *testing.T) {
	for table, want := range map[string]string{
		"sales":  `"SELECT * FROM sales LIMIT 5"`,
		"日本語の表":  "'SELECT * FROM `日本語の表` LIMIT 5'",
		"it's":   "'SELECT * FROM `it'\\''s` LIMIT 5'",
		"select": "'SELECT * FROM `select` LIMIT 5'",
	} {
		if got := tryQuery(table); got != want {
			t.Errorf("of table %s it is %s, not %s", table, got, want)
		}
	}
}
