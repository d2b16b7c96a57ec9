// Package expr is typed expressions: a syntax tree is bound against a scope of columns into Nodes,
// and a Node is compiled into kernels that work on columns, a selection of rows at a time.
//
// Names, types, casts and errors are Spark's, ANSI mode on; testdata/facts.tsv holds what Spark
// gives for each.
package expr
