// Package batch runs the operators of package plan over bounded inputs: ad-hoc queries, materialized
// views, and everything else that has an end.
//
// An operator is a call of run: it runs its input with a function that takes the input's batches, and
// hands its own to emit. What it keeps between batches lies in local variables, so an operator that has
// to see all rows first (a sort, a build side of a join) does the rest of its work when the run of its
// input has returned:
//
//	run(Sort) → run(Filter) → run(Scan)
//	     ↑ rows kept   ↑ batch       ↑ batch
//	     └ emit, sorted, when the input is at its end
//
// Rows come out in an order that depends on the inputs alone: that of the input where an operator keeps
// rows, that of the keys (codec.AppendKey) behind an aggregate.
//
// A row whose expression fails ends the query with an Error that names Spark's class. What a query holds is
// counted in a Budget that all queries share, and past its limit the query ends with an Error: rows that operators
// keep (keep, grow), what expressions fill (evaluate.go, which cuts batches into pieces that fit), rows on their way
// out (Hold). It is counted before it is taken, and when it was given back until it is collected (garbage.go).
package batch
