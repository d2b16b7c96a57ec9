// Package embedded is a Redis in the process: miniredis, and in front of it what its clients miss there.
//
// miniredis keeps the keys and runs the commands. What this package adds, it adds before a command gets there
// and behind its answer:
//
//	resp.go      the protocol: what clients send, answers in versions 2 and 3 of it
//	server.go    connections, with a port or without one
//	output.go    answers on their way: a client that does not read holds nobody up
//	conn.go      what becomes of a command
//	multi.go     transactions
//	table.go     the commands that there are, as Redis 7.0 describes them: commands.tsv
//	keys.go      which keys a command names
//	command.go   COMMAND
//	client.go    HELLO, CLIENT, MONITOR and what else is about connections
//	config.go    CONFIG, INFO, ROLE and what else is about the server
//	events.go    channels; those of keyspace events are refused, for there are none
//	scan.go      SCAN and its kin, page by page
//	shape.go     answers as version 3 has them
//	ttl.go       when keys end
//	deadlines.go the heap of their deadlines
//
// Time. A TTL of miniredis stands still unless it is told to step, and a step looks at every key. So here none
// is told: what it holds as the TTL of a key is the time from the server's epoch to the key's end. Commands that
// set a TTL are given to it in that form, answers that tell one are computed back, and RENAME, COPY, KEEPTTL and
// the like carry it along by themselves. A heap knows for each key with an end when to look at it next; that is
// never behind the end, and may be before it. A key that has ended is removed by a timer, and before a command
// that names it, or asks for all keys.
//
// Commands run side by side; transactions, scripts and the removal of ended keys run alone.
//
// What Redis 7.0 does not have (TTLs of fields), or miniredis does not (functions, SORT, LCS, modules), is answered
// as an unknown command, and COMMAND does not list it; README.md lists them.
package embedded
