package model

import (
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// Topic is the topic that has a record for each time that a model was fitted. The newest of a name is the model.
const Topic = "system-models"

// A Record is a model as topic system-models has it. What is computed with it is a function of that topic.
type Record struct {
	Name     string    `json:"name"`
	FittedAt time.Time `json:"fitted_at"`
	Query    string    `json:"query,omitempty"` // that gave the customers

	BGNBD         *BGNBD      `json:"bgnbd,omitempty"`
	BGNBDFit      *Fit        `json:"bgnbd_fit,omitempty"`
	GammaGamma    *GammaGamma `json:"gamma_gamma,omitempty"`
	GammaGammaFit *Fit        `json:"gamma_gamma_fit,omitempty"`

	Holdout *Holdout `json:"holdout,omitempty"` // nil: it was not tried on a time of which it knew nothing
}

// ParseRecord reads a record, or an object that has the parameters alone: {"bgnbd": {"r": …, "alpha": …, "a": …, "b": …},
// "gamma_gamma": {"p": …, "q": …, "v": …}}.
func ParseRecord(text []byte) (*Record, error) {
	r := &Record{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%.60q is no model: %w", text, err)
	}
	if r.BGNBD != nil {
		if err := positive(r.BGNBD.Names(), r.BGNBD.Numbers()); err != nil {
			return nil, fmt.Errorf("model %q: bgnbd: %w", r.Name, err)
		}
	}
	if r.GammaGamma != nil {
		if err := positive(r.GammaGamma.Names(), r.GammaGamma.Numbers()); err != nil {
			return nil, fmt.Errorf("model %q: gamma_gamma: %w", r.Name, err)
		}
	}
	return r, nil
}

func positive(names []string, numbers []float64) error {
	for i, v := range numbers {
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("%s is %v, and has to be above 0", names[i], v)
		}
	}
	return nil
}
