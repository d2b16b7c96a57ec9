"""Writes and reads over a Kafka port with two clients that speak the protocol each in its own way."""
import asyncio
import sys
import time

import aiokafka
import confluent_kafka
from confluent_kafka.admin import AdminClient, NewTopic

address = sys.argv[1]


def confluent():
    admin = AdminClient({"bootstrap.servers": address})
    for future in admin.create_topics([NewTopic("by-confluent", 2, 1)]).values():
        future.result()
    try:
        admin.create_topics([NewTopic("refused", 1, 1, config={"retention": "1"})])["refused"].result()
    except confluent_kafka.KafkaException as e:
        print("confluent", e.args[0].str())
    producer = confluent_kafka.Producer({"bootstrap.servers": address, "transactional.id": "confluent"})
    producer.init_transactions()
    for end in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for i in range(5):
            producer.produce("by-confluent", key=str(i), value="v")
        producer.flush()
        end()
    for protocol in ("classic", "consumer"):
        consumer = confluent_kafka.Consumer({"bootstrap.servers": address, "group.id": "confluent-" + protocol,
            "group.protocol": protocol, "auto.offset.reset": "earliest", "isolation.level": "read_committed"})
        consumer.subscribe(["by-confluent"])
        read, end = 0, time.time() + 60
        while read < 5 and time.time() < end:
            message = consumer.poll(1)
            read += message is not None and message.error() is None
        consumer.commit()
        consumer.close()
        print("confluent", protocol, "read", read)
    groups = {g.group_id for g in admin.list_consumer_groups().result().valid}
    print("confluent groups", sorted(g for g in groups if g.startswith("confluent")))


async def aio():
    # this one asks for topics by Metadata v1, which cannot say that a missing one is to be made
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    await producer.send_and_wait("made-for-aiokafka", b"v")
    await producer.stop()
    consumer = aiokafka.AIOKafkaConsumer("made-for-aiokafka", bootstrap_servers=address, group_id="aiokafka", auto_offset_reset="earliest")
    await consumer.start()
    message = await asyncio.wait_for(consumer.getone(), 60)
    await consumer.stop()
    print("aiokafka read", message.value.decode())


confluent()
asyncio.run(aio())
