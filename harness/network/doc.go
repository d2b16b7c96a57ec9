// Package network is the connections between a pipeline and a server, which a test can make fail. It
// stands in their way in this process, so it serves servers in memory, in virtual time too, and real ones,
// and what one pipeline's test breaks no other one sees.
//
//	client ─ pipe ─ requests ─────────────► server
//	           ▲        │ what becomes of it
//	           └─ replies ◄────────────────── server
//
// Both protocols answer requests in their order, so the replies know by a queue whose answer comes next.
//
// The files: network.go makes connections and holds the fault, conn.go passes on what is said on one,
// kafka.go and redis.go read the two protocols.
package network
