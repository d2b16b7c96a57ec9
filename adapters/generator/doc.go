// Package generator writes purchase events by the rules of the tutorial that nagare replaces.
//
// Event number i is a function of the configuration and i alone. So the same seed and start give
// the same bytes on every machine, and a generator that was killed goes on at any index as if
// nothing had happened. Time is a schedule: event i is due at Start + i/Rate, whatever the clock
// of the process did meanwhile; what is overdue is written at full speed.
//
//	config.go    what can be asked for
//	schedule.go  index ⇄ due time, and the number of an event within its second
//	fate.go      which events are late, bad, doubled or planted
//	event.go     the text of an event
//	run.go       writing to a log at the pace of a clock, going on after a restart
//	bench.go     a file of events for measuring
package generator
