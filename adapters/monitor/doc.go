// Package monitor watches the process: the machine that it runs on, its pipeline, and how its parts are. What it
// sees becomes records of two topics, which are read as any other, and health by part.
//
//	host.go       what the machine and the process use, one collector a thing
//	container.go  the limits of a container, by control groups of version 2
//	sample.go     what a Monitor is told each second
//	system.go     a record of topic system-metrics
//	progress.go   records of topic pipeline-metrics, in the names of Spark's StreamingQueryProgress
//	health.go     the state of each part, as a function of the samples
//	source.go     that of a source topic, by its lag
//	history.go    the last minutes of those records, for whoever draws them
//	outlet.go     appends to a topic, which may be away
//	monitor.go    the loop over all of them
package monitor
