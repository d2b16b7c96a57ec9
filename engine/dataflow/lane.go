package dataflow

import "slices"

// LaneOf is the lane of a partition of one of topics, or NoLane. A lane is the place of a partition among those of the
// topics that an operator reads: the topics take the lanes in turn, so that a lane stays what it is when a topic gets
// more partitions. Of topics with fewer partitions than others some lanes are empty. With one topic a lane is a
// partition.
func LaneOf(topics []string, topic string, partition int32) int {
	i := slices.Index(topics, topic)
	if i < 0 {
		return NoLane
	}
	return int(partition)*len(topics) + i
}

// NoLane is the lane of a partition that an operator does not read.
const NoLane = -1

// LaneOf is the lane of a partition.
func (op *Operator) LaneOf(topic string, partition int32) int {
	return LaneOf(op.From.Topics, topic, partition)
}

// Lane is where an operator's rows go that stem from a lane of what it reads.
func (op *Operator) Lane(from int) int { return from*op.Flows + op.Flow }
