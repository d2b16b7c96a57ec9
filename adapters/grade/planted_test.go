package grade

import (
	"testing"
	"time"

	"github.com/nagare-stream/nagare/adapters/generator"
	"github.com/nagare-stream/nagare/adapters/spark"
	"github.com/nagare-stream/nagare/engine/plan"
	"github.com/nagare-stream/nagare/pipelines"
)

// shipped is the purchase project.
func shipped(t *testing.T) plan.Input {
	t.Helper()
	fsys, err := pipelines.Open(pipelines.Default)
	if err != nil {
		t.Fatal(err)
	}
	read, problems := spark.Load(fsys, pipelines.Default)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return read.Input()
}

// TestShippedRuleFindsPlantedPurchases: precision and recall of the rule of unusual sales are at least 0.9.
func TestShippedRuleFindsPlantedPurchases(t *testing.T) {
	for _, every := range []int64{600, 6007} {
		p := Planted{Project: shipped(t), Rule: "unusual_sales", Seeds: 2, First: 1, Minutes: 120,
			Feed: generator.Config{Rate: 10, AnomalyEvery: every, Disorder: 5 * time.Second, Late: 0.01, Bad: 0.005, Duplicates: 0.005}}
		result, err := p.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		total := result.Total
		t.Logf("one of %d planted: %+v", every, total)
		if total.Planted < 16 || total.Precision < 0.9 || total.Recall < 0.9 {
			t.Errorf("one of %d planted: %+v: want a precision and a recall of 0.9", every, total)
		}
		if total.Events != 2*120*600 || total.Found+total.Missed != total.Planted {
			t.Errorf("one of %d planted: %+v does not add up", every, total)
		}
	}
}
