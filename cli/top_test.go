package cli

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/google/go-cmp/cmp"
)

// cannedPicture is answers of the API, as `nagare top -o json` prints them.
func cannedPicture(t *testing.T) topPicture {
	text, err := os.ReadFile("testdata/top/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	var p topPicture
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// cannedTop has seen a few pictures, a second apart, in which rows went on to the sinks.
func cannedTop(t *testing.T, width, height int) *topModel {
	m := newTopModel(nil)
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	for i, rate := range []float64{10, 400, 1900, 1200, 900, 987.1} {
		p := cannedPicture(t)
		p.At = p.At.Add(time.Duration(i-5) * time.Second)
		p.Status.Rates.Processed = rate
		p.Monitor.Sinks[2].Latency[70] -= int64(5-i) * 40
		*p.Monitor.Machine.CPUPercent = float64(20 * i)
		m.Update(topNews{picture: p})
	}
	return m
}

func press(m *topModel, keys ...string) (quits bool) {
	named := map[string]rune{"tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "esc": tea.KeyEscape, "enter": tea.KeyEnter, "end": tea.KeyEnd, "backspace": tea.KeyBackspace}
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		if code, ok := named[k]; ok {
			msg = tea.KeyPressMsg{Code: code}
		}
		_, cmd := m.Update(msg)
		if cmd != nil {
			_, quits = cmd().(tea.QuitMsg)
		}
	}
	return quits
}

// TestTopFrames compares each view, and what keys and a lost process make of it, with frames in testdata/top, at the
// smallest size and at a larger one. Every frame fits.
func TestTopFrames(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	for name, size := range map[string][2]int{"80x24": {80, 24}, "120x40": {120, 40}} {
		for _, c := range []struct {
			name string
			do   func(m *topModel)
		}{
			{"1-overview", func(*topModel) {}},
			{"2-partitions", func(m *topModel) { press(m, "tab") }},
			{"3-tables", func(m *topModel) { press(m, "3") }},
			{"4-sinks", func(m *topModel) { press(m, "4") }},
			{"5-health-scrolled", func(m *topModel) { press(m, "5", "end") }},
			{"filter", func(m *topModel) { press(m, "/", "s", "a", "l", "x", "backspace", "e") }},
			{"help", func(m *topModel) { press(m, "?") }},
			{"lost", func(m *topModel) { m.Update(topNews{err: errors.New("connection refused")}) }},
		} {
			m := cannedTop(t, size[0], size[1])
			c.do(m)
			got := m.View().Content
			lines := strings.Split(got, "\n")
			if len(lines) != size[1] {
				t.Errorf("%s %s: %d lines", c.name, name, len(lines))
			}
			for _, line := range lines {
				if w := lipgloss.Width(line); w > size[0] || strings.ContainsAny(line, "\x1b\t") {
					t.Errorf("%s %s: a line of %d columns: %q", c.name, name, w, line)
				}
			}
			if !strings.Contains(lines[len(lines)-1], "q quit") || !strings.Contains(lines[len(lines)-1], "? help") {
				t.Errorf("%s %s: the keys are not shown: %s", c.name, name, lines[len(lines)-1])
			}
			golden(t, filepath.Join("testdata/top", name+"-"+c.name+".txt"), got+"\n")
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if f := flag.Lookup("update"); f != nil && f.Value.String() == "true" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// TestTopKeys is what keys do beside showing another view.
func TestTopKeys(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	m := cannedTop(t, 80, 24)
	if !press(m, "q") || press(m, "z") {
		t.Error("q does not quit, or z does")
	}
	press(m, "p")
	later := cannedPicture(t)
	later.Status.Engine.Events = 7
	m.Update(topNews{picture: later})
	if text := m.draw(); !strings.Contains(text, "1,204,331") || !strings.Contains(text, "paused at 14:15:58Z") {
		t.Errorf("a paused screen moves:\n%s", text)
	}
	press(m, "p")
	if text := m.draw(); !strings.Contains(text, "events     7 ") {
		t.Errorf("it does not go on:\n%s", text)
	}
	press(m, "5", "down", "up", "down")
	if m.scroll[viewHealth] != 1 {
		t.Errorf("scrolled to %d", m.scroll[viewHealth])
	}
	for range 100 {
		press(m, "down")
	}
	if most := len(m.body(m.bodyLines())) - m.bodyLines(); m.scroll[viewHealth] != max(0, most) {
		t.Errorf("scrolled to %d of %d", m.scroll[viewHealth], most)
	}
	// q is a letter where a filter is typed; an empty filter has nothing to take back.
	if press(m, "/", "backspace", "q") || m.filter != "q" {
		t.Errorf("the filter is %q", m.filter)
	}
	press(m, "esc")
	if m.filter != "" || m.typing {
		t.Errorf("esc leaves %q", m.filter)
	}
}

// TestTopGoesOn: what is lost stays on the screen with the reason until there is news, and a process that started
// anew has no rate and no latency from the one before.
func TestTopGoesOn(t *testing.T) {
	t.Setenv("NO_COLOR", "1")
	m := cannedTop(t, 80, 24)
	m.Update(topNews{err: errors.New("no route\n\x1b[2J")})
	if text := m.draw(); !strings.Contains(text, "disconnected, trying again; this is from 14:15:58Z: no route··[2J") || !strings.Contains(text, "sales_by_minute") {
		t.Errorf("lost:\n%s", text)
	}
	next := cannedPicture(t)
	next.Status.Info.Instance = "another"
	next.Monitor.Sinks[2].Latency = map[int]int64{}
	m.Update(topNews{picture: next})
	if text := m.draw(); strings.Contains(text, "disconnected") || len(m.processed) != 1 || m.drawn["sales_out"] != (sinkLatency{}) {
		t.Errorf("back, with %d rates and %v:\n%s", len(m.processed), m.drawn, text)
	}
}

// TestTopColours: trouble is red, and nothing is coloured where that is not wanted.
func TestTopColours(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm-256color")
	if text := cannedTop(t, 80, 24).draw(); !strings.Contains(text, "\x1b[1;31m8.5 s     monitor: degraded") {
		t.Errorf("trouble is not red:\n%q", text)
	}
	t.Setenv("TERM", "dumb")
	if strings.Contains(cannedTop(t, 80, 24).draw(), "\x1b") {
		t.Error("colours in spite of TERM=dumb")
	}
}

// TestTopText is all there is, whatever the width.
func TestTopText(t *testing.T) {
	m := newTopModel(nil)
	m.take(cannedPicture(t))
	golden(t, "testdata/top/text.txt", m.text())
}
