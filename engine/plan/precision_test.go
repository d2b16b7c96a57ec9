package plan

import "testing"

// TestPrecisionLoss: spark.sql.decimalOperations.allowPrecisionLoss decides types of DECIMALs, from the project's
// configuration, by SET for what follows in its file, and in queries over the project.
func TestPrecisionLoss(t *testing.T) {
	const key = "spark.sql.decimalOperations.allowPrecisionLoss"
	const product = "SELECT CAST(n AS DECIMAL(38,10)) * CAST(n AS DECIMAL(38,10)) AS x FROM "
	const lossy, kept = "decimal(38,6)", "decimal(38,20)"
	files := []File{
		{Path: "a.sql", Text: "CREATE STREAMING TABLE before AS " + product + "STREAM p;\nSET " + key + " = False;\n" +
			"CREATE STREAMING TABLE after AS " + product + "STREAM p;\nCREATE MATERIALIZED VIEW view AS " + product + "stored;\n" +
			"SET " + key + " = true;\nCREATE STREAMING TABLE again AS " + product + "STREAM p;"},
		{Path: "b.sql", Text: "CREATE STREAMING TABLE other AS " + product + "STREAM p;"},
		{Path: "prelude.sql", Text: prelude},
	}
	for set, want := range map[string]map[string]string{
		"":      {"before": lossy, "after": kept, "view": kept, "again": lossy, "other": lossy, "query": lossy},
		"true":  {"before": lossy, "after": kept, "view": kept, "again": lossy, "other": lossy, "query": lossy},
		"FALSE": {"before": kept, "after": kept, "view": kept, "again": lossy, "other": kept, "query": kept},
	} {
		in := Input{Name: "case", Files: files, Config: []Setting{
			{Key: "source.purchase_raw.format", Value: "kafka"}, {Key: "source.purchase_raw.option.subscribe", Value: "purchases"}}}
		if set != "" {
			in.Config = append(in.Config, Setting{Key: key, Value: set})
		}
		p, faults := Resolve(in)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got := map[string]string{}
		for _, d := range p.Datasets {
			if len(d.Flows) > 0 {
				got[d.Name] = d.Flows[0].Root.Columns()[0].Type.String()
			}
		}
		root, faults := BindQuery(p, product+"stored", nil)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		got["query"] = root.Columns()[0].Type.String()
		for name, typ := range want {
			if got[name] != typ {
				t.Errorf("configured %q: %s is %s, want %s", set, name, got[name], typ)
			}
		}
	}
}
