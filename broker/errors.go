package broker

import (
	"fmt"
	"slices"
	"strings"
)

// RepairAdvice ends the text of a DamageError.
const RepairAdvice = "; run `nagare topics repair`: it keeps a copy of what is damaged, and counts what is lost"

// DamageError says that records of a partition are gone or unreadable.
type DamageError struct {
	Topic     string
	Partition int32
	Seq       uint64 // place in the partition's stream; 0: not known
	Messages  uint64 // that are missing from there on; 0: not known
	Reason    string
	Others    []*DamageError // further logs
}

func (e *DamageError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "read topic %s partition %d at message %d: the log is damaged: %s", e.Topic, e.Partition, e.Seq, e.Reason)
	if e.Messages > 0 {
		fmt.Fprintf(&s, "; messages that are missing: %d", e.Messages)
	}
	for _, o := range e.Others {
		fmt.Fprintf(&s, "; topic %s partition %d, from message %d: %d", o.Topic, o.Partition, o.Seq, o.Messages)
	}
	return s.String() + RepairAdvice
}

// Final says that trying again does not help.
func (e *DamageError) Final() bool { return true }

// Topics names the topics that are damaged, each once.
func (e *DamageError) Topics() []string {
	names := []string{e.Topic}
	for _, o := range e.Others {
		if !slices.Contains(names, o.Topic) {
			names = append(names, o.Topic)
		}
	}
	return names
}

// ExpiredError says that a position is older than what the topic still keeps.
type ExpiredError struct {
	Topic         string
	Partition     int32
	Offset, First int64 // asked for, and the first there is
}

func (e *ExpiredError) Error() string {
	return fmt.Sprintf("read topic %s partition %d from offset %d: retention has removed what is before offset %d; run `nagare checkpoint reset`, or create the topic with a longer retention", e.Topic, e.Partition, e.Offset, e.First)
}

// FullError says that an append was refused for lack of room. Nothing of the failed batch is in the
// topic, or all of it: with an identity it can be sent again.
type FullError struct {
	Topic  string
	Reason string
}

func (e *FullError) Error() string {
	if e.Topic == "" {
		return e.Reason
	}
	return fmt.Sprintf("append to topic %s: %s", e.Topic, e.Reason)
}

// DownError says that the server does not answer or was stopped. What was in flight may be in the
// topic or not: with an identity it can be sent again after Restart.
type DownError struct {
	Reason string
	Disk   bool // the disk failed, not for lack of room: nobody knows what a sync left, Restart refuses
}

func (e *DownError) Error() string {
	text := "reach the embedded broker: " + e.Reason
	if e.Disk {
		text += "; the disk failed, which is not tried again: look at the disk (`dmesg`, SMART), then start again, which proves what it holds"
	}
	return text
}

// Final says that trying again does not help.
func (e *DownError) Final() bool { return e.Disk }

// SizeError says that a record is too large. Nothing of its append was written.
type SizeError struct {
	Topic string
	Index int // of the record in the append
	Bytes int // of its key and value
	Limit int // what the writer accepts
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("append to topic %s: record %d has %d bytes, at most %d are possible", e.Topic, e.Index, e.Bytes, e.Limit)
}

// TopicError says that a topic does not exist, or has fewer partitions.
type TopicError struct {
	Topic  string
	Reason string
}

func (e *TopicError) Error() string { return fmt.Sprintf("find topic %s: %s", e.Topic, e.Reason) }
