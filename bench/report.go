package bench

import (
	"fmt"
	"io"
)

// Goals of PERFORMANCE, as they are printed beside the figures.
const (
	goalFile   = 0.5
	goalTopic  = 0.6
	goalKafka  = 0.6
	goalAppend = 600_000
	goalPeak   = 300 << 20
	goalRedis  = 1.05
)

// Write prints the figures, each with what it is compared with.
func (r *Result) Write(w io.Writer) error {
	p := &printer{w: w}
	p.line("%d cores, %s/%s, %s; %s events, %d MB", r.Machine.Cores, r.Machine.OS, r.Machine.Arch, r.Machine.Go, number(r.Events), r.Bytes>>20)
	p.line("")
	if len(r.Redis) > 0 {
		p.troubles(r.Redis)
		return p.err
	}
	p.line("   events/s")
	p.row(number(int64(r.BoundOne)), "hand-written bound, 1 core", "")
	p.row(number(int64(r.BoundAll)), "hand-written bound, all cores", "")
	p.row(number(int64(r.FromFile)), "three queries, run --once from the file", ratio(r.FromFile/r.BoundAll, "of the bound on all cores", goalFile))
	p.row(number(int64(r.FromTopic)), "three queries, from the durable topic to final tables", ratio(r.FromTopic/r.FromFile, "of the rate from the file", goalTopic))
	p.row(number(int64(r.Append)), "durable append, 1,000 records a batch", goal(r.Append >= goalAppend, number(goalAppend)))
	p.row(number(int64(r.Publish)), "publish, from the file to the durable topic", "")
	if r.FromKafka > 0 {
		p.row(number(int64(r.ToKafka)), "written to Kafka", "")
		p.row(number(int64(r.KafkaClient)), "read from Kafka by its client library alone", "")
		p.row(number(int64(r.FromKafka)), "three queries, from Kafka to final tables", ratio(r.KafkaRatio.Median, "of the client library alone", goalKafka))
		p.row("", fmt.Sprintf("%-55s (%.2f – %.2f in %d pairs, of which the median counts)", "", r.KafkaRatio.Least, r.KafkaRatio.Most, r.KafkaRatio.Pairs), "")
	}
	p.line("")
	if r.PeakBytes > 0 {
		p.row(fmt.Sprintf("%d MB", r.PeakBytes>>20), "peak resident memory of the run from the file", goal(r.PeakBytes <= goalPeak, fmt.Sprintf("%d MB", goalPeak>>20)))
		p.line("")
	}
	p.costs("three queries by number of events", "events", r.ByEvents)
	p.costs("grouped by user, by number of keys", "keys", r.ByKeys)
	return p.err
}

type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) row(figure, what, beside string) {
	if beside != "" {
		what = fmt.Sprintf("%-55s %s", what, beside)
	}
	p.line("%11s  %s", figure, what)
}

func (p *printer) costs(title, unit string, costs []Cost) {
	p.line("%s, ns an event:", title)
	for _, c := range costs {
		p.line("%11.0f  %s %s", c.Nanoseconds, number(c.N), unit)
	}
}

// troubles prints what a Redis in trouble costs.
func (p *printer) troubles(troubles []Trouble) {
	p.line("the purchase project until all events are counted, Redis in trouble against a healthy one;")
	p.line("median (least – most) of %d pairs: side by side, processor time", troubles[0].SideBySide.Pairs)
	p.line("")
	for _, t := range troubles {
		p.row(t.Name, fmt.Sprintf("%s   %s", t.SideBySide, t.Processor), t.verdict(troubles[0]))
	}
}

// verdict compares with the goal. A figure that a healthy Redis reaches, too, against a healthy one says
// nothing.
func (t Trouble) verdict(control Trouble) string {
	switch {
	case t.Name == control.Name:
		return "what the machine does beside"
	case t.SideBySide.Median > max(goalRedis, control.SideBySide.Most) || t.Processor.Median > max(goalRedis, control.Processor.Most):
		return goal(false, fmt.Sprintf("%.2f", goalRedis))
	case max(t.SideBySide.Median, t.Processor.Median) > goalRedis:
		return "not certain: a healthy one reaches that, too"
	}
	return goal(true, fmt.Sprintf("%.2f", goalRedis))
}

// String is 0.98 (0.95 – 1.03).
func (s Spread) String() string {
	if s.Pairs == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f (%.2f – %.2f)", s.Median, s.Least, s.Most)
}

func ratio(share float64, of string, want float64) string {
	return fmt.Sprintf("%.2f %s, %s", share, of, goal(share >= want, fmt.Sprintf("%.2f", want)))
}

func goal(met bool, want string) string {
	if met {
		return "goal " + want + " met"
	}
	return "goal " + want + " MISSED"
}

// number writes 1,204,331.
func number(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
