// Package bikes tests a pipeline as a user of nagare does: a module of its own that imports package
// harness and nothing else of nagare. The pipeline is the folder bikes; the scripts in bikes/tests test it
// without any Go (`nagare test harness/example/bikes`).
package bikes
