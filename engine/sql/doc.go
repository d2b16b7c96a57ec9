// Package sql reads the SQL of Spark Declarative Pipelines: lexer, parser, syntax tree, canonical
// text. It knows the grammar and no meanings: names and types are resolved in package plan.
package sql
