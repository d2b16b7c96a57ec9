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
	return partLane(LaneOf(op.From.Topics, topic, partition), op.Part, op.Parts)
}

// LaneOf is the lane of a partition.
func (g *Watermark) LaneOf(topic string, partition int32) int {
	return partLane(LaneOf(g.Topics, topic, partition), g.Part, g.Parts)
}

// partLane is the lane of a part's: parts take the lanes in turn, as topics do.
func partLane(lane, part, parts int) int {
	if parts == 0 || lane == NoLane {
		return lane
	}
	return lane*parts + part
}

// InLane is the topic and the partition that has a lane.
func (g *Watermark) InLane(lane int) (topic string, partition int32) {
	lane /= max(1, g.Parts)
	return g.Topics[lane%len(g.Topics)], int32(lane / len(g.Topics))
}

// Lane is where an operator's rows go that stem from a lane of what it reads.
func (op *Operator) Lane(from int) int { return from*op.Flows + op.Flow }
