// Package plan resolves a project's statements: names to datasets and columns, expressions to types,
// queries to trees of relational operators. It finds every fault at once. What it gives is run by
// package batch over bounded inputs and by the engine as a dataflow over topics.
//
// The way of a project through the files:
//
//	config, connect   the configuration: settings, sources, sinks
//	register          statements → datasets by name
//	resolve           datasets in the order in which they read one another; tables against their flows
//	query, relation   WITH, UNION, FROM, joins; watermark; a query → a Node
//	selecting         one SELECT: its clauses bound, with placeholders (scope) for what comes later
//	calls, windowfn, timewindow, subquery
//	                  what is more than a scalar function: aggregates, OVER, window(…), IN (SELECT …)
//	build             the placeholders become columns, the clauses operators
//	unbounded         what a stream cannot do; portable: what Spark cannot do
//	stream            flows as the engine runs them
//
// To add a rule of checking, find the clause's file and add a case with its line in testdata/check; to
// add an operator, its type goes into nodes.go, and rewrite.go, subquery.go (eachExpr) and describe.go
// each have a switch over all of them.
package plan
