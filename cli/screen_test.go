package cli

import (
	"strings"
	"testing"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
)

func texts(cells ...string) []*string {
	row := make([]*string, len(cells))
	for i := range cells {
		row[i] = &cells[i]
	}
	return row
}

func testPicture() picture {
	count := ledger.Count{Read: 1204331, Counted: 1204000, Late: 300, Invalid: 31}
	sales := newTable("window_start", "category", "sales>")
	for range 40 {
		sales.rows = append(sales.rows, texts("12:03:00Z", "ノートPC", "89800.00"))
	}
	top := newTable("product", "rank>")
	top.rows = append(top.rows, texts("コーヒー豆", "1"), []*string{nil, sales.rows[0][2]})
	return picture{
		at: time.Date(2026, 2, 3, 12, 3, 41, 0, time.UTC),
		status: engine.Status{
			State: "running", Events: 1204331, Watermark: time.Date(2026, 2, 3, 12, 3, 31, 0, time.UTC).UnixMicro(),
			Partitions: []engine.PartitionStatus{{Topic: "t", Partition: 1, Lag: 12, Holds: true, LagTime: 9_000_000}},
			Ledger:     ledger.Ledger{Topics: map[string]ledger.Count{"t": count}},
		},
		rates:    web.Rates{Processed: 10.04},
		sections: []section{{title: "sales: open windows", table: sales}, {title: "top", table: top}},
	}
}

// The screen fits the terminal in lines and columns, says what it leaves out, and names who holds the
// watermark.
func TestScreenFits(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	for _, size := range [][2]int{{120, 40}, {80, 24}, {40, 16}, {200, 60}} {
		m := &screen{width: size[0], height: size[1], now: testPicture()}
		text := m.draw()
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if most := max(size[1]-bannerLines+1, fixedLines+2*(smallSection+3)); len(lines) > most {
			t.Errorf("%v: %d lines, at most %d:\n%s", size, len(lines), most, text)
		}
		for _, line := range lines {
			if w := lipgloss.Width(line); w > size[0] {
				t.Errorf("%v: a line of %d columns: %s", size, w, line)
			}
		}
		if !strings.Contains(text, "more)") || !strings.Contains(text, "コーヒー豆") {
			t.Errorf("%v: rows are left out without a word, or a section is missing:\n%s", size, text)
		}
	}
	text := (&screen{width: 200, height: 40, now: testPicture()}).draw()
	for _, want := range []string{"12:03:41Z  running  1,204,331 events  10.0/s  12 behind", "held by t/1", "ledger: 1,204,331 read = 1,204,000 counted + 300 late", "NULL"} {
		if !strings.Contains(text, want) {
			t.Errorf("the screen lacks %q:\n%s", want, text)
		}
	}
}

// Colours are there unless they are not wanted, and an unbalanced ledger is red.
func TestScreenColours(t *testing.T) {
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("NO_COLOR", "")
	m := &screen{width: 200, height: 40, now: testPicture()}
	if strings.Contains(m.draw(), "\x1b[1;31m") {
		t.Error("a ledger that adds up is red")
	}
	c := m.now.status.Ledger.Topics["t"]
	c.Counted--
	m.now.status.Ledger.Topics["t"] = c
	if text := m.draw(); !strings.Contains(text, "UNBALANCED by 1 rows") || !strings.Contains(text, "\x1b[1;31m") {
		t.Errorf("an unbalanced ledger is not red:\n%q", text)
	}
	t.Setenv("NO_COLOR", "1")
	if strings.Contains(m.draw(), "\x1b") {
		t.Error("colours in spite of NO_COLOR")
	}
}

func TestCut(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"日本語", 6, "日本語"}, {"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"", 1, ""}} {
		if got := cut(c.text, c.width); got != c.want {
			t.Errorf("cut(%q, %d) is %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestShorten(t *testing.T) {
	rows := [][]*string{texts("4085.1162", "2020-02-03T09:00:00.5Z", "x"), {nil, nil, nil}}
	for i, kind := range []string{"double", "timestamp", "string"} {
		shorten(rows, i, kind)
	}
	if *rows[0][0] != "4085.12" || *rows[0][1] != "2020-02-03T09:00:00Z" || *rows[0][2] != "x" {
		t.Errorf("%s %s %s", *rows[0][0], *rows[0][1], *rows[0][2])
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1204331: "1,204,331", -12345: "-12,345"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) is %s, want %s", n, got, want)
		}
	}
}

// Values cannot move the cursor or break the table.
func TestCellsAreHarmless(t *testing.T) {
	evil := "a\x1b[2Jb\nc\td\u009b"
	var b strings.Builder
	table := newTable("x")
	table.rows = append(table.rows, []*string{&evil})
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "x\n---------\na·[2Jb·c·d·\n"; !strings.HasSuffix(got, "a·[2Jb·c·d·\n") || strings.Count(got, "\n") != strings.Count(want, "\n") {
		t.Errorf("the table reads %q", got)
	}
}

// Rows that come in any pieces are aligned, and the names come again now and then.
func TestFollower(t *testing.T) {
	var in strings.Builder
	in.WriteString(`{"columns":[{"name":"id","type":"string"},{"name":"n","type":"bigint"}]}` + "\n")
	for range namesEvery + 1 {
		in.WriteString(`["日本","5"]` + "\n" + `[null,"12345"]` + "\n")
	}
	var whole, pieces strings.Builder
	if _, err := newFollower(&whole).Write([]byte(in.String())); err != nil {
		t.Fatal(err)
	}
	f := newFollower(&pieces)
	for i := range len(in.String()) {
		if _, err := f.Write([]byte{in.String()[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if whole.String() != pieces.String() {
		t.Error("pieces of the answer give another text")
	}
	lines := strings.Split(whole.String(), "\n")
	if lines[0] != "id    n" || lines[2] != "日本  5" || !strings.HasSuffix(lines[3], "NULL  12345") {
		t.Errorf("it reads:\n%s", strings.Join(lines[:5], "\n"))
	}
	if n := strings.Count(whole.String(), "--"); n < 4 {
		t.Errorf("the names were printed %d times", n/2)
	}
}
