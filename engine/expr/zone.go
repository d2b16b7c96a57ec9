package expr

import (
	"time"

	"github.com/nagare-stream/nagare/engine/codec"
)

// localTime turns instants into local times of a zone. It remembers the span in which the zone's
// offset last found holds, so that events close in time need no search in the zone's table.
type localTime struct {
	zone     *time.Location // nil: UTC
	from, to int64          // seconds; the offset holds for from <= second < to
	offset   int64          // microseconds
}

func newLocalTime(zone *time.Location) *localTime {
	if zone == time.UTC {
		zone = nil
	}
	return &localTime{zone: zone}
}

// of returns the local time of an instant, both in microseconds.
func (l *localTime) of(micros int64) int64 {
	if l.zone == nil {
		return micros
	}
	second := codec.FloorDiv(micros, codec.MicrosPerSecond)
	if second < l.from || second >= l.to {
		l.find(second)
	}
	return micros + l.offset
}

func (l *localTime) find(second int64) {
	t := time.Unix(second, 0).In(l.zone)
	start, end := t.ZoneBounds()
	l.from, l.to = second, second+1
	if !start.IsZero() {
		l.from = start.Unix()
	}
	if !end.IsZero() {
		l.to = end.Unix()
	}
	_, offset := t.Zone()
	l.offset = int64(offset) * codec.MicrosPerSecond
}
