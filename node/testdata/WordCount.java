import java.time.Duration;
import java.util.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.serialization.*;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;

/** Counts words of a topic exactly once and prints the counts: WordCount HOST:PORT FOLDER. */
public class WordCount {
  public static void main(String[] args) throws Exception {
    String address = args[0], in = "lines", out = "word-counts";
    Properties p = new Properties();
    p.put("bootstrap.servers", address);
    try (Producer<String, String> producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer())) {
      for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(in, "k" + i, "to be or not to be")).get();
    }
    p.put("application.id", "word-count");
    p.put("processing.guarantee", "exactly_once_v2");
    p.put("auto.offset.reset", "earliest");
    p.put("state.dir", args[1]);
    p.put("commit.interval.ms", "100");
    p.put("replication.factor", "1");
    p.put("default.key.serde", Serdes.StringSerde.class);
    p.put("default.value.serde", Serdes.StringSerde.class);
    StreamsBuilder b = new StreamsBuilder();
    b.<String, String>stream(in).flatMapValues(v -> Arrays.asList(v.split(" "))).groupBy((k, v) -> v).count()
        .toStream().to(out, Produced.with(Serdes.String(), Serdes.Long()));
    Map<String, Long> counts = new TreeMap<>();
    try (KafkaStreams streams = new KafkaStreams(b.build(), p)) {
      streams.start();
      Properties c = new Properties();
      c.put("bootstrap.servers", address);
      c.put("group.id", "word-count-reader");
      c.put("auto.offset.reset", "earliest");
      c.put("isolation.level", "read_committed");
      try (Consumer<String, Long> consumer = new KafkaConsumer<>(c, new StringDeserializer(), new LongDeserializer())) {
        consumer.subscribe(List.of(out));
        long end = System.currentTimeMillis() + 60000;
        while (System.currentTimeMillis() < end && counts.values().stream().mapToLong(Long::longValue).sum() < 60)
          for (ConsumerRecord<String, Long> r : consumer.poll(Duration.ofMillis(200))) counts.put(r.key(), r.value());
      }
    }
    System.out.println(counts);
  }
}
