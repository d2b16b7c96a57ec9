// Package scan is what operators see: the records of a partition, decoded once for all of them, each with the watermark
// just before it. It knows no operator.
//
//	step.go            Step: the records in hand, and where it is said what becomes of each
//	scanner.go         Scanner: records into the columns of a dataflow.Scan
//	source_columns.go  the columns of a source, headers among them
//	marks.go           Marks: a watermark of the partition
//	passages.go        which records took a watermark past the ends of windows
//	duplicates.go      Duplicates: records whose id was there before
//	filter.go          Filter: conditions over a batch
//	rawtime.go         what an unusable event time was made of
//	bounded.go         what a source holds now, or a range of it
package scan
