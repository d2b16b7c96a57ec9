package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/nagare-stream/nagare/node"
)

// An Event is a record to be published, with more than its value.
type Event struct {
	Key       any       // a string or []byte; nil: the field that the project names as the topic's key
	Value     any       // a string or []byte as it is, anything else as JSON; nil: NULL
	Time      time.Time // append time, not event time; zero: the present
	Partition *int      // as in new(2); nil: that of the key, or, without a key, one after the other
}

// Publish appends events to a topic, in order, and returns once they are durable. An event is a string
// or []byte, which is the value as it is; an Event; a struct or map, which becomes JSON; or a slice of
// such.
func (e *Env) Publish(topic string, events ...any) {
	e.t.Helper()
	var records []node.Record
	for _, event := range events {
		var err error
		if records, err = appendRecords(records, event); err != nil {
			e.t.Fatalf("publish to %s: %v", topic, err)
		}
	}
	e.within(func(ctx context.Context) error { return e.stack.Publish(ctx, topic, records) })
}

// appendRecords turns one argument of Publish into records.
func appendRecords(records []node.Record, event any) ([]node.Record, error) {
	switch v := event.(type) {
	case Event:
		return appendEvent(records, &v)
	case *Event:
		return appendEvent(records, v)
	case string, []byte, json.RawMessage, nil:
	default:
		if list := reflect.ValueOf(event); list.Kind() == reflect.Slice {
			for i := range list.Len() {
				var err error
				if records, err = appendRecords(records, list.Index(i).Interface()); err != nil {
					return nil, err
				}
			}
			return records, nil
		}
	}
	return appendEvent(records, &Event{Value: event})
}

func appendEvent(records []node.Record, event *Event) ([]node.Record, error) {
	r := node.Record{Partition: node.AnyPartition, Time: event.Time}
	var err error
	if r.Value, err = bytesOf(event.Value); err != nil {
		return nil, fmt.Errorf("write event %d as JSON: %w", len(records), err)
	}
	switch key := event.Key.(type) {
	case nil:
	case string:
		r.Key = []byte(key)
	case []byte:
		r.Key = key
	default:
		return nil, fmt.Errorf("event %d has a key of type %T; a key is a string or []byte", len(records), key)
	}
	if event.Partition != nil {
		if *event.Partition < 0 {
			return nil, fmt.Errorf("event %d names partition %d; partitions count from 0", len(records), *event.Partition)
		}
		r.Partition = int32(*event.Partition)
	}
	return append(records, r), nil
}

// bytesOf is a value as a topic holds it.
func bytesOf(value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	case json.RawMessage:
		return v, nil
	}
	return json.Marshal(value)
}

// A Record is a record of a topic as it was read.
type Record struct {
	Partition  int
	Offset     int64
	Time       time.Time // append time
	Key, Value []byte    // nil: NULL
}

// String is the record on a line.
func (r Record) String() string {
	return fmt.Sprintf("%d/%d %s %s", r.Partition, r.Offset, textOf(r.Key), textOf(r.Value))
}

func textOf(b []byte) string {
	if b == nil {
		return "NULL"
	}
	return string(b)
}

// Topic returns the records of a topic, partition by partition: what a sink has written, or what was
// published.
func (e *Env) Topic(name string) []Record {
	e.t.Helper()
	var out []Record
	e.within(func(ctx context.Context) error {
		all, err := e.stack.Records(ctx, name)
		for _, r := range all {
			out = append(out, Record{int(r.Partition), r.Offset, r.Time, r.Key, r.Value})
		}
		return err
	})
	return out
}
