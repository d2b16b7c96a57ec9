// Package pipelines holds the SQL projects that ship with the binary. Each is a folder in the form of
// Spark Declarative Pipelines, so that the same files run from a clone, from the binary and on Spark.
//
//	nexmark    the queries of the Nexmark benchmark, which `nagare bench --nexmark` measures
//	purchases  the purchase pipeline, fed by the generator: what `nagare run` without a project runs
//	retail     real invoice lines with returns and missing customers
package pipelines
