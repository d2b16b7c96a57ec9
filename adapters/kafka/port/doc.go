// Package port is a Kafka port of this process: a cluster of one broker, kept in a folder, for development.
//
// The broker is kfake, which was made for the tests of one client. Between it and the sockets stands
// this package, and answers what Kafka's other clients ask as Kafka 4.1 does.
//
//	port.go        opens the port; which requests of which versions it says it takes
//	conn.go        a connection: requests and answers, whole, some of them changed
//	topics.go      topics made by name: names, settings, and what Java's clients read of the answers
//	settings.go    the settings that a topic of Kafka has
//	appendtime.go  topics with message.timestamp.type=LogAppendTime
//	groups.go      consumer groups that are listed
//	producers.go   producers that name themselves
package port
