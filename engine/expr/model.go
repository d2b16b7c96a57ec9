package expr

import (
	"bytes"
	"math"

	"github.com/nagare-stream/nagare/engine/model"
)

// customerModels are the functions of models of customers. Their first argument is a model as topic system-models has it;
// package plan puts it there for one that is named.
func customerModels() []function {
	return []function{
		{name: "bgnbd_alive", sig: "string;bigint;double;double -> double", kernel: withModel(func(f *frame, i uint32, m *model.Record) (float64, string) {
			c, wrong := customerOf(f, i, m)
			if wrong != "" {
				return 0, wrong
			}
			return m.BGNBD.Alive(c), ""
		})},
		{name: "bgnbd_expected_purchases", sig: "string;bigint;double;double;double -> double", kernel: withModel(func(f *frame, i uint32, m *model.Record) (float64, string) {
			c, wrong := customerOf(f, i, m)
			horizon := f.float(4, i)
			if wrong == "" && !(horizon >= 0 && !math.IsInf(horizon, 0)) {
				wrong = "the horizon has to be 0 or more"
			}
			if wrong != "" {
				return 0, wrong
			}
			return m.BGNBD.Expected(c, horizon), ""
		})},
		{name: "gamma_gamma_value", sig: "string;bigint;double -> double", nulls: true, kernel: withModel(func(f *frame, i uint32, m *model.Record) (float64, string) {
			x, z := f.int(1, i), f.float(2, i)
			switch {
			case m.GammaGamma == nil:
				return 0, "the model was fitted without values of purchases (column zbar), and knows nothing of them"
			case x < 0:
				return 0, "the number of repeat purchases has to be 0 or more"
			case x > 0 && !(z > 0 && !math.IsInf(z, 0)):
				return 0, "the mean value of repeat purchases has to be above 0"
			}
			return m.GammaGamma.Value(x, z), ""
		})},
	}
}

// customerOf is the customer of arguments 1 to 3.
func customerOf(f *frame, i uint32, m *model.Record) (model.Customer, string) {
	c := model.Customer{X: f.int(1, i), TX: f.float(2, i), T: f.float(3, i)}
	if m.BGNBD == nil {
		return c, "the model has no bgnbd"
	}
	if err := c.Valid(); err != nil {
		return c, err.Error()
	}
	return c, ""
}

// withModel makes a kernel that reads a model once for all rows in a row that have it.
func withModel(value func(f *frame, i uint32, m *model.Record) (float64, string)) maker {
	return func(*Node, *Env) (kernel, error) {
		var text []byte
		var known *model.Record
		var wrong error
		return func(f *frame, rows []uint32) {
			for _, i := range rows {
				// Who has bought once has no mean value of repeat purchases, and is expected to spend what all do.
				if f.isNull(0, i) || f.isNull(1, i) || len(f.args) == 3 && f.isNull(2, i) && f.int(1, i) != 0 {
					f.null(i)
					continue
				}
				if t := f.text(0, i); known == nil && wrong == nil || !bytes.Equal(t, text) {
					text = append(text[:0], t...)
					known, wrong = model.ParseRecord(text)
				}
				if wrong != nil {
					f.fail(i, "INVALID_PARAMETER_VALUE.MODEL", wrong.Error())
					continue
				}
				v, why := value(f, i, known)
				if why != "" {
					f.fail(i, "INVALID_PARAMETER_VALUE.MODEL", why)
					continue
				}
				f.out.Float[i] = v
			}
		}, nil
	}
}

// IsModelFunction reports a function whose first argument is a model, which may be named there.
func IsModelFunction(name string) bool {
	switch name {
	case "bgnbd_alive", "bgnbd_expected_purchases", "gamma_gamma_value":
		return true
	}
	return false
}
