package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
	"github.com/nagare-stream/nagare/engine/sql"
	"github.com/nagare-stream/nagare/engine/window"
)

// Units of the settings, which are in microseconds.
const (
	millisecond = int64(1000)
	second      = 1000 * millisecond
	minute      = 60 * second
	hour        = 60 * minute
	day         = 24 * 60 * minute
)

// defaultDedupHorizon is how long the ids of records are remembered.
const defaultDedupHorizon = hour

// DefaultConfig is the settings of a project that names none.
func DefaultConfig() Config {
	return Config{
		FutureLimit:        5 * minute,
		IdleTimeout:        30 * second,
		CheckpointInterval: 10 * second,
		UpdateInterval:     100 * millisecond,
		CommitInterval:     20 * millisecond,
		StateMaxRows:       10_000_000,
		QueryTimeout:       5 * minute,
		TimeZone:           "UTC",
		Topics:             map[string]TopicConfig{},
		TableRetention:     map[string]int64{},
		RefusedBytes:       256 << 20,
		All:                map[string]string{},
	}
}

// The keys of nagare's own, those with a name in the middle in angle brackets.
const (
	keyFutureLimit = "nagare.watermark.futureLimit"
	keyIdleTimeout = "nagare.watermark.idleTimeout"
	keyCheckpoint  = "nagare.checkpoint.interval"
	keyCommit      = "nagare.commit.interval"
	keyUpdate      = "nagare.update.interval"
	keyMaxRows     = "nagare.state.maxRows"
	keyRefused     = "nagare.refused.maxBytes"
	keyMemory      = "nagare.query.memory"
	keyTimeout     = "nagare.query.timeout"
	keyTimeZone    = "spark.sql.session.timeZone"
	keyLoss        = "spark.sql.decimalOperations.allowPrecisionLoss"
	topicPrefix    = "nagare.topic."
	tablePrefix    = "nagare.table."
)

func ownKeys() []string {
	return []string{keyFutureLimit, keyIdleTimeout, keyCheckpoint, keyUpdate, keyCommit, keyMaxRows, keyRefused, keyMemory, keyTimeout,
		"nagare.topic.<name>.partitions", "nagare.topic.<name>.retention", "nagare.topic.<name>.key",
		"nagare.topic.<name>.dedup", "nagare.topic.<name>.dedupHorizon",
		"nagare.table.<name>.retention"}
}

// configure reads the configuration: settings, sources and sinks.
func (r *resolver) configure(settings []Setting) {
	r.pipe.Config = DefaultConfig()
	r.sinkSet, r.alertSet = map[string]*sinkSettings{}, map[string]alertSettings{}
	seen := map[string]bool{}
	var sources []*sourceSettings
	for _, s := range settings {
		if seen[s.Key] {
			r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("key %q stands twice in the configuration", s.Key)})
			continue
		}
		seen[s.Key] = true
		r.pipe.Config.All[s.Key] = s.Value
		switch {
		case strings.HasPrefix(s.Key, "source."):
			sources = r.sourceSetting(sources, s)
		case strings.HasPrefix(s.Key, "sink."):
			r.sinkSetting(s)
		case strings.HasPrefix(s.Key, alertPrefix):
			r.alertSetting(s)
		case strings.HasPrefix(s.Key, pagePrefix):
			r.pageSetting(s)
		default:
			r.setting(s)
		}
	}
	r.finishDedup(settings)
	for _, s := range sources {
		r.finishSource(s)
	}
	for _, s := range r.pipe.Sinks {
		r.finishSink(s)
	}
	for _, a := range r.pipe.Alerts {
		r.finishAlert(a)
	}
	r.finishWebhooks()
	r.checkTopicNames(settings, sources)
}

// setting takes one key that is no source's and no sink's. Keys of others mean nothing here, and of Spark's those
// that change no results.
func (r *resolver) setting(s Setting) {
	c := &r.pipe.Config
	switch {
	case s.Key == keyFutureLimit:
		r.duration(s, &c.FutureLimit)
	case s.Key == keyIdleTimeout:
		r.duration(s, &c.IdleTimeout)
	case s.Key == keyCheckpoint:
		r.duration(s, &c.CheckpointInterval)
	case s.Key == keyCommit:
		r.duration(s, &c.CommitInterval)
	case s.Key == keyUpdate:
		r.duration(s, &c.UpdateInterval)
	case s.Key == keyMaxRows:
		if n, ok := r.number(s, 1, 1<<40); ok {
			c.StateMaxRows = n
		}
	case s.Key == keyRefused:
		if n, ok := r.number(s, 0, 1<<50); ok {
			c.RefusedBytes = n
		}
	case s.Key == keyMemory:
		r.bytes(s, leastQueryMemory, &c.QueryMemory)
	case s.Key == keyTimeout:
		r.duration(s, &c.QueryTimeout)
	case s.Key == keyTimeZone:
		if r.zoneOf(s.Value) == nil {
			r.fault(badZone(s.Pos, s.Value))
			return
		}
		c.TimeZone = s.Value
	case s.Key == keyLoss:
		r.precisionLoss(s, &c.KeepScale)
	case strings.HasPrefix(s.Key, topicPrefix):
		r.topicSetting(s)
	case strings.HasPrefix(s.Key, tablePrefix):
		r.tableSetting(s)
	case strings.HasPrefix(s.Key, "nagare."):
		r.unknownKey(s)
	default:
		r.sparkSetting(s)
		r.nearlyOwn(s)
	}
}

func (r *resolver) unknownKey(s Setting) {
	hint := didYouMean(s.Key, ownKeys())
	if hint == "" {
		hint = "keys of nagare are " + strings.Join(ownKeys(), ", ")
	}
	r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("there is no setting %q", s.Key), Hint: hint})
}

// nearlyOwn catches prefixes with a letter wrong: Spark takes any key, so nobody else would.
func (r *resolver) nearlyOwn(s Setting) {
	head, rest, found := strings.Cut(s.Key, ".")
	if !found {
		return
	}
	if near := sql.Nearest(head, []string{"nagare", "source", "sink"}); near != "" && !strings.EqualFold(head, "spark") {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("key %q means nothing", s.Key), Hint: fmt.Sprintf("did you mean %q?", near+"."+rest)})
	}
}

// topicSetting takes nagare.topic.<name>.<field>; the name may hold points.
func (r *resolver) topicSetting(s Setting) {
	name, field, ok := cutLast(s.Key[len(topicPrefix):])
	t := r.pipe.Config.Topics[name]
	switch {
	case ok && field == "partitions":
		n, ok := r.number(s, 1, 10_000)
		if !ok {
			return
		}
		t.Partitions = int(n)
	case ok && field == "retention":
		if !r.duration(s, &t.Retention) {
			return
		}
	case ok && field == "key":
		t.Key = s.Value
	case ok && field == "dedup":
		if t.Dedup = strings.TrimSpace(s.Value); t.Dedup == "" {
			r.fault(sql.Fault{Pos: s.Pos, Message: s.Key + " names no field", Hint: "write the field of the JSON value that names an event, as in dedup: event_id"})
			return
		}
	case ok && field == "dedupHorizon":
		if !r.duration(s, &t.DedupHorizon) {
			return
		}
		if t.DedupHorizon == 0 {
			r.fault(sql.Fault{Pos: s.Pos, Message: s.Key + " is no time at all", Hint: "write for how long the ids of records are to be remembered: \"1 hour\""})
			return
		}
	default:
		r.unknownField(s, topicPrefix+name+".", field, []string{"partitions", "retention", "key", "dedup", "dedupHorizon"})
		return
	}
	r.pipe.Config.Topics[name] = t
}

func (r *resolver) tableSetting(s Setting) {
	name, field, ok := cutLast(s.Key[len(tablePrefix):])
	if !ok || field != "retention" {
		r.unknownField(s, tablePrefix+name+".", field, []string{"retention"})
		return
	}
	var d int64
	if r.duration(s, &d) {
		r.pipe.Config.TableRetention[name] = d
	}
}

// checkTableKeys finds settings of tables that do not exist.
func (r *resolver) checkTableKeys() {
	for _, s := range r.settings {
		name, _, ok := cutLast(strings.TrimPrefix(s.Key, tablePrefix))
		if !strings.HasPrefix(s.Key, tablePrefix) || !ok {
			continue
		}
		if d := r.byName[name]; d == nil || d.dataset.Kind != StreamingTable && d.dataset.Kind != MaterializedView {
			tables := r.names(StreamingTable, MaterializedView)
			f := r.noDataset(name, s.Pos, tables)
			f.Class, f.Message = "", fmt.Sprintf("%s is a setting of %q, and there is no such table", s.Key, name)
			r.fault(f)
		}
	}
}

func (r *resolver) unknownField(s Setting, prefix, field string, fields []string) {
	hint := didYouMean(field, fields)
	if hint == "" {
		hint = "expected " + expected(fields)
	} else {
		r.meant = append(r.meant, strings.TrimSuffix(prefix, ".")+"."+sql.Nearest(field, fields))
	}
	r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%q is no setting of %s", field, strings.TrimSuffix(prefix, ".")), Hint: hint})
}

// unknownOption is unknownField for options, among which Kafka's clients have many: a name that is
// right but for a "consumer." or "producer." in it is the usual slip.
func (r *resolver) unknownOption(s Setting, prefix, option string, known []string) {
	kind, _, _ := strings.Cut(prefix, ".")
	if hint, ok := sparkOwn(kind)[option]; ok {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s.%s: Spark, too, refuses this setting of Kafka's clients", prefix, option), Hint: hint})
		return
	}
	for _, word := range []string{"kafka.consumer.", "kafka.producer."} {
		if rest, ok := strings.CutPrefix(option, word); ok && contains(known, "kafka."+rest) {
			r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%q is no setting of %s", option, prefix), Hint: fmt.Sprintf("did you mean %q?", "kafka."+rest)})
			return
		}
	}
	r.unknownField(s, prefix+".", option, known)
}

func cutLast(s string) (head, tail string, ok bool) {
	i := strings.LastIndexByte(s, '.')
	if i <= 0 || i == len(s)-1 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// duration reads "5 minutes" into dst, which keeps its value at a fault.
func (r *resolver) duration(s Setting, dst *int64) bool {
	d, _, err := window.ParseDuration(s.Value)
	if err == nil && d < 0 {
		err = fmt.Errorf("it is negative")
	}
	if err != nil {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s is %q, which is no duration: %s", s.Key, s.Value, firstLine(err)),
			Hint: `write a number and a unit: "10 seconds", "5 minutes", "7 days"`})
		return false
	}
	*dst = min(d, mostDuration)
	return true
}

// mostDuration is 290 years: nanoseconds of more do not fit into 64 bits.
const mostDuration = 290 * 365 * day

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (r *resolver) number(s Setting, least, most int64) (int64, bool) {
	n, err := strconv.ParseInt(s.Value, 10, 64)
	if err != nil || n < least || n > most {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("%s is %q, and it is a whole number from %d to %d", s.Key, s.Value, least, most)})
		return 0, false
	}
	return n, true
}

// precisionLoss reads whether DECIMALs may give up digits behind the point for those before it.
func (r *resolver) precisionLoss(s Setting, keepScale *bool) {
	switch allowed := strings.ToLower(strings.TrimSpace(s.Value)); allowed {
	case "true", "false":
		*keepScale = allowed == "false"
	default:
		r.fault(sql.Fault{Pos: s.Pos, Class: "INVALID_CONF_VALUE.TYPE_MISMATCH",
			Message: fmt.Sprintf("%s is %q, and it can be true or false", s.Key, s.Value)})
	}
}

// set is SET key = value in a file, which holds for what follows there.
func (r *resolver) set(s *sql.Set, now *session) {
	key := s.Prop.Key
	setting := Setting{Key: key, Value: s.Prop.Value, Pos: s.Pos}
	switch {
	case key == keyTimeZone:
		switch zone := r.zoneOf(s.Prop.Value); {
		case zone == nil:
			r.fault(badZone(s.Pos, s.Prop.Value))
		case zone.String() != now.zone.String():
			r.fault(*notYet(s.Pos, "a time zone for one file, other than the project's "+r.pipe.Config.TimeZone+","))
		}
	case key == keyLoss:
		r.precisionLoss(setting, &now.keepScale)
	case strings.HasPrefix(key, "source."), strings.HasPrefix(key, "sink."), strings.HasPrefix(key, "nagare."):
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("SET %s comes too late to mean anything", key),
			Hint: "write the key under configuration: in spark-pipeline.yml"})
	default:
		r.sparkSetting(setting)
		r.nearlyOwn(setting)
	}
}

func badZone(pos sql.Pos, name string) sql.Fault {
	return sql.Fault{Pos: pos, Class: "INVALID_CONF_VALUE.TIME_ZONE", Message: fmt.Sprintf("there is no time zone %q", name),
		Hint: "write UTC, an offset like +09:00, or a name like Asia/Tokyo"}
}

func (r *resolver) zone(name string) *time.Location {
	if z := r.zoneOf(name); z != nil {
		return z
	}
	return time.UTC
}

// zoneOf reads a zone as Spark writes it: a name or an offset; nil: there is none such.
func (r *resolver) zoneOf(name string) *time.Location {
	if z, ok := codec.ParseZone(name); ok {
		return z
	}
	return nil
}

// finishDedup fills in what belongs to nagare.topic.<name>.dedup.
func (r *resolver) finishDedup(settings []Setting) {
	for _, s := range settings {
		name, field, _ := cutLast(strings.TrimPrefix(s.Key, topicPrefix))
		t := r.pipe.Config.Topics[name]
		if strings.HasPrefix(s.Key, topicPrefix) && field == "dedupHorizon" && t.Dedup == "" {
			r.fault(sql.Fault{Pos: s.Pos, Message: s.Key + " means nothing without " + topicPrefix + name + ".dedup",
				Hint: "name the field whose second value is a duplicate, as in dedup: event_id"})
		}
	}
	for name, t := range r.pipe.Config.Topics {
		if t.Dedup == "" {
			continue
		}
		if t.DedupHorizon == 0 {
			t.DedupHorizon = defaultDedupHorizon
		}
		if t.Key == "" {
			t.Key = t.Dedup // duplicates are looked for within a partition: those without a key go to the same one
		}
		r.pipe.Config.Topics[name] = t
	}
}
