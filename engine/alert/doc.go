// Package alert decides in event time which things are in trouble: from rows that are breaches of a rule it makes
// incidents, which are pending, firing and resolved.
//
// A rule reads a stream. Each of its rows is one breach of one thing at one time: the end of the row's window, or,
// of rows one for one, their event time. A breach holds for the rule's Interval, which is the slide of the windows:
// if the next window has a row of the same key, the condition goes on; if it has none, it ended there. So the
// evaluations of a rule in Prometheus and the windows of a query here are the same thing, and the states are those
// that Prometheus has (rules.go names the rule of each step; testdata has 33 series with the states of a real one).
//
//	inactive ──breach──▶ pending ──held For──▶ firing ──absent for KeepFiring──▶ resolved
//	                        │
//	                        └──absent──▶ inactive
//
// Breaches may come in any order, from several partitions; they are put in order of time, key and place and looked at
// once the watermark of all partitions has passed them. So incidents are a pure function of what the topics hold:
// neither batches, nor the interleaving of partitions, nor restarts change them.
//
//	rule.go    what a rule is, and the incidents of its keys
//	change.go  a change of state, as topic system-alerts has it
//	state.go   what a checkpoint keeps
//	quiet.go   breaches of which it keeps the time alone
package alert
