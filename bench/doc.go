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
package bench
