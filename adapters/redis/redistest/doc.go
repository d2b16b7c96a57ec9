// Package redistest gives tests a real Redis, and a network that fails on demand.
//
//	process.go  a redis-server in a process of its own
//	proxy.go    a connection to a server that can be slow, silent or cut
package redistest
