package port

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A setting is what Kafka 4.1 takes as the value of a topic's setting.
type setting struct {
	kind     settingKind
	min, max float64  // of numbers
	also     float64  // a number outside these that is taken, too; 0: none
	words    []string // that a word or a list may be of; nil: any
}

type settingKind int

const (
	settingInt settingKind = iota
	settingLong
	settingDouble
	settingBool
	settingWord
	settingList
)

func (k settingKind) String() string {
	return [...]string{"INT", "LONG", "DOUBLE", "BOOLEAN", "STRING", "LIST"}[k]
}

func intFrom(least float64) setting { return setting{kind: settingInt, min: least, max: math.MaxInt32} }
func longFrom(least float64) setting {
	return setting{kind: settingLong, min: least, max: math.MaxInt64}
}

// settings are those that topics of Kafka 4.1 have. This port heeds cleanup.policy, delete.retention.ms,
// max.message.bytes, message.timestamp.type, segment.bytes and segment.ms (retention.* only, each hour,
// where some topic is compacted); the others are
// kept and shown.
var settings = map[string]setting{
	"cleanup.policy":                          {kind: settingList, words: []string{"compact", "delete"}},
	"compression.gzip.level":                  {kind: settingInt, min: 1, max: 9, also: -1},
	"compression.lz4.level":                   {kind: settingInt, min: 1, max: 17},
	"compression.type":                        {kind: settingWord, words: []string{"uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"}},
	"compression.zstd.level":                  {kind: settingInt, min: -131072, max: 22},
	"delete.retention.ms":                     longFrom(0),
	"file.delete.delay.ms":                    longFrom(0),
	"flush.messages":                          longFrom(1),
	"flush.ms":                                longFrom(0),
	"follower.replication.throttled.replicas": {kind: settingList},
	"index.interval.bytes":                    intFrom(0),
	"leader.replication.throttled.replicas":   {kind: settingList},
	"local.retention.bytes":                   longFrom(-2),
	"local.retention.ms":                      longFrom(-2),
	"max.compaction.lag.ms":                   longFrom(1),
	"max.message.bytes":                       intFrom(0),
	"message.timestamp.after.max.ms":          longFrom(0),
	"message.timestamp.before.max.ms":         longFrom(0),
	"message.timestamp.type":                  {kind: settingWord, words: []string{createTime, logAppendTime}},
	"min.cleanable.dirty.ratio":               {kind: settingDouble, min: 0, max: 1},
	"min.compaction.lag.ms":                   longFrom(0),
	"min.insync.replicas":                     intFrom(1),
	"preallocate":                             {kind: settingBool},
	"remote.log.copy.disable":                 {kind: settingBool},
	"remote.log.delete.on.disable":            {kind: settingBool},
	"remote.storage.enable":                   {kind: settingBool},
	"retention.bytes":                         longFrom(math.MinInt64),
	"retention.ms":                            longFrom(-1),
	"segment.bytes":                           intFrom(1 << 20),
	"segment.index.bytes":                     intFrom(4),
	"segment.jitter.ms":                       longFrom(0),
	"segment.ms":                              longFrom(1),
	"unclean.leader.election.enable":          {kind: settingBool},
}

const noValue = "Null value not supported for : "

// checkSetting returns a topic's setting as it is kept, and what is wrong with it in Kafka's words, "" for
// nothing.
func checkSetting(name string, value *string) (*string, string) {
	s, ok := settings[name]
	switch {
	case !ok:
		return value, "Unknown topic config name: " + name
	case value == nil:
		return value, noValue + name
	}
	v := strings.TrimSpace(*value)
	fault := ""
	switch s.kind {
	case settingInt, settingLong, settingDouble:
		fault = s.checkNumber(v)
	case settingBool:
		v = strings.ToLower(v)
		if v != "true" && v != "false" {
			fault = "Expected value to be either true or false"
		} else if name == "remote.storage.enable" && v == "true" {
			return value, "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
		}
	case settingWord:
		fault = s.checkWord(v)
	case settingList:
		list := strings.Split(v, ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
			if fault == "" && v != "" {
				fault = s.checkWord(list[i])
			}
		}
		v = strings.Join(list, ",")
	}
	if fault != "" {
		return value, fmt.Sprintf("Invalid value %s for configuration %s: %s", strings.TrimSpace(*value), name, fault)
	}
	return &v, ""
}

func (s setting) checkWord(v string) string {
	if s.words == nil || slices.Contains(s.words, v) {
		return ""
	}
	return "String must be one of: " + strings.Join(s.words, ", ")
}

func (s setting) checkNumber(v string) string {
	var n float64
	var err error
	switch s.kind {
	case settingDouble:
		n, err = strconv.ParseFloat(v, 64)
	default:
		bits := 64
		if s.kind == settingInt {
			bits = 32
		}
		var i int64
		i, err = strconv.ParseInt(v, 10, bits)
		n = float64(i)
	}
	switch {
	case err != nil:
		return "Not a number of type " + s.kind.String()
	case s.also != 0 && n == s.also:
		return ""
	case s.also != 0 && (n < s.min || n > s.max):
		return fmt.Sprintf("Value must be between %g and %g or equal to %g", s.min, s.max, s.also)
	case n < s.min:
		return "Value must be at least " + strconv.FormatFloat(s.min, 'f', -1, 64)
	case n > s.max:
		return "Value must be no more than " + strconv.FormatFloat(s.max, 'f', -1, 64)
	}
	return ""
}
