// Package grade tells how good an alert's rule is: it runs the rule, as a project has it, over events of which it is known
// what is unusual, and counts what the rule finds, what it misses and where it is wrong. Package bench measures the
// machine; what is measured here is the same on every machine.
//
//	rule.go      a rule of a project, run over topics that somebody else gives
//	planted.go   the generator's planted purchases: precision and recall
//	topic.go     generated events, and series, as a topic
//	nab.go       the Numenta Anomaly Benchmark: its series through the rule
//	corpus.go    its files
//	nabscore.go  its scoring
package grade
