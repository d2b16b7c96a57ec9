// Package dataflow is what follows from the plan alone: which operators share a scan, what it decodes, which
// watermark each of them goes by, and which lanes partitions take. It holds no rows and no state.
//
//	operator.go     Operator: a plan.StreamOp over the columns of its scan
//	group.go        operators that share a topic, also by way of others
//	scan.go         Scan, Watermark: what is decoded once for all its operators
//	fuse.go         expressions over a record as columns of a scan
//	lane.go         the places of partitions among those of several topics
//	fields.go       what queries read of the JSON values of a topic
//	compare.go      what becomes of tables, sinks and alerts when queries change
//	fingerprint.go  the name of the queries that state belongs to
package dataflow
