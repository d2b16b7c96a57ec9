// Package kafka lets a pipeline read and write the topics of a Kafka cluster, as its embedded broker's.
//
// Where a pipeline is in a topic stands in its checkpoint. What is committed to Kafka's consumer groups
// is for others to look at and is never read back, but for what a sink keeps there (see below).
//
//	properties.go  the client settings of Kafka's own tools → those of this client
//	security.go    TLS and SASL of these
//	cluster.go     a connection: is it there, what can it do
//	topics.go      topics made, listed, given more partitions; count.go counts their records
//	source.go      a topic as a record.Source
//	reader.go      one partition read: where it begins, what is lost
//	fetch.go       answers of the brokers for a partition, one ahead
//	batch.go       records taken out of answers
//	writer.go      records of a generator, or of `nagare publish`, each once
//	sink.go        rows of a sink; transactions.go exactly once where the cluster can
//	errors.go      what goes wrong, with what to do about it
//
// # Exactly once
//
// A sink's rows are numbered (record.Rows). A transaction holds rows and, as the committed offset of a
// group of the sink's own, up to which number they go. After a restart, or an answer that never came,
// a new producer of the same transactional id first ends what the old one left open; then the numbers
// that are committed say which rows are there. Brokers before transaction.version 2 can tear a
// transaction (KIP-890): there the sink writes at least once, each row with its identity in a header.
package kafka
