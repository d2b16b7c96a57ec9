package bench

import (
	"fmt"
	"io"
)

// Goals, as they are printed beside the figures.
const (
	goalIntake = 0.95
	goalClient = 3 // percent of a core
)

// String is the spread: where half of the rounds lie, and the least and most of all.
func (c LookCost) String() string {
	return fmt.Sprintf("(half of %d rounds %.2f – %.2f, all %.2f – %.2f)", c.Pairs, c.Half[0], c.Half[1], c.Least, c.Most)
}

// Write prints the figures.
func (r *PageResult) Write(w io.Writer) error {
	p := &printer{w: w}
	p.line("%s alive; %d cores, %s/%s; windows of %g s in turns; load average %.1f", r.Project, r.Machine.Cores, r.Machine.OS, r.Machine.Arch, r.Window, r.Load)
	p.line("")
	p.line("%d clients that follow updates, %d of them take nothing, and %d connections that send a byte a second:", r.Clients, r.Stalled, r.Slow)
	var alone, with []float64
	for _, i := range r.Intake {
		alone, with = append(alone, i.Alone), append(with, i.With)
	}
	p.row(number(int64(spreadOf(alone).Median)), "events/s taken in without them", "")
	p.row(number(int64(spreadOf(with).Median)), "with them", fmt.Sprintf("%s of %d pairs, %s", r.IntakeRatio, r.IntakeRatio.Pairs, goal(r.IntakeRatio.Median >= goalIntake, fmt.Sprint(goalIntake))))
	p.row(fmt.Sprintf("%.3f", r.Processor.Median), "processor time an event, with them to without", fmt.Sprintf("(%.2f – %.2f)", r.Processor.Least, r.Processor.Most))
	p.row(fmt.Sprintf("%d MB", r.Resident[0]/1e6), "memory at the end of windows without them", "")
	p.row(fmt.Sprintf("%d MB", r.Resident[1]/1e6), "with them", "")
	p.row(fmt.Sprint(r.Updates[0]), "updates got by each client that reads, at least", fmt.Sprintf("at most %d", r.Updates[1]))
	p.line("")
	p.line("who has the overview open, at %s events/s; rounds of windows with nobody, one, two, two, one and nobody:", number(int64(r.Rate)))
	alone, with = nil, nil
	var reached, answers float64
	for _, l := range r.Looks {
		alone, with = append(alone, l.Alone.CPU), append(with, l.With.CPU)
		reached += l.With.Events / float64(len(r.Looks))
		answers += float64(l.Answers) / (2 * r.Window) / float64(len(r.Looks))
	}
	p.row(fmt.Sprintf("%.1f", spreadOf(alone).Median), "% of a core while nobody looks", "")
	p.row(fmt.Sprintf("%.1f", spreadOf(with).Median), "% of a core while one does", fmt.Sprintf("%.1f answers a second", answers))
	p.row(fmt.Sprintf("%.2f", r.Cost.Median), "% of a core for one client, by events read", fmt.Sprintf("%s, %s", r.Cost, goal(r.Cost.Median < goalClient, fmt.Sprintf("%d %%", goalClient))))
	p.row(fmt.Sprintf("%.2f", r.Next.Median), "% of a core for a second one beside it", r.Next.String())
	if reached < 0.9*r.Rate {
		p.line("  the machine gave %s events/s only", number(int64(reached)))
	}
	return p.err
}
