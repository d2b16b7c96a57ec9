// Package engine is the domain: the run loop that turns
// topics into tables with correct event time.
//
// The life of an event: a Source gives Records; a task per partition decodes them into columns,
// marks each row with its partition's watermark, filters, and folds rows into slices; the merger
// joins finished slices of all partitions into windows; a checkpoint makes positions, state and
// output durable in one transaction of the Store; only then do the Sinks get the rows.
//
// Nothing here reads a clock: time comes in as an argument. Results depend on the topics' contents
// alone, with the one declared exception of idle partitions.
package engine
