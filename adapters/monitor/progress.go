package monitor

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/nagare-stream/nagare/engine"
	"github.com/nagare-stream/nagare/engine/ledger"
)

// Progress is Spark's StreamingQueryProgress; a field that has no like here is left out. The records of topic
// pipeline-metrics are some of these: see Record.
type Progress struct {
	ID                     string            `json:"id"`    // of the project
	RunID                  string            `json:"runId"` // of this start
	Name                   string            `json:"name"`
	Timestamp              string            `json:"timestamp"`
	BatchID                uint64            `json:"batchId"`       // newest checkpoint
	BatchDuration          int64             `json:"batchDuration"` // ms, of the newest checkpoint
	NumInputRows           int64             `json:"numInputRows"`  // since the record before
	InputRowsPerSecond     float64           `json:"inputRowsPerSecond"`
	ProcessedRowsPerSecond float64           `json:"processedRowsPerSecond"`
	DurationMs             map[string]int64  `json:"durationMs"`
	EventTime              map[string]string `json:"eventTime"`
	StateOperators         []StateOperator   `json:"stateOperators"`
	Sources                []SourceProgress  `json:"sources"`
	Sink                   map[string]any    `json:"sink"`
}

// StateOperator is Spark's StateOperatorProgress: here one for each table with windows or a join of streams.
type StateOperator struct {
	OperatorName              string `json:"operatorName"`
	NumRowsTotal              int64  `json:"numRowsTotal"`
	NumRowsDroppedByWatermark int64  `json:"numRowsDroppedByWatermark"` // events, not groups
	MemoryUsedBytes           int64  `json:"memoryUsedBytes"`
}

// SourceProgress is Spark's: offsets by topic and partition.
type SourceProgress struct {
	Description            string  `json:"description"`
	StartOffset            Offsets `json:"startOffset,omitempty"`
	EndOffset              Offsets `json:"endOffset"`
	LatestOffset           Offsets `json:"latestOffset"`
	NumInputRows           int64   `json:"numInputRows"`
	InputRowsPerSecond     float64 `json:"inputRowsPerSecond"`
	ProcessedRowsPerSecond float64 `json:"processedRowsPerSecond"`
}

// Offsets is by topic and partition.
type Offsets map[string]map[string]int64

// Record is one record of topic pipeline-metrics: each second one for each table, source topic and sink, and one of
// the process. Numbers of rows are those since the record before of its kind and name.
type Record struct {
	Kind string `json:"kind"` // "table", "source", "sink", "process"
	Progress

	// Of kind table: what became of the rows that it read.
	NumCountedRows   *int64 `json:"numCountedRows,omitempty"`
	NumLateRows      *int64 `json:"numLateRows,omitempty"`
	NumFutureRows    *int64 `json:"numFutureRows,omitempty"`
	NumInvalidRows   *int64 `json:"numInvalidRows,omitempty"`
	NumDuplicateRows *int64 `json:"numDuplicateRows,omitempty"`
	NumFilteredRows  *int64 `json:"numFilteredRows,omitempty"`

	// Of kinds table and source: of the topics that are read.
	LagRecords *int64         `json:"lagRecords,omitempty"`
	LagSeconds *float64       `json:"lagSeconds,omitempty"` // of event time, of the partition with the most
	Partitions []PartitionLag `json:"partitions,omitempty"`

	// Of kind source.
	NewestRecord  string   `json:"newestRecord,omitempty"`  // when it came
	SilentSeconds *float64 `json:"silentSeconds,omitempty"` // since it came, or since the start of the process

	// Of kind sink: rows that it has taken since the record before, and how long they took since their records came.
	NumOutputRows  *int64   `json:"numOutputRows,omitempty"`
	LatencyP50Ms   *float64 `json:"latencyP50Ms,omitempty"` // left out where no row was measured
	LatencyP99Ms   *float64 `json:"latencyP99Ms,omitempty"`
	WaitingRows    *int64   `json:"waitingRows,omitempty"`
	WaitingSeconds *float64 `json:"waitingSeconds,omitempty"` // of the row that has waited longest

	// Of kind process.
	CheckpointSeconds *float64 `json:"checkpointSeconds,omitempty"` // of the one under way, else of the newest
	Health            []Health `json:"health,omitempty"`

	State  string `json:"state,omitempty"` // of kinds source, sink and process: its health
	Reason string `json:"reason,omitempty"`
}

// PartitionLag is how far one partition is behind.
type PartitionLag struct {
	Topic      string   `json:"topic"`
	Partition  int32    `json:"partition"`
	LagRecords int64    `json:"lagRecords"`
	LagSeconds *float64 `json:"lagSeconds"` // of event time; null where none is known
	Watermark  string   `json:"watermark,omitempty"`
}

// mostPartitions bounds the partitions of a topic that a record names: those that are behind most.
const mostPartitions = 100

// A reporter makes the records of a sample from it and the one before.
type reporter struct {
	project, instance string
	started           time.Time
	last              *Sample
}

// records are those of a sample, in an order that does not change.
func (r *reporter) records(s *Sample, health []Health) []Record {
	last := r.last
	r.last = s
	if last == nil {
		return nil // what came since cannot be told
	}
	c := comparison{r, last, s, max(s.At.Sub(last.At).Seconds(), 1e-3), healthByPart(health)}
	all := make([]Record, 0, len(s.Measures.Tables)+len(s.Sources)+len(s.Measures.Sinks)+1)
	for i := range s.Measures.Tables {
		all = append(all, c.table(&s.Measures.Tables[i]))
	}
	for _, src := range s.Sources {
		all = append(all, c.source(src))
	}
	for i := range s.Measures.Sinks {
		all = append(all, c.sink(&s.Measures.Sinks[i]))
	}
	return append(all, c.process(health))
}

// A comparison is of two samples.
type comparison struct {
	*reporter
	last, now *Sample
	seconds   float64
	health    map[string]Health
}

func (c *comparison) progress(kind, name string) Record {
	cp := c.now.Measures.Checkpoints
	rec := Record{Kind: kind, Progress: Progress{
		ID: c.project, RunID: c.instance, Name: name, Timestamp: stamp(c.now.At),
		BatchID: c.now.Measures.Epoch, BatchDuration: (cp.LastPause + cp.LastCommit) / 1000,
		DurationMs: Durations(cp), EventTime: map[string]string{}, StateOperators: []StateOperator{}, Sources: []SourceProgress{}, Sink: map[string]any{},
	}}
	return rec
}

// Durations is the phases of the newest checkpoint, ms: all of it, the commit, and how long the tasks stood still.
func Durations(c engine.CheckpointStatus) map[string]int64 {
	return map[string]int64{"triggerExecution": (c.LastPause + c.LastCommit) / 1000, "walCommit": c.LastCommit / 1000, "pause": c.LastPause / 1000}
}

// table is the record of a streaming table.
func (c *comparison) table(t *engine.TableMeasures) Record {
	rec := c.progress("table", t.Name)
	now, before := c.now.Measures.Ledger.Tables[t.Name], c.last.Measures.Ledger.Tables[t.Name]
	var n ledger.Count
	var topics []string
	for _, from := range slices.Sorted(maps.Keys(now)) {
		n.Add(since(now[from], before[from]))
		if _, reads := c.now.Measures.Ledger.Topics[from]; reads {
			topics = append(topics, from)
		}
	}
	rec.NumInputRows = n.Read
	rec.ProcessedRowsPerSecond = rate(n.Read, c.seconds)
	rec.NumCountedRows, rec.NumLateRows, rec.NumFutureRows = &n.Counted, &n.Late, &n.Future
	rec.NumInvalidRows, rec.NumDuplicateRows, rec.NumFilteredRows = &n.Invalid, &n.Duplicate, &n.Filtered
	if text := isoTime(t.Watermark); text != "" {
		rec.EventTime["watermark"] = text
	}
	if t.Windowed || t.Joined {
		rec.StateOperators = append(rec.StateOperators, StateOperator{t.Name, t.StateRows, n.Late, t.StateBytes})
	}
	var parts []engine.PartitionStatus
	for _, topic := range topics {
		src, of := c.offsets(topic)
		rec.Sources = append(rec.Sources, src)
		rec.InputRowsPerSecond += src.InputRowsPerSecond
		parts = append(parts, of...)
	}
	c.addLag(&rec, parts)
	rec.Sink["description"] = "table/" + t.Name
	return rec
}

// source is the record of a topic that is read.
func (c *comparison) source(src Source) Record {
	rec := c.progress("source", src.Topic)
	p, parts := c.offsets(src.Topic)
	rec.NumInputRows, rec.InputRowsPerSecond, rec.ProcessedRowsPerSecond = p.NumInputRows, p.InputRowsPerSecond, p.ProcessedRowsPerSecond
	rec.Sources = append(rec.Sources, p)
	c.addLag(&rec, parts)
	newest, low := int64(math.MinInt64), int64(math.MaxInt64)
	for _, part := range parts {
		newest, low = max(newest, part.EventTime), min(low, part.Watermark)
	}
	if text := isoTime(low); text != "" {
		rec.EventTime["watermark"] = text
	}
	if text := isoTime(newest); text != "" {
		rec.EventTime["max"] = text
	}
	if !src.Newest.IsZero() {
		rec.NewestRecord = stamp(src.Newest)
	}
	rec.SilentSeconds = rounded(c.now.silentSeconds(src, c.started), 1000)
	c.addHealth(&rec, sourcePart(src.Topic))
	return rec
}

// offsets compares the positions in a topic.
func (c *comparison) offsets(topic string) (SourceProgress, []engine.PartitionStatus) {
	p := SourceProgress{
		Description: Description(topic), NumInputRows: since(c.now.Measures.Ledger.Topics[topic], c.last.Measures.Ledger.Topics[topic]).Read,
		StartOffset: Offsets{topic: {}}, EndOffset: Offsets{topic: {}}, LatestOffset: Offsets{topic: {}},
	}
	parts := c.now.partitions(topic)
	before := map[int32]engine.PartitionStatus{}
	for _, b := range c.last.partitions(topic) {
		before[b.Partition] = b
	}
	arrived := int64(0)
	for _, part := range parts {
		arrived += max(0, part.End-before[part.Partition].End)
	}
	slices.SortStableFunc(parts, func(a, b engine.PartitionStatus) int { return cmp.Compare(b.Lag, a.Lag) })
	for _, part := range parts[:min(len(parts), mostPartitions)] {
		name := strconv.Itoa(int(part.Partition))
		p.StartOffset[topic][name] = min(before[part.Partition].Position, part.Position)
		p.EndOffset[topic][name] = part.Position
		p.LatestOffset[topic][name] = part.End
	}
	p.InputRowsPerSecond, p.ProcessedRowsPerSecond = rate(arrived, c.seconds), rate(p.NumInputRows, c.seconds)
	return p, parts
}

// Description is what Spark calls a topic that is read.
func Description(topic string) string { return "nagare[Subscribe[" + topic + "]]" }

// addLag adds how far the partitions of a record's topics are behind.
func (c *comparison) addLag(rec *Record, parts []engine.PartitionStatus) {
	if len(parts) == 0 {
		return
	}
	records, most := int64(0), math.NaN()
	for i := range parts {
		records += parts[i].Lag
		if s := c.now.lagSeconds(&parts[i]); math.IsNaN(most) || s > most {
			most = s
		}
	}
	rec.LagRecords, rec.LagSeconds = &records, known(most)
	for i := range parts[:min(len(parts), mostPartitions)] {
		p := &parts[i]
		rec.Partitions = append(rec.Partitions, PartitionLag{p.Topic, p.Partition, p.Lag, known(c.now.lagSeconds(p)), isoTime(p.Watermark)})
	}
	slices.SortStableFunc(rec.Partitions, func(a, b PartitionLag) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
}

// sink is the record of a sink.
func (c *comparison) sink(s *engine.SinkMeasures) Record {
	rec := c.progress("sink", s.Name)
	var before engine.SinkMeasures
	for i := range c.last.Measures.Sinks {
		if b := &c.last.Measures.Sinks[i]; b.Name == s.Name && b.Delivered <= s.Delivered {
			before = *b // else the pipeline was opened anew, and counts from 0
		}
	}
	rows := s.Delivered - before.Delivered
	took := s.Latency.Since(&before.Latency)
	rec.NumOutputRows, rec.WaitingRows = &rows, &s.Waiting
	if took.Count > 0 {
		rec.LatencyP50Ms, rec.LatencyP99Ms = rounded(1000*took.Quantile(0.5), 1000), rounded(1000*took.Quantile(0.99), 1000)
	}
	waits := 0.0
	if s.Oldest > 0 {
		waits = max(0, float64(c.now.At.UnixMicro()-s.Oldest)/1e6)
	}
	rec.WaitingSeconds = rounded(waits, 1000)
	rec.Sink["description"], rec.Sink["numOutputRows"] = c.now.Sinks[s.Name], rows
	c.addHealth(&rec, sinkPart(s.Name))
	return rec
}

// process is the record of the whole.
func (c *comparison) process(health []Health) Record {
	rec := c.progress("process", c.project)
	for _, src := range c.now.Sources {
		if IsOwn(src.Topic) {
			continue
		}
		p, _ := c.offsets(src.Topic)
		rec.NumInputRows += p.NumInputRows
		rec.InputRowsPerSecond += p.InputRowsPerSecond
		rec.ProcessedRowsPerSecond += p.ProcessedRowsPerSecond
	}
	if text := isoTime(c.now.Measures.Watermark); text != "" {
		rec.EventTime["watermark"] = text
	}
	cp := c.now.Measures.Checkpoints
	took := float64(cp.LastPause+cp.LastCommit) / 1e6
	if cp.Underway > 0 {
		took = max(0, float64(c.now.At.UnixMicro()-cp.Underway)/1e6)
	}
	rec.CheckpointSeconds, rec.Health = rounded(took, 1000), health
	worst := Worst(health)
	if rec.State = string(worst.State); rank(worst.State) > rank(KeepingUp) {
		rec.Reason = worst.Sentence()
	}
	return rec
}

func (c *comparison) addHealth(rec *Record, part string) {
	if h, ok := c.health[part]; ok {
		rec.State, rec.Reason = string(h.State), h.Reason
	}
}

// since is what was counted since an earlier moment. A pipeline that went back to its checkpoint counts what it
// reads again once it is past where it was.
func since(now, before ledger.Count) ledger.Count {
	return ledger.Count{
		Read: max(0, now.Read-before.Read), Counted: max(0, now.Counted-before.Counted), Late: max(0, now.Late-before.Late),
		Future: max(0, now.Future-before.Future), Invalid: max(0, now.Invalid-before.Invalid),
		Duplicate: max(0, now.Duplicate-before.Duplicate), Filtered: max(0, now.Filtered-before.Filtered),
	}
}

func rate(rows int64, seconds float64) float64 { return *rounded(float64(rows)/seconds, 100) }

// known is a number, nil for NaN.
func known(x float64) *float64 {
	if math.IsNaN(x) {
		return nil
	}
	return rounded(x, 1000)
}

// isoTime writes microseconds since 1970 as Spark's progress has times, "" for none or the end of time.
func isoTime(us int64) string {
	const year10000 = 253402300800_000_000
	if us == math.MinInt64 || us >= year10000 {
		return ""
	}
	return stamp(time.UnixMicro(us))
}

// text is a record as JSON.
func (rec *Record) text() []byte {
	text, err := json.Marshal(rec)
	if err != nil {
		panic("BUG: a record of " + PipelineMetrics + " is no JSON: " + err.Error())
	}
	return text
}
