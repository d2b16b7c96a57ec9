// Package enginetest tests engines: topics in memory, conformance suites for the ports, scripts that
// run straight and interrupted, and a naive oracle with code of its own.
package enginetest
