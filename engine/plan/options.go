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

// kafkaClientOptions is the settings of Kafka's clients, under the prefix that Spark gives them.
// Kafka ignores names that it does not know, so a slip of the pen would never be seen.
func kafkaClientOptions() []string {
	names := strings.Fields(`
		acks allow.auto.create.topics auto.commit.interval.ms batch.size bootstrap.servers buffer.memory check.crcs
		client.dns.lookup client.id client.rack compression.type connections.max.idle.ms default.api.timeout.ms
		delivery.timeout.ms enable.idempotence exclude.internal.topics fetch.max.bytes fetch.max.wait.ms
		fetch.min.bytes group.id heartbeat.interval.ms isolation.level linger.ms max.block.ms
		max.in.flight.requests.per.connection max.partition.fetch.bytes max.poll.interval.ms max.poll.records
		max.request.size metadata.max.age.ms partitioner.class receive.buffer.bytes reconnect.backoff.max.ms
		reconnect.backoff.ms request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms
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
