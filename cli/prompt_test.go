//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestPrompt drives the prompt through a terminal: statements of several lines, completion, \d, \timing, a query that
// Ctrl-C ends, the history over a restart, and Ctrl-D.
func TestPrompt(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("tmux is not installed: apt install tmux")
	}
	home := t.TempDir()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "o.json"), []byte(`{"amount":1,"region":"東京"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := terminal{t, filepath.Join(t.TempDir(), "tmux")}
	p.tmux("new-session", "-d", "-x", "100", "-y", "40", "env", "HOME="+home, "XDG_STATE_HOME="+home, "sh")
	t.Cleanup(func() { _ = exec.Command("tmux", "-S", p.socket, "kill-server").Run() })
	begin := func() {
		p.keys("clear; nagare query --files "+dir+"; echo left=$?", "Enter")
		p.shows(`\? for help`, "nagare>")
	}
	begin()
	p.keys("SELECT 1 + 1", "Enter")
	p.shows("...>")
	p.keys("AS two\\;", "Enter")
	p.shows("two\n", "\n  2\n", "1 row")
	p.keys(`CREATE TEMP VIEW sold AS SELECT * FROM json.`+"`o.json`\\;", "Enter")
	p.shows("ok")
	p.keys(`\d`, "Enter")
	p.shows("temporary view")
	p.keys(`\d sold`, "Enter")
	p.shows("amount  bigint", "region  string")
	p.keys(`\timing`, "Enter")
	p.shows("timing is on")
	p.keys("SELECT regio", "Tab")
	p.shows("SELECT region")
	p.keys(" FROM sol", "Tab", "\\;", "Enter")
	p.shows("東京", " s\n")
	p.keys("SELECT nix FROM sold\\;", "Enter")
	p.shows("prompt:1:8: ", "UNRESOLVED_COLUMN")
	p.keys("SELECT half", "C-c")
	p.keys("SELECT 7 AS whole\\;", "Enter")
	p.shows("whole\n")

	p.keys(`SELECT count(*) FROM sold CROSS JOIN (SELECT explode(sequence(1, 1000000)) AS x) CROSS JOIN (SELECT explode(sequence(1, 1000000)) AS y) WHERE x % 31 = y\;`, "Enter")
	p.shows("reading") // it runs, and says so
	p.keys("C-c")
	p.shows("the query was ended by Ctrl-C")
	p.keys("SELECT 'still ' || 'here' AS prompt\\;", "Enter")
	p.shows("still here")
	p.keys("C-d")
	p.shows("left=0")

	text, err := os.ReadFile(filepath.Join(home, "nagare", "query_history"))
	if err != nil || !strings.Contains(string(text), "SELECT 1 + 1 AS two;") {
		t.Fatalf("the history is %q, %v", text, err)
	}
	begin()
	p.keys("C-r", "+ 1")
	p.shows("SELECT 1 + 1 AS two;")
	p.keys("Enter")
	p.shows("1 row")
	p.keys(`\q`, "Enter")
	p.shows("left=0")
}
