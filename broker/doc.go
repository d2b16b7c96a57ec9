// Package broker keeps topics in an embedded JetStream server.
//
// A topic has partitions; a partition is a JetStream stream of its own; a message of the stream is a
// batch of records (see batch.go), or, when another NATS client wrote it, one record. Records of a
// partition are numbered from 0 without gaps, as Kafka's are.
//
//	stream t-NAME-0        subjects nagare.NAME.0, nagare.NAME.0.>
//	  seq 1  nagare.NAME.0.by.generator   batch: offsets 0 … 999
//	  seq 2  nagare.NAME.0.by.publish     batch: offsets 1000 … 1000
//	  seq 3  nagare.NAME.0                from another client: offset 1001
//	  seq 4  nagare.NAME.0.by.generator   batch: offsets 1002 … 2001
//
// The files: broker.go opens and closes, link.go runs the server and the connections to it, topic.go
// and admin.go know the topics, partition.go and append.go write, writer.go is what a producer holds,
// sink.go writes rows to topics once each and log.go keeps those of a table,
// journal.go and journalfile.go make appends durable together, replay.go gives streams what they lack at a start, tail.go cuts off what was
// not synced, fetch.go and source.go read, locate.go finds offsets, known.go notes what has to be there, proof.go,
// block.go, index.go, grown.go and noted.go look at the server's files before it does, mend.go repairs them, files.go lists and
// removes topics while no server runs, generation.go has a topic stand in the place of another, retention.go forgets what is old, memory.go is one topic without a
// server and bare.go a broker of such topics; keeper.go is what both kinds of broker do.
//
// What is relied on of JetStream, and why:
//
//   - With SyncAlways an acknowledged message survives a power cut. Without it, it survives a kill: it is in its
//     file before the acknowledgement, and the journal makes it durable before it is published.
//   - A publish that names the last sequence that it expects is stored at most once, however often
//     it is sent. Message ids are forgotten after 100 ms and are not used.
//   - A publish without a reply has an unknown outcome: the end of the stream is read and compared.
//   - A write error (a full disk) leaves publishers without a reply until the server is restarted.
//   - A damaged block is cut off at start without a word, and at reading too: it is looked at before.
//   - The folder is not locked: whoever opens a Broker on a folder has to hold the lock of a store.
package broker
