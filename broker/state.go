package broker

// A PartitionState tells a log from any other, and from a shorter or a changed one. It belongs into
// a checkpoint, beside the positions that were read from the log.
type PartitionState struct {
	LastSeq uint64 // last message of the stream
	Count   int64  // records ever appended: the offset of the next one
	Chain   uint32 // of the last batch: a sum that goes over all batches
}
