package cli

import (
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/nagare-stream/nagare/engine"
)

// The views of `nagare top`, in the order of their keys.
const (
	viewOverview = iota
	viewPartitions
	viewTables
	viewSinks
	viewHealth
	viewCount
)

var viewNames = [viewCount]string{"Overview", "Partitions", "Tables", "Sinks", "Health+Alerts"}

// How many pictures a sparkline and a latency are of.
const (
	topHistory = 120
	topMinute  = 60
)

// A topModel is what `nagare top` shows. It is used by one goroutine; look runs in others, one at a time.
type topModel struct {
	look          func() (topPicture, error)
	width, height int

	now, shown topPicture // the newest, and the one that is drawn: another one while it is paused
	err        error      // why there is no newer one

	processed, cpu []float64
	latencies      map[string][]engine.Latency // by sink, of the last pictures, the oldest first
	drawn          map[string]sinkLatency

	view           int
	scroll         [viewCount]int
	filter         string
	typing         bool
	paused, asHelp bool
}

// A sinkLatency is how long rows took to a sink.
type sinkLatency struct{ p50, p99 time.Duration }

// A topNews is a picture, or why there is none.
type topNews struct {
	picture topPicture
	err     error
}

func newTopModel(look func() (topPicture, error)) *topModel {
	return &topModel{look: look, width: 80, height: 24, latencies: map[string][]engine.Latency{}}
}

// Init waits for the next picture.
func (m *topModel) Init() tea.Cmd { return m.next() }

func (m *topModel) next() tea.Cmd {
	return tea.Tick(topPause, func(time.Time) tea.Msg {
		p, err := m.look()
		return topNews{p, err}
	})
}

// Update takes a picture, a key, another size.
func (m *topModel) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case topNews:
		if m.err = msg.err; msg.err == nil {
			m.take(msg.picture)
		}
		return m, m.next()
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+c" {
			return m, tea.Quit
		}
		if m.typing {
			m.typed(msg)
			return m, nil
		}
		return m, m.pressed(msg.String())
	}
	return m, nil
}

// take keeps a picture.
func (m *topModel) take(p topPicture) {
	if p.Status.Info.Instance != m.now.Status.Info.Instance { // another process counts from 0
		clear(m.latencies)
		m.processed = nil
	}
	m.now = p
	m.processed = keepLast(append(m.processed, p.Status.Rates.Processed), topHistory)
	if r := p.Monitor.Machine; r != nil && r.CPUPercent != nil {
		m.cpu = keepLast(append(m.cpu, *r.CPUPercent), topHistory)
	}
	for i := range p.Monitor.Sinks {
		s := &p.Monitor.Sinks[i]
		newest, had := s.Latencies(), m.latencies[s.Name]
		if len(had) > 0 && newest.Count < had[len(had)-1].Count { // the pipeline was opened anew
			had = nil
		}
		m.latencies[s.Name] = keepLast(append(had, newest), topMinute+1)
	}
	if !m.paused {
		m.show()
	}
}

// show draws the newest picture from now on.
func (m *topModel) show() {
	m.shown, m.drawn = m.now, map[string]sinkLatency{}
	for sink, list := range m.latencies {
		last := list[len(list)-1]
		took := last
		if len(list) > 1 {
			took = last.Since(&list[0])
		}
		if took.Count > 0 {
			m.drawn[sink] = sinkLatency{quantile(&took, 0.5), quantile(&took, 0.99)}
		}
	}
}

func quantile(l *engine.Latency, q float64) time.Duration {
	return time.Duration(l.Quantile(q) * float64(time.Second))
}

func keepLast[T any](list []T, n int) []T {
	if len(list) > n {
		list = append(list[:0], list[len(list)-n:]...)
	}
	return list
}

// typed takes a key of the filter's text.
func (m *topModel) typed(key tea.KeyPressMsg) {
	switch key.String() {
	case "enter":
		m.typing = false
	case "esc":
		m.typing, m.filter = false, ""
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(m.filter)
		m.filter = m.filter[:len(m.filter)-size]
	default:
		m.filter += key.Text
	}
	m.scroll = [viewCount]int{}
}

// pressed takes a key.
func (m *topModel) pressed(key string) tea.Cmd {
	at := &m.scroll[m.view]
	page := max(1, m.bodyLines()-2)
	switch key {
	case "q":
		return tea.Quit
	case "tab", "right":
		m.view, m.asHelp = (m.view+1)%viewCount, false
	case "shift+tab", "left":
		m.view, m.asHelp = (m.view+viewCount-1)%viewCount, false
	case "1", "2", "3", "4", "5":
		m.view, m.asHelp = int(key[0]-'1'), false
	case "up", "k":
		*at--
	case "down", "j":
		*at++
	case "pgup":
		*at -= page
	case "pgdown", "space":
		*at += page
	case "home", "g":
		*at = 0
	case "end", "G":
		*at = len(m.body(m.bodyLines()))
	case "/":
		m.typing, m.asHelp = true, false
	case "esc":
		m.filter, m.asHelp = "", false
	case "p":
		if m.paused = !m.paused; !m.paused {
			m.show()
		}
	case "?":
		m.asHelp = !m.asHelp
	}
	m.scroll[m.view] = max(0, min(m.scroll[m.view], len(m.body(m.bodyLines()))-m.bodyLines()))
	return nil
}
