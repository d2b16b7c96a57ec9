package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine/model"
)

func (a *app) modelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Fit models of customers: how often they buy, whether they still do, what they spend",
		Long: `Fits the BG/NBD model (how often customers buy, and whether they still do) and, where values of purchases are known, the
Gamma-Gamma model (what they spend) by maximum likelihood to the customers that a query gives. Each fit is a record of topic
` + model.Topic + `; the newest of a name is the model, by which SQL computes:

  bgnbd_alive('NAME', x, t_x, T)                         probability that the customer still buys
  bgnbd_expected_purchases('NAME', x, t_x, T, horizon)   purchases expected in the time to come
  gamma_gamma_value('NAME', x, zbar)                     mean value that the customer's purchases are expected to have`,
	}
	cmd.AddCommand(a.modelFit(), a.modelShow(), a.modelEval())
	return cmd
}

// customersHelp is what the query of a model gives.
const customersHelp = `The query gives a row for each customer, with the columns
  x      repeat purchases: all but the first
  t_x    time of the last of them, since the first purchase; 0 where x is 0
  T      time the customer was watched, since the first purchase
  zbar   mean value of the repeat purchases (may be missing: then nothing is learnt of values)
t_x and T are numbers in a unit of your choice, which is then the model's. Others, such as a customer's name, are not looked at.`

func (a *app) modelFit() *cobra.Command {
	var holdout string
	var dry bool
	cmd := &cobra.Command{
		Use:   `fit NAME "SELECT …"`,
		Short: "Fit a model to the customers of a query and keep it",
		Long: `Fits a model by maximum likelihood, with 95 % intervals of its numbers by profile likelihood, and keeps it in topic
` + model.Topic + `, from which on SQL computes by it.

` + customersHelp + `

With --holdout the model is tried before it is kept, on what it knows nothing of: see nagare model eval.`,
		Example: `  nagare model fit weekly "SELECT x, t_x, T, zbar FROM customers"
  nagare model fit weekly "SELECT x, t_x, T FROM customers" --holdout "SELECT x, t_x, T, horizon, purchases FROM customers_before_july"`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usage("model fit: name the model and give the query, as in: %s", firstExample(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if strings.TrimSpace(args[0]) == "" || strings.HasPrefix(args[0], "{") {
				return usage("model fit: %q cannot be the name of a model", args[0])
			}
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			r, err := fitted(cmd.Context(), t.client, args[0], args[1], holdout)
			if err != nil {
				return fmt.Errorf("fit model %s: %w", args[0], err)
			}
			if !dry {
				if err := keepModel(cmd.Context(), t.client, r); err != nil {
					return fmt.Errorf("keep model %s: %w", args[0], err)
				}
			}
			return a.printModel(r)
		},
	}
	cmd.Flags().StringVar(&holdout, "holdout", "", "query of customers and what came afterwards, on which the model is tried")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show the model and do not keep it")
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

func (a *app) modelShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show [NAME]", Short: "Show the models that there are, or one with its numbers",
		Example: "  nagare model show weekly",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			all, err := models(cmd.Context(), t.client)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				r, err := modelOf(all, args[0])
				if err != nil {
					return err
				}
				return a.printModel(r)
			}
			if a.format == formJSON {
				return json.NewEncoder(a.out).Encode(all)
			}
			table := newTable("model", "fitted", "customers>", "log-likelihood>", "holdout MAE>")
			for _, r := range all {
				mae := "not tried"
				if r.Holdout != nil {
					mae = sixDigits(r.Holdout.MAE)
				}
				table.add(r.Name, r.FittedAt.Format(time.RFC3339), itoa(r.BGNBDFit.Customers), fmt.Sprintf("%.4f", r.BGNBDFit.LogLikelihood), mae)
			}
			return a.print(table)
		},
	}
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

func (a *app) modelEval() *cobra.Command {
	var sets, customers int
	var watched float64
	var seed uint64
	cmd := &cobra.Command{
		Use:   `eval NAME "SELECT …" | eval NAME --simulate N`,
		Short: "Compare what a model expects with what came, or its intervals with sets that are drawn from it",
		Long: `Compares what the model expects with what came: the mean absolute error of a customer's purchases, beside that of going on
at one's own rate, and the calibration, by how often they had bought before.

The query gives a row for each customer as known at some moment, with the columns x, t_x and T as for nagare model fit, and
  horizon     time after that moment
  purchases   how many purchases came in it

With --simulate N, N sets of customers are drawn from the model, a model is fitted to each, and it is counted how often the
95 % intervals hold the numbers that the sets were drawn with.`,
		Example: `  nagare model eval weekly "SELECT x, t_x, T, horizon, purchases FROM customers_before_july"
  nagare model eval weekly --simulate 200`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if (len(args) == 2) == (sets > 0) {
				return usage("model eval: give a query, or --simulate N, as in: %s", firstExample(cmd))
			}
			if sets > 0 && (customers < 1 || !(watched > 0)) {
				return usage("model eval: --customers and --watched have to be above 0")
			}
			t, err := a.reach(cmd.Context(), false)
			if err != nil {
				return err
			}
			defer func() { err = joinClose(err, t) }()
			all, err := models(cmd.Context(), t.client)
			if err != nil {
				return err
			}
			r, err := modelOf(all, args[0])
			if err != nil {
				return err
			}
			if sets > 0 {
				return a.printCoverage(*r.BGNBD, seed, sets, customers, watched)
			}
			h, err := evaluated(cmd.Context(), t.client, *r.BGNBD, args[1])
			if err != nil {
				return fmt.Errorf("evaluate model %s: %w", r.Name, err)
			}
			if a.format == formJSON {
				return json.NewEncoder(a.out).Encode(h)
			}
			return a.printHoldout(h)
		},
	}
	cmd.Flags().IntVar(&sets, "simulate", 0, "number of sets to draw from the model")
	cmd.Flags().IntVar(&customers, "customers", 2000, "of each set")
	cmd.Flags().Float64Var(&watched, "watched", 52, "how long each customer of a set is watched, in the model's unit of time")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "of the first set")
	a.rowsFlag(cmd, formTable, formJSON)
	return cmd
}

// fitted fits a model to what a query gives, and tries it.
func fitted(ctx context.Context, c *client, name, query, holdout string) (*model.Record, error) {
	rows, err := customersOf(ctx, c, query, "x", "t_x", "t")
	if err != nil {
		return nil, err
	}
	var all []model.Customer
	values := 0
	for _, row := range rows {
		all = append(all, row.customer())
		if row.has["zbar"] {
			values++
		}
	}
	r := &model.Record{Name: name, FittedAt: time.Now().UTC().Truncate(time.Second), Query: query}
	m, fit, err := model.FitBGNBD(all)
	if err != nil {
		return nil, fmt.Errorf("BG/NBD: %w", err)
	}
	fit.Intervals()
	r.BGNBD, r.BGNBDFit = &m, fit
	if values > 0 {
		m, fit, err := model.FitGammaGamma(all)
		if err != nil {
			return nil, fmt.Errorf("Gamma-Gamma, which a query without zbar leaves out: %w", err)
		}
		fit.Intervals()
		r.GammaGamma, r.GammaGammaFit = &m, fit
	}
	if holdout != "" {
		if r.Holdout, err = evaluated(ctx, c, m, holdout); err != nil {
			return nil, fmt.Errorf("holdout: %w", err)
		}
	}
	return r, nil
}

func evaluated(ctx context.Context, c *client, m model.BGNBD, query string) (*model.Holdout, error) {
	rows, err := customersOf(ctx, c, query, "x", "t_x", "t", "horizon", "purchases")
	if err != nil {
		return nil, err
	}
	var all []model.Later
	for _, row := range rows {
		all = append(all, model.Later{Customer: row.customer(), Horizon: row.of["horizon"], Purchases: int64(row.of["purchases"])})
	}
	return m.Eval(all)
}

// A customerRow is the numbers of a row, by column in lower case; has tells NULL from 0.
type customerRow struct {
	of  map[string]float64
	has map[string]bool
}

func (r customerRow) customer() model.Customer {
	return model.Customer{X: int64(r.of["x"]), TX: r.of["t_x"], T: r.of["t"], Z: r.of["zbar"]}
}

// customersOf is the rows of a query, which has to have some columns.
func customersOf(ctx context.Context, c *client, query string, need ...string) ([]customerRow, error) {
	r, w := io.Pipe()
	defer r.Close()
	go func() { _ = w.CloseWithError(c.queryRows(ctx, query, url.Values{"format": {formLines}}, w)) }()
	lines := bufio.NewReader(r)
	var rows []customerRow
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			row, rowErr := customerRowOf(line, need)
			if rowErr != nil {
				return nil, fmt.Errorf("row %d: %w", len(rows)+1, rowErr)
			}
			rows = append(rows, row)
		}
		if errors.Is(err, io.EOF) && len(rows) == 0 {
			return nil, errors.New("the query gives no row")
		}
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func customerRowOf(line []byte, need []string) (customerRow, error) {
	row := customerRow{map[string]float64{}, map[string]bool{}}
	var cells map[string]json.RawMessage
	if err := json.Unmarshal(line, &cells); err != nil {
		return row, err
	}
	for name, cell := range cells {
		var v *float64
		if json.Unmarshal(cell, &v) == nil && v != nil {
			row.of[strings.ToLower(name)], row.has[strings.ToLower(name)] = *v, true
		}
	}
	for _, name := range need {
		if !row.has[name] {
			return row, fmt.Errorf("it has no number in column %s: %.200s", shownColumn(name), bytes.TrimSpace(line))
		}
	}
	for _, name := range []string{"x", "purchases"} {
		if v := row.of[name]; v != math.Trunc(v) {
			return row, fmt.Errorf("column %s is %v, and has to be a whole number", name, v)
		}
	}
	return row, nil
}

// shownColumn is a column as help writes it.
func shownColumn(name string) string {
	if name == "t" {
		return "T"
	}
	return name
}

// keepModel appends a model to its topic, which is made where it is not there: with one partition, and for good.
func keepModel(ctx context.Context, c *client, r *model.Record) error {
	topics, err := get[[]web.Topic](ctx, c, "/api/topics")
	if err != nil {
		return err
	}
	has := false
	for _, t := range topics {
		has = has || t.Name == model.Topic
	}
	if !has {
		if _, err := send[web.Topic](ctx, c, http.MethodPut, topicPath(model.Topic), values("partitions", "1", "key", "name"), nil); err != nil {
			return err
		}
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	done, err := c.publish(ctx, model.Topic, io.NopCloser(bytes.NewReader(append(line, '\n'))))
	if err == nil && done.Error != "" {
		err = errors.New(done.Error)
	}
	return err
}

// models is the newest of each name.
func models(ctx context.Context, c *client) ([]*model.Record, error) {
	var out bytes.Buffer
	err := c.queryRows(ctx, "SELECT max_by(CAST(value AS STRING), struct(timestamp, partition, `offset`)) AS model FROM `"+model.Topic+
		"` GROUP BY get_json_object(CAST(value AS STRING), '$.name') ORDER BY get_json_object(max(CAST(value AS STRING)), '$.name')",
		url.Values{"format": {formLines}}, &out)
	if err != nil {
		if strings.Contains(err.Error(), "[TABLE_OR_VIEW_NOT_FOUND]") {
			return nil, nil
		}
		return nil, err
	}
	var all []*model.Record
	for line := range bytes.Lines(out.Bytes()) {
		var row struct{ Model string }
		if err := json.Unmarshal(line, &row); err != nil {
			return nil, err
		}
		r, err := model.ParseRecord([]byte(row.Model))
		if err != nil {
			return nil, fmt.Errorf("read topic %s: %w", model.Topic, err)
		}
		if r.BGNBD != nil && r.BGNBDFit != nil {
			all = append(all, r)
		}
	}
	return all, nil
}

func modelOf(all []*model.Record, name string) (*model.Record, error) {
	var known []string
	for _, r := range all {
		if r.Name == name {
			return r, nil
		}
		known = append(known, r.Name)
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("there is no model %q; nagare model fit makes one", name)
	}
	return nil, fmt.Errorf("there is no model %q; there are: %s", name, strings.Join(known, ", "))
}
