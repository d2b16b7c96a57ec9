package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
)

// The lines of the screen beside its body: the head, the names of the views, the last two.
const (
	headLines = 6
	topAround = headLines + 1 + 2
)

// A topLine is a line of the screen and how it looks.
type topLine struct {
	text string
	look style
}

// View draws everything.
func (m *topModel) View() tea.View {
	v := tea.NewView(m.draw())
	v.AltScreen = true
	return v
}

// draw is the whole screen.
func (m *topModel) draw() string {
	lines := append(m.head(), m.tabs())
	room := m.bodyLines()
	body := m.body(room)
	if m.asHelp {
		body = helpLines
	}
	from := max(0, min(m.scroll[m.view], len(body)-room))
	body = body[from:min(len(body), from+room)]
	lines = append(lines, body...)
	for len(lines) < headLines+1+room {
		lines = append(lines, topLine{})
	}
	lines = append(lines, m.state(), topLine{"q quit  tab/1-5 views  ↑↓ scroll  / filter  p pause  ? help", faint})
	return m.join(lines)
}

// text is all that there is, for those who have no terminal.
func (m *topModel) text() string {
	m.width = 1 << 20
	lines := m.head()
	for _, s := range m.sections() {
		lines = append(lines, topLine{})
		lines = append(lines, s.lines(len(s.rows), m.width)...)
	}
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}

func (m *topModel) join(lines []topLine) string {
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(styled(cut(l.text, m.width), l.look))
	}
	return b.String()
}

func (m *topModel) bodyLines() int { return max(4, m.height-topAround) }

// tabs names the views.
func (m *topModel) tabs() topLine {
	var parts []string
	for i, name := range viewNames {
		text := fmt.Sprintf(" %d %s ", i+1, name)
		if i == m.view {
			text = fmt.Sprintf("[%d %s]", i+1, name)
		}
		parts = append(parts, text)
	}
	return topLine{strings.TrimRight(strings.Join(parts, " "), " "), faint}
}

// state is the line above the keys: what is lost, typed, or stands still.
func (m *topModel) state() topLine {
	switch {
	case m.err != nil:
		text := fmt.Sprintf("disconnected, trying again; this is from %s: %v", m.now.At.UTC().Format("15:04:05Z"), m.err)
		return topLine{cellText(&text), red}
	case m.typing:
		return topLine{"filter: " + m.filter + "_  (enter keeps it, esc ends it)", bold}
	case m.paused:
		return topLine{"paused at " + m.shown.At.UTC().Format("15:04:05Z") + "; p goes on", bold}
	case m.filter != "":
		return topLine{"only lines with \"" + m.filter + "\"; esc shows all", bold}
	}
	return topLine{}
}

// head is the pipeline in six lines.
func (m *topModel) head() []topLine {
	p := &m.shown
	i, e := p.Status.Info, p.Status.Engine
	_, firing, pending := p.incidents()
	worst := monitor.Worst(p.Status.Health)
	state := e.State
	if len(p.Status.Health) > 0 {
		state = string(worst.State)
	}
	first := topLine{fmt.Sprintf("%s  %s  up %s  %s", i.Project, state, shortDuration(p.At.Sub(i.Started)), i.Address), healthStyle(worst)}
	if first.look == plain {
		first.look = bold
	}
	if n := firing + pending; n > 0 {
		first.text += fmt.Sprintf("  alerts: %d firing, %d pending", firing, pending)
	}
	holder := ""
	if name := holds(e); name != "" {
		holder = ", held by " + name
	}
	c := e.Checkpoints
	checkpoint := "none yet"
	switch {
	case c.Underway > 0 && p.At.Sub(time.UnixMicro(c.Underway)) > time.Second:
		checkpoint = "under way for " + p.behind(c.Underway)
	case c.LastSuccess > 0:
		checkpoint = fmt.Sprintf("epoch %d, %s ago, took %s", e.Epoch, p.behind(c.LastSuccess), shortDuration(time.Duration(c.LastPause+c.LastCommit)*time.Microsecond))
	}
	return []topLine{
		first,
		{fmt.Sprintf("rate       in %s/s  processed %s/s  %s", rateText(p.Status.Rates.Input), rateText(p.Status.Rates.Processed), sparkline(m.processed, m.sparkRoom(46), 0)), plain},
		{fmt.Sprintf("events     %s  lag %s records  at %s", grouped(e.Events), grouped(p.lag()), p.At.UTC().Format("15:04:05Z")), plain},
		{fmt.Sprintf("watermark  %s, %s behind%s", p.clock(e.Watermark), p.behind(e.Watermark), holder), plain},
		{fmt.Sprintf("checkpoint %s  state %s rows, %s", checkpoint, grouped(e.StateRows), stateText(e.StateBytes)), plain},
		{m.machine(), plain},
	}
}

// sparkRoom is how many columns a sparkline behind others gets.
func (m *topModel) sparkRoom(before int) int { return max(10, min(60, m.width-before)) }

// fractionOf is the digits behind the point that gigabytes need: the limit of a container may be half of one.
func fractionOf(gigabytes float64) int {
	if gigabytes < 10 {
		return 1
	}
	return 0
}

// machine is what machine and process use.
func (m *topModel) machine() string {
	r := m.shown.Monitor.Machine
	if r == nil {
		return "machine    nobody looks at it"
	}
	parts := []string{}
	if r.CPUPercent != nil {
		parts = append(parts, fmt.Sprintf("cpu %.0f %%", *r.CPUPercent))
	}
	if r.MemoryPercent != nil {
		parts = append(parts, fmt.Sprintf("mem %.0f %% of %.*f G", *r.MemoryPercent, fractionOf(*r.MemoryTotalGB), *r.MemoryTotalGB))
	}
	if r.DiskPercent != nil {
		parts = append(parts, fmt.Sprintf("disk %.0f %%, %.*f G free", *r.DiskPercent, fractionOf(*r.DiskFreeGB), *r.DiskFreeGB))
	}
	if r.ProcessCPUPercent != nil {
		parts = append(parts, fmt.Sprintf("own %.0f %%, %.2f G", *r.ProcessCPUPercent, *r.ProcessMemoryGB))
	}
	for _, f := range r.Failed {
		parts = append(parts, f.Collector+" cannot be read")
	}
	text := "machine    " + strings.Join(parts, "  ")
	if room := m.width - lipgloss.Width(text) - 1; r.CPUPercent != nil && room > 2 {
		parts[0] += " " + sparkline(m.cpu, min(room, 30), 100)
		text = "machine    " + strings.Join(parts, "  ")
	}
	return text
}

// A topSection is one kind of thing: a line of names and a line for each.
type topSection struct {
	names topLine
	rows  []topLine
}

// lines is the section in at most rows rows of so many columns; what is left out is said on the first line.
func (s topSection) lines(rows, width int) []topLine {
	names := s.names
	if more := len(s.rows) - rows; more > 0 {
		text := fmt.Sprintf("  (+%d)", more)
		names.text = cut(strings.TrimRight(names.text, " "), width-len(text)) + text
	}
	return append([]topLine{names}, s.rows[:min(rows, len(s.rows))]...)
}

// sections is those of the overview.
func (m *topModel) sections() []topSection {
	troubles := m.health(false)
	incidents := m.alerts()
	list := []topSection{troubles}
	if len(m.shown.Status.Info.Fillings) > 0 {
		list = append(list, m.filling())
	}
	if len(m.shown.Alerts)+len(m.shown.External) > 0 {
		list = append(list, incidents)
	}
	return append(list, m.partitions(true), m.tables(), m.sinks())
}

// body is what the view has to show, the first room lines of which are seen unless it is scrolled.
func (m *topModel) body(room int) []topLine {
	switch m.view {
	case viewOverview:
		return m.overview(room)
	case viewPartitions:
		return m.whole(m.partitions(false))
	case viewTables:
		return m.whole(m.tables())
	case viewSinks:
		return append(m.whole(m.sinks()), topLine{}, topLine{"p50 and p99: from a record to its row in the sink, over the last minute", faint})
	}
	return append(append(m.whole(m.health(true)), topLine{}), m.whole(m.alerts())...)
}

// whole is a section without what the filter leaves out.
func (m *topModel) whole(s topSection) []topLine {
	s.rows = m.filtered(s.rows)
	return s.lines(len(s.rows), m.width)
}

func (m *topModel) filtered(rows []topLine) []topLine {
	if m.filter == "" {
		return rows
	}
	want := strings.ToLower(m.filter)
	return slices.DeleteFunc(slices.Clone(rows), func(l topLine) bool { return !strings.Contains(strings.ToLower(l.text), want) })
}

// overview shares the room among the sections: each gets as many rows as each of the others, unless it needs fewer.
func (m *topModel) overview(room int) []topLine {
	list := m.sections()
	for i := range list {
		list[i].rows = m.filtered(list[i].rows)
	}
	left := room - len(list)
	shares := make([]int, len(list))
	for given := true; given && left > 0; {
		given = false
		for i := range list {
			if left > 0 && shares[i] < len(list[i].rows) {
				shares[i]++
				left--
				given = true
			}
		}
	}
	var lines []topLine
	for i, s := range list {
		if i > 0 && left > 0 {
			lines = append(lines, topLine{})
			left--
		}
		lines = append(lines, s.lines(shares[i], m.width)...)
	}
	return lines
}

// sectionOf makes lines of a table.
func sectionOf(t *textTable, looks []style) topSection {
	var text strings.Builder
	_ = t.write(&text)
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	s := topSection{names: topLine{lines[0], bold}}
	for i, line := range lines[2:] {
		s.rows = append(s.rows, topLine{strings.TrimRight(line, " "), looks[i]})
	}
	return s
}

// health is the parts, the worst first; without all, those that are well only count.
func (m *topModel) health(all bool) topSection {
	parts := slices.Clone(m.shown.Status.Health)
	slices.SortStableFunc(parts, func(a, b monitor.Health) int {
		return cmp.Compare(slices.Index(monitor.States, b.State), slices.Index(monitor.States, a.State))
	})
	s := topSection{names: topLine{"HEALTH  nothing is known of the parts yet", bold}}
	well := 0
	for _, h := range parts {
		isWell := h.State == monitor.Idle || h.State == monitor.KeepingUp
		if isWell {
			well++
			if !all {
				continue
			}
		}
		text := fmt.Sprintf("%-9s %s: %s", shortDuration(m.shown.At.Sub(h.Since)), h.Part, h.State)
		if h.Reason != "" {
			text += ": " + h.Reason
		}
		s.rows = append(s.rows, topLine{cellText(&text), healthStyle(h)})
	}
	if len(parts) > 0 {
		s.names.text = fmt.Sprintf("HEALTH  %d of %d parts keep up or are idle", well, len(parts))
	}
	return s
}

func healthStyle(h monitor.Health) style {
	switch {
	case h.IsTrouble():
		return red
	case h.State == monitor.Starting || h.State == monitor.Recovering:
		return bold
	}
	return plain
}

// alerts is the incidents of now.
func (m *topModel) alerts() topSection {
	list, firing, pending := m.shown.incidents()
	s := topSection{names: topLine{fmt.Sprintf("ALERTS  %s, %d firing, %d pending", plural(len(m.shown.Alerts), "rule"), firing, pending), bold}}
	if len(m.shown.Alerts)+len(m.shown.External) == 0 {
		s.names.text = "ALERTS  the project has none"
	}
	for _, c := range list {
		look, since := plain, c.ActiveAt
		if c.State == alert.Firing {
			look, since = red, c.FiredAt
		}
		quiet := ""
		if m.shown.Silenced[c.ID] != "" {
			look, quiet = plain, "silenced "
		}
		text := fmt.Sprintf("%-7s %-8s %s%s %s: %s", c.State, m.shown.behind(int64(since)), quiet, c.Alert, labelText(c), c.Summary)
		s.rows = append(s.rows, topLine{cellText(&text), look})
	}
	return s
}

// partitions is how far each one is; the worst first, or in their order.
func (m *topModel) partitions(worstFirst bool) topSection {
	list := slices.Clone(m.shown.Status.Engine.Partitions)
	if worstFirst {
		slices.SortStableFunc(list, func(a, b engine.PartitionStatus) int {
			return cmp.Or(cmp.Compare(b.Lag, a.Lag), cmp.Compare(b.LagTime, a.LagTime))
		})
	}
	t := newTable("PARTITION", "LAG>", "READ TO>", "WATERMARK", "BEHIND>", "NEWEST EVENT", "STATE")
	var looks []style
	for i := range list {
		p := &list[i]
		var states []string
		if p.Holds {
			states = append(states, "holds")
		}
		if p.Idle {
			states = append(states, "idle")
		}
		if p.Lost > 0 {
			states = append(states, grouped(p.Lost)+" lost")
		}
		t.add(fmt.Sprintf("%s/%d", p.Topic, p.Partition), grouped(p.Lag), grouped(p.Position), m.shown.clock(p.Watermark), m.shown.behind(p.Watermark), m.shown.clock(p.EventTime), strings.Join(states, ", "))
		looks = append(looks, plain)
	}
	return sectionOf(t, looks)
}

// tables is their rows.
func (m *topModel) tables() topSection {
	t := newTable("TABLE", "KIND", "ROWS>", "OPEN>", "LATE>", "WATERMARK", "BEHIND>", "STATE>")
	var looks []style
	for _, s := range m.shown.Status.Engine.Tables {
		t.add(s.Name, s.Kind, grouped(s.Rows), grouped(s.Open), grouped(s.LateRows), m.shown.clock(s.Watermark), m.shown.behind(s.Watermark), stateText(s.StateBytes))
		looks = append(looks, plain)
	}
	return sectionOf(t, looks)
}

// sinks is how they are served.
func (m *topModel) sinks() topSection {
	by := map[string]monitor.Health{}
	for _, h := range m.shown.Status.Health {
		by[h.Part] = h
	}
	t := newTable("SINK", "STATE", "ROWS>", "WAIT>", "P50>", "P99>", "REASON")
	var looks []style
	for _, s := range m.shown.Monitor.Sinks {
		h := by["sink/"+s.Name]
		p50, p99 := "-", "-"
		if l, ok := m.drawn[s.Name]; ok {
			p50, p99 = shortDuration(l.p50), shortDuration(l.p99)
		}
		t.add(s.Name, cmp.Or(string(h.State), "-"), grouped(s.Delivered), grouped(s.Waiting), p50, p99, cmp.Or(h.Reason, s.Trouble))
		looks = append(looks, healthStyle(h))
	}
	for _, r := range m.shown.Status.Webhooks { // told of alerts
		look := plain
		if !r.Since.IsZero() {
			look = red
		}
		t.add(r.Name, r.State, grouped(r.Delivered), grouped(r.Waiting+r.Unread), "-", "-", r.LastError)
		looks = append(looks, look)
	}
	return sectionOf(t, looks)
}

// stateText is bytes of state, "-" for none.
func stateText(n int64) string {
	switch {
	case n == 0:
		return "-"
	case n < 1<<20:
		return fmt.Sprintf("%d KB", (n+1023)>>10)
	}
	return megabytes(n)
}

// rateText is a rate in few characters.
func rateText(x float64) string {
	if x < 1000 {
		return fmt.Sprintf("%.1f", x)
	}
	return grouped(int64(x))
}

var sparks = []rune("▁▂▃▄▅▆▇█")

// sparkline draws the newest values; most is what the highest bar stands for, 0: the greatest of them.
func sparkline(values []float64, columns int, most float64) string {
	values = values[max(0, len(values)-columns):]
	if most == 0 && len(values) > 0 {
		most = slices.Max(values)
	}
	var b strings.Builder
	for _, v := range values {
		i := 0
		if most > 0 {
			i = min(len(sparks)-1, max(0, int(v/most*float64(len(sparks)-1)+0.5)))
		}
		b.WriteRune(sparks[i])
	}
	return b.String()
}

// helpLines explains the screen.
var helpLines = []topLine{
	{"KEYS", bold},
	{"q, Ctrl-C     quit; the pipeline runs on", plain},
	{"tab, 1 to 5   views", plain},
	{"↑ ↓ PgUp PgDn Home End   scroll what does not fit; (+N) tells how much that is", plain},
	{"/             show only lines with a text; esc shows all again", plain},
	{"p             hold the picture, and go on", plain},
	{"WORDS", bold},
	{"in, processed records that came to the topics, and that were read, a second", plain},
	{"lag           records that wait to be read", plain},
	{"holds         the partition that holds the watermark back", plain},
	{"watermark     event time up to which windows are closed; behind the clock by", plain},
	{"open, late    rows of open windows; events that came too late for a table", plain},
	{"p50, p99      from a record to its row in the sink, over the last minute", plain},
	{"own           CPU (100 % is one core) and memory of the process", plain},
	{"health        for how long, part, state, reason: the worst first", plain},
}

// styled renders a text where there are colours.
func styled(text string, s style) string {
	if s == plain || text == "" || noColor() {
		return text
	}
	l := lipgloss.NewStyle()
	switch s {
	case bold:
		l = l.Bold(true)
	case faint:
		l = l.Faint(true)
	case red:
		l = l.Bold(true).Foreground(lipgloss.Color("1"))
	}
	return l.Render(text)
}
