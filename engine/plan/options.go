package plan

import "strings"

// sourceOptions is what Spark's Kafka source takes beside the client's own settings.
func sourceOptions() []string {
	return append([]string{"subscribe", "startingOffsets", "startingTimestamp", "startingOffsetsByTimestamp",
		"failOnDataLoss", "includeHeaders"}, idleSourceOptions()...)
}

func sourceOption(key string) bool {
	return contains(sourceOptions(), key) || contains(kafkaClientOptions(), key)
}

func sinkFormats() []string {
	return []string{"kafka", "redis", "webhook", "json", "csv", "console", "noop"}
}

// sinkOptions is what a format takes; false: there is no such format.
func sinkOptions(format string) ([]string, bool) {
	own := map[string][]string{
		"kafka":   append([]string{"topic", "includeHeaders"}, kafkaClientOptions()...),
		"redis":   {"ttl", "stateField"},
		"webhook": webhookOptions(),
		"json":    {"path"},
		"csv":     {"path", "header"},
		"console": {"numRows", "truncate"},
		"noop":    {},
	}
	list, ok := own[format]
	return append(append(list, "outputMode"), idleSinkOptions()...), ok
}

func sinkOption(format string, known []string, key string) bool {
	if format == "webhook" && strings.HasPrefix(key, "header.") {
		return key != "header."
	}
	return contains(known, key)
}

// sparkOwn is the settings of Kafka's clients that Spark makes itself and refuses as options, and what to do here.
func sparkOwn(kind string) map[string]string {
	if kind == "sink" {
		return map[string]string{
			"kafka.key.serializer":   "leave it out: keys are bytes as the query makes them",
			"kafka.value.serializer": "leave it out: values are bytes as the query makes them",
		}
	}
	return map[string]string{
		"kafka.auto.offset.reset":   "leave it out, and say where to begin with startingOffsets",
		"kafka.enable.auto.commit":  "leave it out: the checkpoint holds how far the source is read",
		"kafka.interceptor.classes": "leave it out: there are none here",
		"kafka.key.deserializer":    "leave it out: keys are bytes, which the query reads",
		"kafka.value.deserializer":  "leave it out: values are bytes, which the query reads",
	}
}

// KafkaOptions is the settings of Kafka's clients that sources and sinks take as options kafka.…, without that prefix.
func KafkaOptions() []string {
	names := kafkaClientOptions()
	for i := range names {
		names[i] = strings.TrimPrefix(names[i], "kafka.")
	}
	return names
}

// kafkaClientOptions is the settings of Kafka's clients, under the prefix that Spark gives them.
// Kafka ignores names that it does not know, so a slip of the pen would never be seen.
func kafkaClientOptions() []string {
	names := strings.Fields(`
		acks allow.auto.create.topics auto.commit.interval.ms batch.size bootstrap.servers buffer.memory check.crcs
		client.dns.lookup client.id client.rack compression.type connections.max.idle.ms default.api.timeout.ms
		delivery.timeout.ms enable.idempotence enable.metrics.push exclude.internal.topics fetch.max.bytes fetch.max.wait.ms
		fetch.min.bytes group.id group.protocol heartbeat.interval.ms isolation.level linger.ms max.block.ms
		max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms max.poll.records
		max.request.size metadata.max.age.ms metric.reporters metrics.num.samples
		metrics.recording.level partitioner.class receive.buffer.bytes reconnect.backoff.max.ms
		reconnect.backoff.ms request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms
		socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
		sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.service.name
		sasl.login.callback.handler.class sasl.mechanism sasl.oauthbearer.token.endpoint.url security.protocol
		send.buffer.bytes session.timeout.ms ssl.ca.location ssl.enabled.protocols
		ssl.endpoint.identification.algorithm ssl.key.password ssl.keystore.certificate.chain ssl.keystore.key
		ssl.keystore.location ssl.keystore.password ssl.keystore.type ssl.protocol ssl.provider
		ssl.truststore.certificates ssl.truststore.location ssl.truststore.password ssl.truststore.type
		transaction.timeout.ms`)
	for i := range names {
		names[i] = "kafka." + names[i]
	}
	return names
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}
