package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/node"
)

// The pace and the size of the screen.
const (
	screenPause  = 500 * time.Millisecond
	screenRows   = 200 // rows that are asked of a table
	bannerLines  = 8
	fixedLines   = 6         // of the screen beside its sections
	smallSection = 2         // rows that a section is shown with at least
	shownLag     = 5_000_000 // microseconds that a partition may lie behind without being named
)

// showScreen draws the pipeline on the terminal, below the banner, until ctx ends. It calls stop
// when the user wants to stop.
func (a *app) showScreen(ctx context.Context, n *node.Node, stop func()) {
	m := &screen{n: n, stop: stop, ctx: ctx, app: a, width: 80, height: 24}
	options := []tea.ProgramOption{tea.WithOutput(a.out), tea.WithoutSignalHandler(), tea.WithContext(context.WithoutCancel(ctx))}
	if isTerminal(a.in) {
		options = append(options, tea.WithInput(a.in))
	} else {
		options = append(options, tea.WithInput(nil))
	}
	p := tea.NewProgram(m, options...)
	ended := context.AfterFunc(ctx, p.Quit)
	defer ended()
	if _, err := p.Run(); err != nil {
		a.warn("the screen cannot be drawn (%v); a line is printed now and then", err)
		a.showLines(ctx, n)
	}
}

// A screen is what the terminal shows. Update and View are called by one goroutine; a picture is
// taken by another.
type screen struct {
	app           *app
	n             *node.Node
	ctx           context.Context
	stop          func()
	width, height int
	now           picture
	stopping      bool
}

// A picture is the pipeline at one moment.
type picture struct {
	at       time.Time
	status   engine.Status
	rates    web.Rates
	sections []section
}

// A section is the newest rows of one table.
type section struct {
	title string
	table *textTable
	more  int // rows that are not in table
}

// Init takes the first picture.
func (m *screen) Init() tea.Cmd { return m.look }

// look takes a picture.
func (m *screen) look() tea.Msg { return takePicture(m.ctx, m.n) }

// Update takes what happened: a picture, a key, another size.
func (m *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case picture:
		m.now = msg
		return m, tea.Tick(screenPause, func(time.Time) tea.Msg { return m.look() })
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch msg.String() {
		case "ctrl+c", "q":
			m.stopping = true
			m.app.stopBy(exitInterrupt, m.stop)
		}
	}
	return m, nil
}

// View draws the picture into the lines that there are below the banner.
func (m *screen) View() tea.View { return tea.NewView(m.draw()) }

func (m *screen) draw() string {
	if m.now.at.IsZero() {
		return "starting …\n"
	}
	st := m.now.status
	var b strings.Builder
	state := st.State
	if m.stopping {
		state = "stopping"
	}
	head := fmt.Sprintf("%s  %s  %s events  %.1f/s  %s behind  watermark %s", m.now.at.UTC().Format("15:04:05Z"), state,
		grouped(st.Events), m.now.rates.Processed, grouped(lag(st)), clock(st.Watermark))
	if holder := holds(st); holder != "" {
		head += "  held by " + holder
	}
	m.line(&b, head, bold)
	if st.Reason != "" {
		m.line(&b, st.Reason, red)
	}
	style := faint
	if web.Imbalance(st.Ledger) != 0 {
		style = red
	}
	m.line(&b, "ledger: "+ledgerText(st), style)
	if text := leftOutText(st.Ledger); text != "" {
		m.line(&b, "left out: "+text, faint)
	}
	room := max(m.height-bannerLines-fixedLines, len(m.now.sections)*(smallSection+2))
	for i, s := range m.now.sections {
		share := room/(len(m.now.sections)-i) - 2
		room -= m.section(&b, s, max(share, smallSection))
	}
	m.line(&b, "q or Ctrl-C stops", faint)
	return b.String()
}

// section draws up to rows rows and returns how many lines that took.
func (m *screen) section(b *strings.Builder, s section, rows int) int {
	b.WriteByte('\n')
	shown := min(rows, len(s.table.rows))
	title := s.title
	if more := len(s.table.rows) - shown + s.more; more > 0 {
		title += fmt.Sprintf("  (%s more)", grouped(int64(more)))
	}
	m.line(b, title, bold)
	part := &textTable{names: s.table.names, right: s.table.right, rows: s.table.rows[:shown]}
	var text strings.Builder
	_ = part.write(&text)
	for i, line := range strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n") {
		if i != 1 { // the rule below the names
			m.line(b, line, plain)
		}
	}
	return shown + 3
}

// A style is how a line looks where there are colours.
type style uint8

const (
	plain style = iota
	bold
	faint
	red
)

// line writes a line that fits the width.
func (m *screen) line(b *strings.Builder, text string, s style) {
	b.WriteString(styled(cut(text, m.width), s))
	b.WriteByte('\n')
}

// cut shortens a line to a number of columns on the screen.
func cut(text string, width int) string {
	if lipgloss.Width(text) <= width {
		return text
	}
	at := 0
	for i, r := range text {
		if at += lipgloss.Width(string(r)); at > width-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// holds names the partition that holds the watermark back, where others are ahead of it.
func holds(st engine.Status) string {
	name, ahead := "", false
	for _, p := range st.Partitions {
		if p.Holds {
			name = fmt.Sprintf("%s/%d", p.Topic, p.Partition)
			ahead = p.LagTime > shownLag
		}
	}
	if !ahead {
		return ""
	}
	return name
}

// takePicture looks at the pipeline: its state, and the newest of its first windowed table, its
// first table of rows and its first view.
func takePicture(ctx context.Context, n *node.Node) picture {
	p := picture{at: time.Now(), status: n.Status(), rates: n.Rates()}
	seen := map[string]bool{}
	for _, t := range p.status.Tables {
		if seen[t.Kind] {
			continue
		}
		seen[t.Kind] = true
		if s, err := readSection(ctx, n, t); err == nil {
			p.sections = append(p.sections, s)
		}
	}
	return p
}

// readSection reads the newest rows of a table, the newest first.
func readSection(ctx context.Context, n *node.Node, t engine.TableStatus) (section, error) {
	cells, err := n.Cells(ctx, web.TableRequest{Name: t.Name, Open: t.Kind != "rows", Limit: screenRows})
	if err != nil {
		return section{}, err
	}
	table := &textTable{names: cells.Names, rows: cells.Rows}
	for i, kind := range cells.Types {
		table.right = append(table.right, isNumber(kind))
		shorten(table.rows, i, kind)
	}
	s := section{table: table}
	switch t.Kind {
	case "windowed":
		s.title = t.Name + ": open windows"
		if open := onlyOpen(cells); len(open) > 0 {
			table.rows = open
		} else {
			s.title = t.Name + ": newest windows"
		}
		slices.Reverse(table.rows)
	case "rows":
		s.title = t.Name + ": newest"
		slices.Reverse(table.rows)
		s.more = max(0, int(t.Rows)-len(table.rows))
	default:
		s.title = t.Name
		newestGroup(table)
	}
	return s, nil
}

// shorten makes the values of a column fit a screen: two places of a double, the time of day.
func shorten(rows [][]*string, column int, kind string) {
	for _, row := range rows {
		cell := row[column]
		if cell == nil {
			continue
		}
		switch kind {
		case "double", "float":
			if v, err := strconv.ParseFloat(*cell, 64); err == nil {
				*cell = strconv.FormatFloat(v, 'f', 2, 64)
			}
		case "timestamp":
			if t, err := time.Parse(time.RFC3339Nano, *cell); err == nil {
				*cell = clock(t.UnixMicro())
			}
		}
	}
}

// onlyOpen is the rows of open windows.
func onlyOpen(c *node.Cells) [][]*string {
	var rows [][]*string
	for i, row := range c.Rows {
		if c.Open != nil && c.Open[i] {
			rows = append(rows, row)
		}
	}
	return rows
}

// newestGroup keeps the rows of a view that have the last row's first value: of a ranking by window
// the newest window.
func newestGroup(t *textTable) {
	if len(t.rows) == 0 || len(t.rows[0]) == 0 {
		return
	}
	last := cellText(t.rows[len(t.rows)-1][0])
	kept := t.rows[:0:0]
	for _, row := range t.rows {
		if cellText(row[0]) == last {
			kept = append(kept, row)
		}
	}
	if len(kept) > 1 {
		t.rows = kept
	}
}
