// Package spark reads the folder of a project in the form of Spark Declarative Pipelines:
//
//	spark-pipeline.yml            name, storage, libraries, configuration
//	transformations/*.sql         what libraries names: files, or folders with all below them
//	transformations/connectors.py of use to Spark alone, and left out here
//
// The rules are those of Spark's own command line. All problems are reported at once, each with
// its place and what to do, and Spark's error class where Spark has one. What a configuration key
// means, and what the SQL says, is not looked at here: package plan does that.
package spark
