package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine/model"
)

// sixDigits is a number as models are read: six digits.
func sixDigits(v float64) string {
	if math.IsInf(v, 1) {
		return "no end"
	}
	return strconv.FormatFloat(v, 'g', 6, 64)
}

// printModel shows what a model is, how sure its numbers are, and how it did on what it did not know.
func (a *app) printModel(r *model.Record) error {
	if a.format == formJSON {
		return json.NewEncoder(a.out).Encode(r)
	}
	fmt.Fprintf(a.out, "model %s, fitted %s to %s\n\n", r.Name, r.FittedAt.Format(time.RFC3339), plural(r.BGNBDFit.Customers, "customer"))
	table := newTable("model", "parameter", "value>", "standard error>", "95 % from>", "to>")
	for _, part := range []struct {
		name string
		fit  *model.Fit
	}{{"BG/NBD", r.BGNBDFit}, {"Gamma-Gamma", r.GammaGammaFit}} {
		if part.fit == nil {
			continue
		}
		for _, p := range part.fit.Parameters {
			table.add(part.name, p.Name, sixDigits(p.Value), sixDigits(p.Error), sixDigits(p.Low), sixDigits(p.High))
		}
	}
	if err := a.print(table); err != nil {
		return err
	}
	fmt.Fprintf(a.out, "\nlog-likelihood %.4f of BG/NBD", r.BGNBDFit.LogLikelihood)
	if r.GammaGammaFit != nil {
		fmt.Fprintf(a.out, ", %.4f of Gamma-Gamma (%s with repeat purchases)", r.GammaGammaFit.LogLikelihood, plural(r.GammaGammaFit.Customers, "customer"))
	}
	fmt.Fprint(a.out, "; intervals by profile likelihood\n\n")
	if r.Holdout == nil {
		fmt.Fprintf(a.out, "not tried on what it did not know: nagare model eval %s \"SELECT x, t_x, T, horizon, purchases FROM …\"\n", r.Name)
		return nil
	}
	return a.printHoldout(r.Holdout)
}

func (a *app) printHoldout(h *model.Holdout) error {
	fmt.Fprintf(a.out, "holdout: %s; %s purchases expected, %s came\nmean absolute error %s a customer (going on at one's own rate: %s), root of the mean square %s\n\n",
		plural(h.Customers, "customer"), sixDigits(h.Expected), grouped(h.Purchases), sixDigits(h.MAE), sixDigits(h.Naive), sixDigits(h.RMSE))
	table := newTable("repeat purchases before>", "customers>", "expected of each>", "came>")
	for _, c := range h.Calibration {
		x := itoa(int(c.From))
		if c.To < 0 {
			x += " and more"
		}
		table.add(x, itoa(c.Customers), sixDigits(c.Expected), sixDigits(c.Purchases))
	}
	return a.print(table)
}

// printCoverage draws sets of customers and shows how often the intervals of their fits hold.
func (a *app) printCoverage(m model.BGNBD, seed uint64, sets, customers int, watched float64) error {
	bar := a.newBar("simulate")
	held, unsettled := m.Coverage(seed, sets, customers, watched, func(set int) { bar.show(int64(set), int64(set), int64(sets)) })
	bar.clear()
	type line struct {
		Parameter string  `json:"parameter"`
		Value     float64 `json:"value"`
		Held      int     `json:"held"`
		Sets      int     `json:"sets"`
	}
	var lines []line
	all := 0
	for i, name := range m.Names() {
		lines = append(lines, line{name, m.Numbers()[i], held[i], sets})
		all += held[i]
	}
	if a.format == formJSON {
		return json.NewEncoder(a.out).Encode(lines)
	}
	table := newTable("parameter", "drawn with>", "95 % intervals that hold it>")
	for _, l := range lines {
		table.add(l.Parameter, sixDigits(l.Value), fmt.Sprintf("%d of %d", l.Held, l.Sets))
	}
	if err := a.print(table); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "\n%.1f %% of all intervals hold; %s did not settle (%s each, watched for %s)\n",
		100*float64(all)/float64(sets*len(lines)), plural(unsettled, "fit"), plural(customers, "customer"), sixDigits(watched))
	return err
}
