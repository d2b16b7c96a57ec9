package cli

import (
	"fmt"

	"github.com/nagare-stream/nagare/adapters/web"
)

// checkPipeline judges the state of the parts.
func checkPipeline(st web.StatusAnswer) []finding {
	e := st.Engine
	var list []finding
	switch {
	case !st.Info.Running && e.State == "failed":
		list = append(list, finding{bad, "the pipeline cannot go on: " + e.Reason, "`nagare run --apply` fills what changed from the topics, `nagare checkpoint reset` builds all tables anew; or take the project's changes back"})
	case e.State == "degraded" && len(st.Health) == 0:
		list = append(list, finding{doubt, "a part is in trouble: " + e.Reason, "see the message"})
	case !st.Info.Running && st.Info.Failed != "":
		list = append(list, finding{doubt, "the last run failed: " + st.Info.Failed, "see the message; `nagare run` goes on from the last checkpoint"})
	case !st.Info.Running:
	case e.State == "failed":
		list = append(list, finding{bad, "the pipeline has failed: " + e.Reason, "see the message; stop it and start it again: it goes on from its checkpoint"})
	default:
		list = append(list, finding{good, "the pipeline is " + e.State + " at http://" + st.Info.Address, ""})
	}
	if n := web.Imbalance(e.Ledger); n != 0 {
		list = append(list, finding{bad, fmt.Sprintf("the ledger does not add up by %s rows", grouped(n)), "this is a bug in nagare: please report it with the output of `nagare status -o json`"})
	} else {
		list = append(list, finding{good, "the ledger adds up: " + ledgerText(e), ""})
	}
	for _, x := range e.Ledger.Losses() {
		if x.Invalid+x.Future > 0 {
			list = append(list, finding{doubt, fmt.Sprintf("of %s rows that table %s read from %s, %s were invalid and %s future", grouped(x.Read), x.Table, x.Topic, grouped(x.Invalid), grouped(x.Future)),
				fmt.Sprintf("see why: nagare query 'SELECT verdict, reason, count(*) AS n FROM `%s$invalid` GROUP BY verdict, reason'", x.Topic)})
		}
	}
	for _, t := range e.Tables {
		if t.LateRows > 0 {
			list = append(list, finding{doubt, fmt.Sprintf("%s rows came too late for table %s", grouped(t.LateRows), t.Name),
				fmt.Sprintf("see them: nagare query 'SELECT * FROM `%s$late`'; a longer WATERMARK delay waits for them", t.Name)})
		}
	}
	for _, s := range e.Sinks {
		if s.Refused > 0 {
			who, fix := "sink "+s.Name, fmt.Sprintf("see sink.%s.from: a WHERE … IS NOT NULL leaves such rows out", s.Name)
			if s.Format == "webhook" {
				who, fix = "the receiver of webhook "+s.Name, fmt.Sprintf("see sink.%s.option.url and what it answers; the rows stay in what sink.%s.from names", s.Name, s.Name)
			}
			list = append(list, finding{doubt, fmt.Sprintf("%s refused %s rows: %s", who, grouped(s.Refused), s.Refusal), fix})
		}
	}
	if behind := lag(e); st.Info.Running && float64(behind) > 10*max(st.Rates.Processed, 1000) {
		list = append(list, finding{doubt, fmt.Sprintf("the pipeline is %s records behind", grouped(behind)), "wait: it reads at full speed; `nagare status` shows the rate"})
	}
	return list
}
