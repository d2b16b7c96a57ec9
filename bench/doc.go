// Package bench measures nagare on the machine that it runs on, beside a bound that is told with
// every figure: a hand-written program for exactly the same queries. Machines differ and are noisy;
// what holds from one to another is the ratios within one run.
//
//	bench.go    the figures, in order
//	bound.go    the hand-written program
//	project.go  the project that is measured: the tutorial's three queries
//	append.go   durable append, and from the durable topic to final tables
//	cost.go     cost per event by number of events and of keys
//	redis.go    what a Redis in trouble costs
//	stub.go     the Redis for that
//	report.go   the figures as text
//	nexmark.go  Nexmark's queries, each alone
//
// and, by processes of their own that are looked at from outside:
//
//	live.go          a project that runs alive: runs, pairs, windows
//	live_project.go  the project, and what of it can be left out
//	live_child.go    a process: start, backlog, stop
//	live_linux.go    processor time, memory, bytes and switches, by /proc
//	live_syncs.go    syncs, by strace
//	live_latency.go  from event to row
//	live_figures.go  figures, and what comes of comparing them
//	live_report.go   them as text
//	latency.go       from a row of a topic on Kafka to its result in another: shapes, projects
//	latency_gauge.go the writer that stamps rows, and the reader
//	page.go          what it costs that people look: windows with clients and without
//	page_clients.go  an intake, a crowd of clients, and a browser with the overview open
//	page_report.go   the figures as text
package bench
