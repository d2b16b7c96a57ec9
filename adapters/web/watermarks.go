package web

import (
	"math"
	"net/http"
	"time"

	"github.com/nagare-stream/nagare/engine"
)

// WatermarksAnswer is the body of /api/watermarks. Times are ISO 8601, "" where there is none.
type WatermarksAnswer struct {
	Now         string `json:"now"` // of the server
	Watermark   string `json:"watermark"`
	IdleTimeout int64  `json:"idleTimeoutMs"` // 0: no partition is taken for idle

	Partitions []PartitionAnswer `json:"partitions"` // by the first watermark of each topic
	Groups     []WatermarkAnswer `json:"groups"`     // by watermark
	Tables     []WindowsAnswer   `json:"tables"`     // those that group rows into windows
}

// PartitionAnswer is one partition.
type PartitionAnswer struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	EventTime string `json:"eventTime"`
	Watermark string `json:"watermark"`
	Position  int64  `json:"position"`
	End       int64  `json:"end"`
	Lag       int64  `json:"lag"`
	Idle      bool   `json:"idle"`
	Holds     bool   `json:"holds"` // it holds the pipeline's watermark back
	LagMillis int64  `json:"lagMs"` // event time behind the newest of the topic

	LastRow string `json:"lastRow"` // when one was last read
	// IdleIn is when the partition counts as idle if nothing comes, ms; null: never, or it has records to read.
	IdleIn *int64 `json:"idleInMs"`
	Raised bool   `json:"raised"` // the watermark went on without it, while it was idle
}

// WatermarkAnswer is one watermark: an event time with a delay.
type WatermarkAnswer struct {
	Topics     []string          `json:"topics"`
	Time       string            `json:"time"` // the event time's expression
	Delay      int64             `json:"delayMs"`
	Tables     []string          `json:"tables"`
	Watermark  string            `json:"watermark"`
	Partitions []PartitionAnswer `json:"partitions"`
	Lateness   LatenessAnswer    `json:"lateness"`
}

// LatenessAnswer is how far rows come behind the newest row of their partition, of those that this process has read.
// A row further behind than the delay is behind the watermark; a window takes it all the same while it is open.
type LatenessAnswer struct {
	Rows  int64 `json:"rows"`
	Loses int64 `json:"loses"` // rows that lay behind the watermark
	// Enough is the shortest delay that leaves less than EnoughPart of the rows behind the watermark, ms; null while
	// there are too few rows to tell.
	Enough     *float64  `json:"enoughMs"`
	EnoughPart float64   `json:"enoughPart"`
	Delays     []float64 `json:"delaysMs"` // ascending
	Behind     []int64   `json:"behind"`   // rows further behind than the delay of the same place
}

// enoughPart is the part of the rows that a good delay may lose.
const enoughPart = 0.0001

// WindowsAnswer is the open windows of one table.
type WindowsAnswer struct {
	Table     string         `json:"table"`
	Topics    []string       `json:"topics"`
	Below     string         `json:"below,omitempty"` // the table whose windows it groups
	Size      int64          `json:"sizeMs"`
	Delay     int64          `json:"delayMs"`
	Watermark string         `json:"watermark"` // up to which its windows are closed
	Open      int            `json:"open"`      // windows
	Windows   []WindowAnswer `json:"windows"`   // the first ones, at most engine.MostOpenWindows
}

// WindowAnswer is one open window.
type WindowAnswer struct {
	Start   string          `json:"start"`
	End     string          `json:"end"`
	Rows    int64           `json:"rows"`      // that it would give now, HAVING left out
	Missing int64           `json:"missingMs"` // by how much event time the watermark has not reached its end
	Holders []engine.Holder `json:"holders"`   // partitions that keep it open
}

func (s *Server) watermarks(w http.ResponseWriter, _ *http.Request) {
	x, err := s.backend.Watermarks()
	if err != nil {
		s.failed(w, err)
		return
	}
	st, now := s.backend.Status(), time.Now()
	a := WatermarksAnswer{Now: isoTime(now.UnixMicro()), Watermark: isoTime(st.Watermark), IdleTimeout: x.IdleTimeout.Milliseconds(),
		Partitions: []PartitionAnswer{}, Groups: []WatermarkAnswer{}, Tables: []WindowsAnswer{}}
	for i := range st.Partitions {
		a.Partitions = append(a.Partitions, partitionAnswer(&st.Partitions[i], x.IdleTimeout, now))
	}
	for i := range x.Groups {
		g := &x.Groups[i]
		one := WatermarkAnswer{Topics: g.Topics, Time: g.Time, Delay: g.Delay.Milliseconds(), Tables: g.Tables, Watermark: isoTime(g.Watermark), Lateness: latenessAnswer(g), Partitions: []PartitionAnswer{}}
		for j := range g.Partitions {
			p := partitionAnswer(&g.Partitions[j].PartitionStatus, x.IdleTimeout, now)
			p.Raised = g.Partitions[j].Raised
			one.Partitions = append(one.Partitions, p)
		}
		a.Groups = append(a.Groups, one)
	}
	for i := range x.Tables {
		a.Tables = append(a.Tables, windowsAnswer(&x.Tables[i]))
	}
	answerTight(w, a)
}

func partitionAnswer(p *engine.PartitionStatus, idle time.Duration, now time.Time) PartitionAnswer {
	a := PartitionAnswer{Topic: p.Topic, Partition: p.Partition, EventTime: isoTime(p.EventTime), Watermark: isoTime(p.Watermark),
		Position: p.Position, End: p.End, Lag: p.Lag, Idle: p.Idle, Holds: p.Holds, LagMillis: p.LagTime / 1000}
	if p.LastRow > 0 {
		a.LastRow = isoTime(p.LastRow)
		if idle > 0 && p.Lag == 0 {
			in := max(0, idle-now.Sub(time.UnixMicro(p.LastRow))).Milliseconds()
			a.IdleIn = &in
		}
	}
	return a
}

func latenessAnswer(g *engine.WatermarkGroup) LatenessAnswer {
	a := LatenessAnswer{Rows: g.Disorder.Rows, EnoughPart: enoughPart}
	delay := g.Delay.Microseconds()
	for _, at := range g.Disorder.Curve() {
		a.Delays, a.Behind = append(a.Delays, float64(at.Delay)/1000), append(a.Behind, at.Rows)
		if at.Delay <= delay || len(a.Delays) == 1 {
			a.Loses = at.Rows
		}
	}
	if float64(a.Rows)*enoughPart >= 1 {
		ms := float64(g.Disorder.DelayFor(enoughPart)) / 1000
		a.Enough = &ms
	}
	return a
}

func windowsAnswer(t *engine.TableWindows) WindowsAnswer {
	a := WindowsAnswer{Table: t.Table, Topics: t.Topics, Below: t.Below, Size: t.Size.Milliseconds(), Delay: t.Delay.Milliseconds(),
		Watermark: isoTime(t.Watermark), Open: t.Open, Windows: []WindowAnswer{}}
	for _, w := range t.Windows {
		one := WindowAnswer{Start: isoTime(w.Start), End: isoTime(w.End), Rows: w.Groups, Holders: w.Holders}
		if t.Watermark != math.MinInt64 {
			one.Missing = max(0, w.End-t.Watermark) / 1000
		}
		if one.Holders == nil {
			one.Holders = []engine.Holder{}
		}
		a.Windows = append(a.Windows, one)
	}
	return a
}
