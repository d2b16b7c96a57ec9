// Package redis puts rows where other programs look for them: into a Redis, or into an embedded one that
// lives and dies with the process.
//
// A row is for a place, and has a value. Which, its columns say:
//
//	key, value          the string at key              SET
//	key, field, value   one field of the hash at key   HSET
//	key, member, score  one member of a sorted set     ZADD
//
// and optionally time: of rows for one place the one with the latest stays, in whatever order they come.
// A NULL value or score empties the place (DEL, HDEL, ZREM), in the same order. A NULL key, field or member makes
// a row that nobody could find again: it is refused and counted. A row of an open window that its table has let
// go (record.Rows.Gone) leaves its place if it is the newest there; if it may have covered an older one,
// everything is read again.
//
// A row is as old as the record that it was made of (its append time). One of a window is as old as the
// window's end, or as the record that let the window close where that is younger, and of the present while
// the window is open; its order is the window's end. With option ttl a key lives until its youngest row is
// that old. A row that is older when its turn comes is not written, but counted: whatever is read or computed anew, nothing
// comes back to life.
//
// Redis is a cache, and nothing waits for it:
//
//	engine ─ Write, Update ─ waiting: the newest row of each place ─ writer ─ pipelines ─ Redis
//	   ↑                            ↑ full: rows are let go                      │
//	   └──────── Lost: read everything that lives again ─────────────────────────┘
//
// The writer alone talks to the server, by connections of its own. Whenever it cannot be sure of what is there
// (a start, an error, a new connection, rows that were let go, a server that is not the one it wrote to, a
// cluster whose masters change) it asks the engine for all that lives. That a server is another, or was
// emptied, it sees by a mark: a key of its own on each master, which it reads with every pipeline and at least
// every checkPause; link.go tells more. Every write sets or removes a value, so that writing again is harmless; on a
// cluster the client library sends commands again when a slot has moved, and only then and after errors.
//
//	address.go   which server, and what is said of it
//	server.go    the server that all sinks share
//	embedded/    the server in the process, a package of its own
//	sink.go      what the engine sees
//	waiting.go   rows that wait, a place each
//	memory.go    what was written last, to tell older rows
//	writer.go    the goroutine that writes
//	link.go      its connections, and the marks
//	look.go      what the server holds, for tests
//	fault.go     what errors mean, and what to do
//
// A cluster of which one master takes no writes is in trouble as a whole: its other masters get no rows until
// that one is well or replaced. The embedded server has no limit of its own: give sinks a ttl, or keys that
// are few.
package redis
