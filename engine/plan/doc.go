// Package plan resolves a project's statements: names to datasets and columns, expressions to types,
// queries to trees of relational operators. It finds every fault at once. What it gives is run by
// package batch over bounded inputs and by the engine as a dataflow over topics.
package plan
