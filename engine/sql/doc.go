// Package sql reads the SQL of Spark Declarative Pipelines: lexer, parser, syntax tree, canonical
// text. It knows the grammar and no meanings: names and types are resolved in package plan.
//
// What Spark's grammar takes, this one takes; what Spark refuses while it reads is refused here with the same
// class, and each Fault names what was found, what was expected, and the way out. A few constructs that Spark
// has and nagare has not (TABLESAMPLE, SORT BY, COLLATE) are faults
// without a class.
//
//	text  →  lexer  →  tokens of one statement  →  parser  →  tree  →  Format  →  the same tree again
//
// The parser is written by hand and looks ahead instead of going back. It never unwinds: a fault moves it to
// the end of the statement. To add a clause of a query, see query.go and relation.go; an operator, expr.go
// (levelOf); a form with a grammar of its own, as TRIM(BOTH … FROM …), call.go; a type, typename.go; a
// statement, statement.go, and what to say instead of it, refusal.go. Each has its counterpart in the format
// files, and TestMutatedTokens finds where the two disagree.
package sql
