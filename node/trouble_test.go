package node

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestTroubleIsLoggedOnce: failures whose texts differ in numbers alone are one line, another cause is another, and the
// end is told once, with their number.
func TestTroubleIsLoggedOnce(t *testing.T) {
	var log strings.Builder
	n := &Node{log: slog.New(slog.NewTextHandler(&log, nil)), trouble: map[string]*trouble{}}
	n.note("generator", "")
	for i := range 50 {
		n.note("generator", fmt.Sprintf("write events 6248 to %d: %d MiB free", 6252+i, i%3))
		if i%10 == 9 {
			n.note("generator", "the broker does not answer")
		}
	}
	if !n.troubled("generator") || n.trouble["generator"].text != "the broker does not answer" {
		t.Errorf("the trouble is %+v", n.trouble["generator"])
	}
	n.note("generator", "")
	n.note("generator", "")
	n.note("generator", "write events 7 to 8: 1 MiB free")
	var got []string
	for line := range strings.Lines(log.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), "msg=")
		line, _, _ = strings.Cut(line, " after=")
		got = append(got, line)
	}
	want := []string{
		`"a part is in trouble" part=generator trouble="write events 6248 to 6252: 0 MiB free"`,
		`"a part is in trouble" part=generator trouble="the broker does not answer"`,
		`"a part is well again" part=generator failures=55`,
		`"a part is in trouble" part=generator trouble="write events 7 to 8: 1 MiB free"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
