// Package expr is typed expressions: a syntax tree is bound against a scope of columns into Nodes,
// and a Node is compiled into kernels that work on columns, a selection of rows at a time.
//
//	sql.Expr ── Binder.Bind ──> Node ── Compile ──> Eval ── Run ────> a vector
//	 names, types, casts, faults          steps, kernels     Filter ─> a selection
//
// Binding is bind*.go with the rules of types in coerce.go; constant parts are computed by fold.go.
// Running is compile.go, step.go (lazy ones: CASE, AND, OR, coalesce), call.go (everything else) and
// filter.go (conditions). A function is a row of a table (function.go: name, signature, kernel) in the
// file of its family: to add one, add a row there. Only lambdas need more: lambda.go, elements.go.
//
// A row whose evaluation fails is NULL and is reported with Spark's error class; a branch that no row
// needs is not evaluated and cannot fail. In steady state nothing is allocated, but by regular
// expressions, decimals beyond 128 bits and functions that build maps or sort.
//
// Names, types, casts and errors are Spark's, ANSI mode on; testdata/spark/facts.tsv holds what Spark
// gives for each, and facts_test.go asks them all.
package expr
