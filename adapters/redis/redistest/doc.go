// Package redistest gives tests a real Redis, and a network that fails on demand.
//
//	process.go      a redis-server in a process of its own
//	cluster.go      several, as a Redis Cluster
//	certificate.go  certificates for servers that speak TLS
//	proxy.go        a connection to a server that can be slow, silent or cut
package redistest
