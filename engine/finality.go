package engine

// A Crossing is where the watermark of a partition passed a moment: the record that moved it there.
type Crossing struct {
	Topic     string
	Partition int32
	Offset    int64 // -1: no record of the partition has done so yet
	Appended  int64 // µs
	EventTime int64 // µs
	Watermark int64 // µs, behind that record; without one where the partition stands, math.MinInt64: none
}
