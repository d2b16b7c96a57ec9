// Package harness tests streaming pipelines in `go test`: the whole of nagare in the process of the
// test, with topics, state and sinks of its own.
//
//	func TestSales(t *testing.T) {
//		env := harness.New(t, harness.Project("../pipelines/sales"))
//		env.Publish("orders", `{"id": 1, "ts": "2026-03-01T12:00:10Z", "amount": 20}`)
//		env.WaitWatermark("12:05:00Z")
//		rows := env.Table("sales_by_minute")
//		…
//	}
//
// Nothing sleeps and nothing polls: what reads settles first, so that its result depends on what was
// published and on nothing else. Every call has a deadline. What goes wrong fails the test with a
// sentence, and the state of the pipeline is kept in t.ArtifactDir().
//
// Pipelines of parallel tests do not see each other. By default they are in memory and open in
// a few milliseconds; Durable is the broker and the store of a real run in a temporary folder, and Synctest
// virtual time, in which an hour takes milliseconds.
//
//	New, Project, Set, Partitions, Durable, Kafka, FromEnv, Deadline   a pipeline
//	Monitored                                                          that watches itself
//	Publish, Event                                                     what goes in
//	WaitWatermark, CloseWindows, Settle                                until when
//	Table, Rows, Query, Select, Late, Invalid, Topic, Redis, Ledger    what came out
//	CSV, Golden                                                        as files
//	Crash, Restart, FailSink, FailDisk, FillDisk                       what must not change it
//	FailKafka, SlowKafka, FailRedis, SlowRedis, FlushRedis
//	SlowDisk, SlowSource, SilenceCollector                             what it tells of itself
//	Synctest                                                           time
//	Scripts                                                            the same without Go
//
// The files: env.go begins and ends a pipeline, options.go says how, servers.go where, publish.go
// writes, rows.go, structs.go and redis.go read, golden.go compares, faults.go, kafka.go and redis.go break,
// artifacts.go keeps, synctest.go is time, scripts.go runs the texts of `nagare test`. Package stack does the
// work, without a test; package network is the connections that can fail; package script is the language of
// the texts.
package harness
