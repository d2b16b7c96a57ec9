package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/process"

	"github.com/nagare-stream/nagare/adapters/monitor"
	"github.com/nagare-stream/nagare/adapters/notify"
	"github.com/nagare-stream/nagare/adapters/web"
	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/plan"
)

// patientMonitor is what the process tells of machine and sinks; nil where it does not, as one of an older version.
func patientMonitor(ctx context.Context, t *target) *web.MonitorAnswer {
	m, err := get[web.MonitorAnswer](ctx, t.client, "/api/monitor")
	if err != nil {
		return nil
	}
	return &m
}

// slowAnswer is a long time for an answer.
const slowAnswer = time.Second

// checkServer judges the process that runs.
func (a *app) checkServer(ctx context.Context, t *target, st web.StatusAnswer, took time.Duration) []finding {
	i := st.Info
	text := fmt.Sprintf("process %d (nagare %s) answers at http://%s since %s", i.PID, i.Version, i.Address, i.Started.UTC().Format(time.RFC3339))
	list := []finding{{good, text, ""}}
	if took > slowAnswer {
		list[0] = finding{doubt, text + fmt.Sprintf(", and took %.1f s for it", took.Seconds()), "see with `nagare top` what it is busy with"}
	}
	if i.Version != a.version {
		list = append(list, finding{doubt, fmt.Sprintf("this command is nagare %s, the process is nagare %s", a.version, i.Version), "stop it and start it with this version, or use that one's command: it goes on from its checkpoint"})
	}
	if resp, err := t.send(ctx, http.MethodGet, "/-/ready", nil, nil); err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			list = append(list, finding{doubt, "the process is not ready yet", "wait; `nagare top` shows how it comes up"})
		}
	}
	if p, err := process.NewProcessWithContext(ctx, int32(i.PID)); err == nil {
		if created, err := p.CreateTimeWithContext(ctx); err == nil {
			list = append(list, checkJump(i.Started, time.UnixMilli(created))...)
		}
	}
	return list
}

// jumpLimit is by how much the clock may have moved since a process started.
const jumpLimit = 5 * time.Second

// checkJump compares when a process says that it started, by the clock of then, with when that was by the clock of now:
// the system counts from its boot, which does not move with the clock.
func checkJump(said, counted time.Time) []finding {
	d := counted.Sub(said)
	if d.Abs() <= jumpLimit {
		return nil
	}
	way := "forward"
	if d < 0 {
		way = "back"
	}
	return []finding{{doubt, fmt.Sprintf("the clock was set %s by %v while the process ran", way, d.Abs().Round(time.Second)),
		"let a time service keep it (timedatectl set-ntp true); records that came meanwhile carry the times of the clock of then"}}
}

// What a newest record may be ahead of the clock: a little comes of clocks that differ.
const (
	aheadDoubt = 2 * time.Second
	aheadBad   = time.Minute
)

// checkAhead judges the append time of a topic's newest record by the clock.
func checkAhead(topic string, newest, now time.Time) []finding {
	ahead := newest.Sub(now)
	if ahead < aheadDoubt {
		return nil
	}
	f := finding{doubt, fmt.Sprintf("the newest record of topic %s came at %s by the clock of then, %v ahead of the clock now", topic, newest.UTC().Format(time.RFC3339), ahead.Round(time.Second)),
		"the clock was set back, or was wrong then: set it (timedatectl set-ntp true); until it gets there, retention and lateness are judged by a wrong time"}
	if ahead >= aheadBad {
		f.Mark = bad
	}
	return []finding{f}
}

// checkTopics reads the newest record of each topic, and compares the topics with the clock and the project.
func (a *app) checkTopics(ctx context.Context, t *target, st web.StatusAnswer) []finding {
	topics, err := get[[]web.Topic](ctx, t.client, "/api/topics")
	if err != nil {
		return []finding{{bad, "the topics cannot be listed: " + err.Error(), "see the message; `nagare topics repair` looks for damage while nothing runs"}}
	}
	var list []finding
	records, dated := int64(0), 0
	settings := settingsOf(st)
	for i := range topics {
		records += topics[i].Records
		found, isDated := checkTopic(ctx, t, topics[i].Name, topics[i].Records)
		if isDated {
			dated++
		}
		if c, ok := settings[topics[i].Name]; ok {
			found = append(found, checkSettings(&topics[i], c, st.Info.Running)...)
		}
		list = append(list, found...)
	}
	if len(list) == 0 {
		text := fmt.Sprintf("%s can be read to the newest of %s records", plural(len(topics), "topic"), grouped(records))
		if dated > 0 {
			text += fmt.Sprintf("; of %d that tell when it came none is ahead of the clock", dated)
		}
		list = append(list, finding{good, text, ""})
	}
	for _, p := range st.Engine.Partitions {
		if p.Lost > 0 {
			list = append(list, finding{doubt, fmt.Sprintf("%s records of topic %s, partition %d, were gone before they were read", grouped(p.Lost), p.Topic, p.Partition),
				"give the topic a longer retention, or run the pipeline more often: nagare.topic." + p.Topic + ".retention"})
		}
	}
	return append(list, checkUse(st.Info.Data, topics))
}

// checkTopic reads a topic's newest record. Topics of a Kafka cluster do not tell when it came: they are not dated.
func checkTopic(ctx context.Context, t *target, name string, records int64) (found []finding, dated bool) {
	d, err := get[web.Topic](ctx, t.client, topicPath(name))
	if err == nil && records > 0 {
		err = t.rows(ctx, tablePath(name), values("limit", "1", "format", formLines), io.Discard)
	}
	if err != nil {
		return []finding{{bad, fmt.Sprintf("topic %s cannot be read: %v", name, err), "stop the pipeline and run `nagare topics repair`: it keeps a copy of what is damaged, and counts what is lost"}}, false
	}
	newest := time.Time{}
	for _, p := range d.Parts {
		if p.LastAppend.After(newest) {
			newest = p.LastAppend
		}
	}
	return checkAhead(name, newest, time.Now()), !newest.IsZero()
}

// settingsOf is what the project, as it is now, says of topics.
func settingsOf(st web.StatusAnswer) map[string]plan.TopicConfig {
	p, err := loadProject(cmp.Or(st.Info.Path, st.Info.Project))
	if err != nil || p.pipeline == nil {
		return nil
	}
	return p.pipeline.Config.Topics
}

// checkSettings compares a topic with what the project says of it.
func checkSettings(t *web.Topic, want plan.TopicConfig, runs bool) []finding {
	apply := "start the pipeline: it gives the topic what the project says"
	if runs {
		apply = "stop the pipeline and start it again: it gives the topic what the project says"
	}
	var list []finding
	setting := "nagare.topic." + t.Name
	switch {
	case want.Partitions > t.Partitions:
		list = append(list, finding{doubt, fmt.Sprintf("topic %s has %d partitions, and %s.partitions is %d", t.Name, t.Partitions, setting, want.Partitions),
			apply + fmt.Sprintf("; or `nagare topics alter %s --partitions %d`", t.Name, want.Partitions)})
	case want.Partitions > 0 && want.Partitions < t.Partitions:
		list = append(list, finding{doubt, fmt.Sprintf("topic %s has %d partitions, and %s.partitions is %d", t.Name, t.Partitions, setting, want.Partitions),
			fmt.Sprintf("a topic cannot have fewer than it has: set %s.partitions to %d", setting, t.Partitions)})
	}
	keep := time.Duration(want.Retention) * time.Microsecond
	if has, _ := time.ParseDuration(cmp.Or(t.Retention, "0s")); keep > 0 && keep != has {
		is := "for ever"
		if has > 0 {
			is = "for " + has.String()
		}
		list = append(list, finding{doubt, fmt.Sprintf("topic %s keeps its records %s, and %s.retention is %v", t.Name, is, setting, keep), apply})
	}
	return list
}

// mostUsers is how many of those that fill the folder are named.
const mostUsers = 4

// checkUse says who fills the data folder.
func checkUse(data string, topics []web.Topic) finding {
	total, by := folderUse(data)
	users := map[string]int64{}
	for name, n := range by {
		if name != "broker" && name != "kafka" {
			users[name] = n
		}
	}
	biggest := ""
	for _, t := range topics {
		if t.Bytes > 0 {
			users["topic "+t.Name] = t.Bytes
		}
		if t.Role != "metrics" && !strings.Contains(t.Name, "$") && t.Bytes > 0 && t.Retention == "" && (biggest == "" || t.Bytes > users["topic "+biggest]) {
			biggest = t.Name
		}
	}
	names := slices.SortedFunc(maps.Keys(users), func(a, b string) int {
		return cmp.Or(cmp.Compare(users[b], users[a]), strings.Compare(a, b))
	})
	var parts []string
	for _, name := range names[:min(mostUsers, len(names))] {
		parts = append(parts, fmt.Sprintf("%s %s", name, megabytes(users[name])))
	}
	f := finding{good, fmt.Sprintf("the data folder takes %s: %s", megabytes(total), strings.Join(parts, ", ")), ""}
	if space := checkSpace(data); space.Mark != good && biggest != "" {
		f.Mark, f.Fix = doubt, fmt.Sprintf("topic %s keeps its records for ever: set nagare.topic.%s.retention", biggest, biggest)
	}
	return f
}

func megabytes(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	}
	return grouped(n>>20) + " MB"
}

// checkParts judges the health of the parts; those that are well are one line, but for sinks.
func checkParts(st web.StatusAnswer, m *web.MonitorAnswer) []finding {
	var list []finding
	waiting := map[string]int64{}
	if m != nil {
		for _, s := range m.Sinks {
			waiting[s.Name] = s.Waiting
		}
	}
	well := 0
	for _, h := range st.Health {
		sink, isSink := strings.CutPrefix(h.Part, "sink/")
		switch {
		case h.State == monitor.Stuck || h.State == monitor.Failed:
			list = append(list, finding{bad, h.Sentence() + sinceText(h), partFix(h.Part, st)})
		case h.IsTrouble():
			list = append(list, finding{doubt, h.Sentence() + sinceText(h), partFix(h.Part, st)})
		case isSink && h.State != monitor.Idle && h.State != monitor.KeepingUp:
			list = append(list, finding{doubt, h.Sentence() + sinceText(h), "wait: it comes up, and its rows wait for it meanwhile"})
		case isSink:
			list = append(list, finding{good, fmt.Sprintf("sink %s: %s, %s rows wait", sink, h.State, grouped(waiting[sink])), ""})
		default:
			well++
		}
	}
	if well > 0 {
		list = append(list, finding{good, fmt.Sprintf("%s keep up or are idle", plural(well, "part")), ""})
	}
	if m != nil && m.Dropped > 0 {
		list = append(list, finding{doubt, fmt.Sprintf("%s records of topics %s and %s were let go, because those could not be written", grouped(m.Dropped), monitor.SystemMetrics, monitor.PipelineMetrics),
			"see what was wrong with the broker then; alerts over these topics have gaps"})
	}
	if !st.Info.Running && st.Engine.OutboxRows > 0 {
		list = append(list, finding{doubt, fmt.Sprintf("%s rows wait for their sinks", grouped(st.Engine.OutboxRows)), "`nagare run` delivers them"})
	}
	return list
}

func sinceText(h monitor.Health) string {
	if h.Since.IsZero() || strings.Contains(h.Reason, "since ") {
		return ""
	}
	return ", since " + h.Since.UTC().Format("15:04:05Z")
}

// partFix is what helps a part in trouble.
func partFix(part string, st web.StatusAnswer) string {
	kind, name, _ := strings.Cut(part, "/")
	switch kind {
	case "source":
		return fmt.Sprintf("see with `nagare top` whether it gets better; more partitions are read at once (`nagare topics alter %s --partitions N`); a sink that takes no rows holds it up too", name)
	case "sink":
		return fmt.Sprintf("look at sink.%s and what it writes to; its rows are kept and delivered in their order once it answers", name)
	case "checkpoint":
		return "look at the disk of " + st.Info.Data + ": another one, or less that writes to it"
	case "broker", "disk":
		return "free some space on the disk of " + st.Info.Data + ", or give topics a retention: nagare.topic.<name>.retention; intake goes on by itself"
	case "kafka":
		return "see that the cluster answers: what was read is kept, and the pipeline goes on by itself"
	case "generator":
		return "give it less to do: --generator N"
	case "queries":
		return "end long queries, or raise nagare.query.memory"
	case "monitor":
		return "see the message; the pipeline does not depend on it, alerts over the process's own topics do"
	}
	return "see the message"
}

// silentRule is how far a rule may be behind the newest event before that is told.
const silentRule = 5 * time.Minute

// checkAlerts judges the alert rules.
func (a *app) checkAlerts(ctx context.Context, t *target, st web.StatusAnswer) []finding {
	answer, err := get[web.AlertsAnswer](ctx, t.client, "/api/alerts")
	if err != nil {
		return []finding{{bad, "the alert rules cannot be asked: " + err.Error(), "see the message"}}
	}
	var pipeline *plan.Pipeline
	if p, err := loadProject(cmp.Or(st.Info.Path, st.Info.Project)); err == nil && len(p.faults) == 0 {
		pipeline = p.pipeline
	}
	var list []finding
	firing := 0
	for i := range answer.Alerts {
		for _, c := range answer.Alerts[i].Incidents {
			if c.State == "firing" {
				firing++
			}
		}
		list = append(list, checkAlert(&answer.Alerts[i], pipeline, st)...)
	}
	for _, r := range st.Webhooks {
		list = append(list, checkWebhook(r))
	}
	if n := len(answer.Alerts); n > 0 && len(list) == len(st.Webhooks) {
		list = append(list, finding{good, fmt.Sprintf("%s looked at, %d firing (`nagare alerts list`)", plural(n, "alert rule"), firing), ""})
	}
	return list
}

// checkWebhook judges a webhook that is told of alerts.
func checkWebhook(r notify.ReceiverReport) finding {
	text := fmt.Sprintf("webhook %s at %s: %s, %s changes told", r.Name, r.Place, r.State, grouped(r.Delivered))
	if n := r.Waiting + r.Unread; n > 0 {
		text += fmt.Sprintf(", %s wait", grouped(n))
	}
	see := fmt.Sprintf("see sink.%s.option.url and what it answers", r.Name)
	switch {
	case !r.Since.IsZero():
		return finding{doubt, text + fmt.Sprintf("; since %s: %s", r.Since.UTC().Format("15:04:05Z"), r.LastError), see + "; what is not told waits for it"}
	case r.Refused > 0:
		return finding{doubt, text + fmt.Sprintf("; it refused %s: %s", grouped(r.Refused), r.LastError), see + "; what it refused is not sent again, and stays in topic system-alerts"}
	case r.Lost > 0:
		return finding{doubt, text + fmt.Sprintf("; %s were gone before they were told", grouped(r.Lost)), "give topic system-alerts a longer retention: nagare.topic.system-alerts.retention"}
	}
	return finding{good, text, ""}
}

func checkAlert(s *engine.AlertStatus, p *plan.Pipeline, st web.StatusAnswer) []finding {
	var list []finding
	name := s.Rule.Name
	if s.Overflow > 0 {
		list = append(list, finding{doubt, fmt.Sprintf("alert %s: %s breaches found as many incidents open as there may be, and made none", name, grouped(s.Overflow)),
			fmt.Sprintf("give it a key with fewer values: alert.%s.key", name)})
	}
	newest, holder := int64(math.MinInt64), (*engine.PartitionStatus)(nil)
	topics := topicsUnder(p, s.Rule.From)
	for i := range st.Engine.Partitions {
		part := &st.Engine.Partitions[i]
		if topics != nil && !topics[part.Topic] {
			continue
		}
		newest = max(newest, part.EventTime)
		if !part.Idle && (holder == nil || part.Watermark < holder.Watermark) {
			holder = part
		}
	}
	if newest == math.MinInt64 || s.Watermark != math.MinInt64 && newest-s.Watermark <= silentRule.Microseconds() {
		return list
	}
	text := fmt.Sprintf("alert %s has never been looked at: its watermark does not move", name)
	if s.Watermark != math.MinInt64 {
		text = fmt.Sprintf("alert %s is looked at only up to %s, %v behind the newest event", name, clock(s.Watermark), (time.Duration(newest-s.Watermark) * time.Microsecond).Round(time.Second))
	}
	fix := fmt.Sprintf("the windows of %s are longer than that, or its WATERMARK delay is", s.Rule.From)
	if holder != nil && (holder.Watermark == math.MinInt64 || newest-holder.Watermark > silentRule.Microseconds()) {
		text += fmt.Sprintf("; topic %s, partition %d, holds it", holder.Topic, holder.Partition)
		fix = "see that this partition gets records; one that gets none lets the others go on after nagare.watermark.idleTimeout"
	}
	return append(list, finding{doubt, text, fix})
}

// topicsUnder is the topics of which a table or view is made; nil where that is not known.
func topicsUnder(p *plan.Pipeline, name string) map[string]bool {
	if p == nil || p.Dataset(name) == nil {
		return nil
	}
	topics, seen := map[string]bool{}, map[*plan.Dataset]bool{}
	var look func(d *plan.Dataset)
	var walk func(n plan.Node)
	walk = func(n plan.Node) {
		if scan, ok := n.(*plan.Scan); ok {
			look(scan.Dataset)
		}
		for _, in := range n.Inputs() {
			walk(in)
		}
	}
	look = func(d *plan.Dataset) {
		if seen[d] {
			return
		}
		seen[d] = true
		for _, topic := range d.Topics {
			topics[topic] = true
		}
		for _, f := range d.Flows {
			walk(f.Root)
		}
	}
	look(p.Dataset(name))
	return topics
}
