package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/adapters/grade"
)

// What is graded, and by what, when nobody says otherwise: the generator of nagare run with some of what goes wrong.
const (
	gradedRule      = "unusual_sales"
	gradedThreshold = 6 // of that rule, as it ships
)

// gradeFlags is what `nagare alerts grade` can be told.
type gradeFlags struct {
	grade.Planted
	nab       string
	threshold float64
	least     float64
}

func (a *app) alertsGradeCommand() *cobra.Command {
	var f gradeFlags
	cmd := &cobra.Command{
		Use:   "grade [PROJECT]",
		Short: "Grade the rule of unusual sales: precision and recall on planted purchases, or the Numenta Anomaly Benchmark",
		Long: `Runs the SQL of the purchase project, or of PROJECT, over events of the generator, seed by seed, and compares each minute
of a category and region that the alert told of with those in which the generator has planted a purchase (ten times
the dearest price, five at once). Nothing is planted in the first half hour, which is the rule's past.

--nab DIR grades by the Numenta Anomaly Benchmark instead, of which DIR is a checkout: its series go through the same
SQL, a record a minute, and its own scoring counts, beside that of its windowed Gaussian.`,
		Example: `  nagare alerts grade
  nagare alerts grade ./my-purchases --seeds 10 --every 6000
  nagare alerts grade -o json --least 0.9
  nagare alerts grade --nab ./NAB`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			arg := ""
			if len(args) == 1 {
				arg = args[0]
			}
			p, err := mustLoad(arg)
			if err != nil {
				return err
			}
			f.Project, f.Logger = p.pipeline.Input, a.logger()
			if f.nab != "" {
				for _, name := range []string{"rule", "seeds", "seed", "minutes", "rate", "every", "disorder", "late", "bad", "duplicates", "least"} {
					if cmd.Flags().Changed(name) {
						return usage("alerts grade --nab: the benchmark's series take the place of the generator, so leave --%s out", name)
					}
				}
				return a.gradeNAB(cmd, &f)
			}
			return a.gradePlanted(cmd, &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.Rule, "rule", gradedRule, "the alert to grade; its rows have the columns minute, category and region")
	flags.IntVar(&f.Seeds, "seeds", 50, "how many seeds")
	flags.Uint64Var(&f.First, "seed", 1, "the first of them")
	flags.IntVar(&f.Minutes, "minutes", 120, "minutes of event time for each seed")
	flags.Float64Var(&f.Feed.Rate, "rate", demoRate, "events per second")
	flags.Int64Var(&f.Feed.AnomalyEvery, "every", demoAnomalyEvery, "events from one that is planted to the next")
	flags.DurationVar(&f.Feed.Disorder, "disorder", 5*time.Second, "how far the time of an event may lie behind")
	flags.Float64Var(&f.Feed.Late, "late", 0.01, "share of events that are 5 minutes late")
	flags.Float64Var(&f.Feed.Bad, "bad", 0.005, "share of events that are malformed")
	flags.Float64Var(&f.Feed.Duplicates, "duplicates", 0.005, "share of events that are sent twice")
	flags.Float64Var(&f.least, "least", 0, "exit with 1 if precision or recall of all seeds together is below this, as in 0.9")
	flags.StringVar(&f.nab, "nab", "", "checkout of https://github.com/numenta/NAB to grade by")
	flags.Float64Var(&f.threshold, "threshold", gradedThreshold, "with --nab: the rule's own threshold, which is told beside the benchmark's choice")
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

// check refuses what gives no figure.
func (f *gradeFlags) check() error {
	switch {
	case f.Seeds < 1 || f.Seeds > 100_000:
		return usage("alerts grade --seeds %d: want 1 to 100,000", f.Seeds)
	case f.Feed.AnomalyEvery < 1:
		return usage("alerts grade --every %d: want 1 or more", f.Feed.AnomalyEvery)
	case f.Minutes < 1 || f.Minutes > 100_000:
		return usage("alerts grade --minutes %d: want 1 to 100,000", f.Minutes)
	case f.least < 0 || f.least > 1:
		return usage("alerts grade --least %v: want 0 to 1", f.least)
	}
	probe := f.Feed
	probe.Start = time.Unix(0, 0)
	if err := (&generator.Config{Start: probe.Start, Rate: probe.Rate, Disorder: probe.Disorder, Late: probe.Late, Bad: probe.Bad, Duplicates: probe.Duplicates}).Validate(); err != nil {
		return usage("alerts grade: %s", err)
	}
	if n := float64(f.Minutes) * 60 * f.Feed.Rate; n > mostGraded {
		return usage("alerts grade: --minutes %d at --rate %v are %s events, which are held in memory: want at most %s; take more --seeds instead", f.Minutes, f.Feed.Rate, grouped(int64(n)), grouped(mostGraded))
	}
	return nil
}

// mostGraded is the most events of a seed.
const mostGraded = 5_000_000

func (a *app) gradePlanted(cmd *cobra.Command, f *gradeFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	bar := a.newBar("grading")
	bar.counts = true
	f.Tell = func(done int, _ *grade.Score) { bar.show(-1, int64(done), int64(f.Seeds)) }
	r, err := f.Planted.Run(cmd.Context())
	bar.clear()
	if err != nil {
		return err
	}
	if a.format == formJSON {
		err = printIndented(a, r)
	} else {
		err = a.printGrade(r)
	}
	if err == nil && (r.Total.Precision < f.least || r.Total.Recall < f.least) {
		err = fmt.Errorf("grade alert %s: precision %.3f, recall %.3f: both should be at least %v", r.Rule, r.Total.Precision, r.Total.Recall, f.least)
	}
	return err
}

// printGrade prints a line for each seed and their sum.
func (a *app) printGrade(r *grade.Result) error {
	t := newTable("seed>", "events>", "planted>", "found>", "missed>", "false>", "precision>", "recall>")
	row := func(name string, s *grade.Score) {
		t.add(name, grouped(s.Events), grouped(int64(s.Planted)), grouped(int64(s.Found)), grouped(int64(s.Missed)), grouped(int64(s.False)),
			fmt.Sprintf("%.3f", s.Precision), fmt.Sprintf("%.3f", s.Recall))
	}
	for i := range r.Seeds {
		row(fmt.Sprint(r.Seeds[i].Seed), &r.Seeds[i])
	}
	row("all", &r.Total)
	if err := t.write(a.out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "\n%s: precision %.3f, recall %.3f over %s of %d minutes at %v events/s, one of %s planted\n", r.Rule, r.Total.Precision, r.Total.Recall,
		plural(len(r.Seeds), "seed"), r.Minutes, r.Rate, grouped(r.Every))
	return err
}

func (a *app) gradeNAB(cmd *cobra.Command, f *gradeFlags) error {
	bar := a.newBar("grading")
	bar.counts = true
	r, err := grade.NAB{Project: f.Project, Dir: f.nab, Threshold: f.threshold, Logger: f.Logger,
		Tell: func(done, all int, _ string) { bar.show(-1, int64(done), int64(all)) }}.Run(cmd.Context())
	bar.clear()
	if err != nil {
		return err
	}
	if a.format == formJSON {
		return printIndented(a, r)
	}
	t := newTable("profile", "score>", "best threshold>", fmt.Sprintf("at %v>", r.AsIs), "windowedGaussian>", "published>")
	for _, p := range r.Profiles {
		t.add(p.Profile, fmt.Sprintf("%.2f", p.Score), fmt.Sprintf("%.4g", p.Threshold), fmt.Sprintf("%.2f", p.AsIs), fmt.Sprintf("%.2f", p.Control), fmt.Sprintf("%.2f", p.Published))
	}
	if err := t.write(a.out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "\n%d series, %s records, %d windows; 0 is a detector that tells nothing, 100 one that finds all at once and is never wrong\n", r.Series, grouped(int64(r.Records)), r.Windows)
	return err
}
