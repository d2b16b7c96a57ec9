package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/alert"
	"github.com/nagare-stream/nagare/node"
)

// The pace of `nagare top`, and how long an answer may take before the process counts as away.
const (
	topPause   = time.Second
	topTimeout = 3 * time.Second
)

func (a *app) topCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch a running pipeline in the terminal",
		Long: `Shows the running process of a data folder each second: health by part, rates, watermark, lag by partition, tables,
sinks with their latency, checkpoint, machine, and alerts. When the process is away, the last data stay until it is back.

Where the output is no terminal it prints one picture as text and ends.

Keys: q quit, tab or 1 to 5 views, ↑↓ PgUp PgDn scroll, / filter, p pause, ? help.`,
		Example: `  nagare top
  nagare top --data ./data
  nagare top -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.top(cmd.Context()) },
	}
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

// A topPicture is what a process tells of itself at one moment.
type topPicture struct {
	At      time.Time            `json:"at"`
	Status  web.StatusAnswer     `json:"status"`
	Monitor web.MonitorAnswer    `json:"monitor"`
	Alerts  []engine.AlertStatus `json:"alerts"`
	// External is what Alertmanagers have told the process of.
	External []notify.External `json:"external,omitempty"`
	Silenced map[string]string `json:"silenced,omitempty"` // as in web.AlertsAnswer
}

// top shows the running process.
func (a *app) top(ctx context.Context) error {
	data, err := a.dataFolder()
	if err != nil {
		return err
	}
	watch := &topWatch{data: data}
	first, err := watch.look(ctx)
	if err != nil {
		return err
	}
	switch {
	case a.format == formJSON:
		return printIndented(a, first)
	case !isTerminal(a.out) || !isTerminal(a.in):
		m := newTopModel(nil)
		m.take(first)
		fmt.Fprint(a.out, m.text())
		return nil
	}
	m := newTopModel(func() (topPicture, error) { return watch.look(ctx) })
	m.take(first)
	p := tea.NewProgram(m, tea.WithInput(a.in), tea.WithOutput(a.out), tea.WithoutSignalHandler(), tea.WithContext(context.WithoutCancel(ctx)))
	defer context.AfterFunc(ctx, p.Quit)()
	if _, err := p.Run(); err != nil {
		return fmt.Errorf("draw on the terminal: %w; `nagare top | cat` prints one picture as text", err)
	}
	return ctx.Err()
}

// A topWatch asks the process of a data folder. It is used by one goroutine at a time.
type topWatch struct {
	data string
	c    *client // nil: it has to be found
}

// look takes a picture. A process that was away is looked for anew: it may be at another port.
func (w *topWatch) look(ctx context.Context) (topPicture, error) {
	ctx, cancel := context.WithTimeout(ctx, topTimeout)
	defer cancel()
	if w.c == nil {
		if w.c = running(ctx, w.data); w.c == nil {
			return topPicture{}, w.away()
		}
	}
	p, err := w.ask(ctx)
	if err != nil {
		w.c = nil
		if ctx.Err() != nil {
			err = fmt.Errorf("the process has not answered for %v", topTimeout)
		}
	}
	return p, err
}

// away says why there is nothing to watch.
func (w *topWatch) away() error {
	if _, err := node.ReadIdentity(w.data); err != nil {
		return &nothingError{w.data}
	}
	return fmt.Errorf("no process answers for data folder %s; `nagare run` starts one, `nagare status` shows where it stopped", w.data)
}

func (w *topWatch) ask(ctx context.Context) (p topPicture, err error) {
	if p.Status, err = w.c.status(ctx); err != nil {
		return p, err
	}
	if p.Status.Info.Data != w.data {
		return p, errors.New("another process is at its port now")
	}
	if p.Monitor, err = get[web.MonitorAnswer](ctx, w.c, "/api/monitor"); err != nil {
		return p, err
	}
	alerts, err := get[web.AlertsAnswer](ctx, w.c, "/api/alerts")
	p.Alerts, p.External, p.Silenced, p.At = alerts.Alerts, alerts.External, alerts.Silenced, time.Now()
	return p, err
}

// lag is how many records of others wait to be read.
func (p *topPicture) lag() (n int64) {
	for i := range p.Status.Engine.Partitions {
		if part := &p.Status.Engine.Partitions[i]; !monitor.IsOwn(part.Topic) {
			n += part.Lag
		}
	}
	return n
}

// behind is how far a time of the pipeline is behind the clock, as text.
func (p *topPicture) behind(us int64) string {
	if p.clock(us) == "-" {
		return "-"
	}
	return shortDuration(p.At.Sub(time.UnixMicro(us)))
}

// clock writes a time, with its date where that is not today's.
func (p *topPicture) clock(us int64) string {
	const year10000 = 253402300800_000_000
	if us == math.MinInt64 || us >= year10000 {
		return "-"
	}
	t := time.UnixMicro(us).UTC()
	if d := p.At.Sub(t); d.Abs() < 24*time.Hour {
		return t.Format("15:04:05Z")
	}
	return t.Format("2006-01-02 15:04Z")
}

// incidents is those of now, ours and those that were told, the firing ones first; and how many are in each state.
func (p *topPicture) incidents() (list []*alert.Change, firing, pending int) {
	var later []*alert.Change
	for i := range p.Alerts {
		for _, c := range p.Alerts[i].Incidents {
			if c.State == alert.Firing {
				firing++
				list = append(list, c)
				continue
			}
			pending++
			later = append(later, c)
		}
	}
	for i := range p.External {
		if c := p.External[i].Change(); c.State == alert.Firing {
			firing++
			list = append(list, c)
		}
	}
	return append(list, later...), firing, pending
}

// shortDuration writes a duration in at most 7 characters.
func shortDuration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	switch {
	case d < time.Second:
		return fmt.Sprintf("%s%d ms", sign, d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%s%.1f s", sign, d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%s%dm%02ds", sign, int(d.Minutes()), int(d.Seconds())%60)
	case d < 100*time.Hour:
		return fmt.Sprintf("%s%dh%02dm", sign, int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%s%dd", sign, int(d.Hours())/24)
}
