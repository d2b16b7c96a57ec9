package plan

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"

	"github.com/nagare-stream/nagare/engine/sql"
)

// Places in a partition that stand for an offset, as Spark writes them in JSON.
const (
	offsetLatest   = -1
	offsetEarliest = -2
)

// A Start is where the partitions of a topic are read from when there is no checkpoint. The zero value
// is from the first record on.
type Start struct {
	Latest     bool
	Offsets    map[int32]int64 // by partition; -1 latest, -2 earliest. Others follow Latest
	Timestamp  int64           // µs; records appended then or later. 0: none
	Timestamps map[int32]int64 // by partition, µs
}

// The options that say where a source begins. Spark looks at the ones by time first.
const (
	optionOffsets      = "startingOffsets"
	optionTimestamp    = "startingTimestamp"
	optionByTimestamps = "startingOffsetsByTimestamp"
	optionDataLoss     = "failOnDataLoss"
)

// startOption reads one of the options above into a source's settings.
func (r *resolver) startOption(src *sourceSettings, option string, s Setting) {
	var err error
	switch option {
	case optionOffsets:
		switch strings.ToLower(strings.TrimSpace(s.Value)) {
		case "earliest":
		case "latest":
			src.latest = true
		default:
			src.offsets, err = numbersByPartition(s.Value)
		}
	case optionTimestamp:
		var ms int64
		if ms, err = strconv.ParseInt(s.Value, 10, 64); err != nil || ms < 0 {
			err = fmt.Errorf("it is no time")
		}
		src.timestamp = ms * millisecond
	case optionByTimestamps:
		src.timestamps, err = numbersByPartition(s.Value)
	case optionDataLoss:
		src.dataset.TolerateLoss, err = readNot(s.Value)
	default:
		return
	}
	if err != nil {
		r.fault(sql.Fault{Pos: s.Pos, Message: fmt.Sprintf("source %q has %s %q: %v", src.dataset.Name, option, s.Value, err), Hint: startHint(option)})
	}
}

func startHint(option string) string {
	switch option {
	case optionOffsets:
		return `expected earliest, latest, or offsets such as {"topic":{"0":23,"1":-2}}, where -2 is earliest and -1 latest`
	case optionTimestamp:
		return "expected milliseconds since 1970, such as 1770109200000"
	case optionByTimestamps:
		return `expected milliseconds since 1970 by partition, such as {"topic":{"0":1770109200000}}`
	}
	return "expected true or false"
}

// readNot reads a truth value and returns its contrary.
func readNot(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "true":
		return false, nil
	case "false":
		return true, nil
	}
	return false, fmt.Errorf("it is neither true nor false")
}

// numbersByPartition reads {"topic":{"0":23}}.
func numbersByPartition(text string) (map[string]map[int32]int64, error) {
	var raw map[string]map[string]int64
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		return nil, fmt.Errorf("it is no JSON of that form")
	}
	out := map[string]map[int32]int64{}
	for topic, parts := range raw {
		out[topic] = map[int32]int64{}
		for p, n := range parts {
			number, err := strconv.ParseInt(p, 10, 32)
			if err != nil || number < 0 {
				return nil, fmt.Errorf("partition %q is no number", p)
			}
			if n < offsetEarliest {
				return nil, fmt.Errorf("partition %s has %d", p, n)
			}
			out[topic][int32(number)] = n
		}
	}
	return out, nil
}

// finishStart gives each topic of a source its start, and refuses topics that the options name and the
// source does not read.
func (r *resolver) finishStart(s *sourceSettings) {
	d := s.dataset
	d.Starts = map[string]Start{}
	for _, t := range d.Topics {
		start := Start{Latest: s.latest, Offsets: s.offsets[t], Timestamp: s.timestamp}
		for p, ms := range s.timestamps[t] {
			if start.Timestamps == nil {
				start.Timestamps = map[int32]int64{}
			}
			start.Timestamps[p] = ms * millisecond
		}
		d.Starts[t] = start
		for _, def := range r.defs {
			other := def.dataset
			if had, ok := other.Starts[t]; ok && (!reflect.DeepEqual(had, start) || other.TolerateLoss != d.TolerateLoss) {
				r.fault(sql.Fault{Pos: d.Pos, Message: fmt.Sprintf("sources %q and %q read topic %q, which is read once for both, and differ in where they start or in %s", other.Name, d.Name, t, optionDataLoss),
					Hint: "give both the same options"})
			}
		}
	}
	for option, byTopic := range map[string]map[string]map[int32]int64{optionOffsets: s.offsets, optionByTimestamps: s.timestamps} {
		var strange []string
		for t := range byTopic {
			if !contains(d.Topics, t) {
				strange = append(strange, t)
			}
		}
		sort.Strings(strange)
		for _, t := range strange {
			r.fault(sql.Fault{Pos: d.Pos, Message: fmt.Sprintf("source %q has %s for topic %q, which it does not read", d.Name, option, t),
				Hint: didYouMean(t, d.Topics)})
		}
	}
}
