import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Counts the mentions of a Veille topic by tone, each in its latest version.
 *
 * <pre>java --class-path 'lib/*' Tones.java localhost:9092 veille.mentions</pre>
 *
 * <p>lib/ holds kafka-clients, its zstd-jni and jackson-databind. Reads from the beginning to the end
 * as it is now, commits nothing, and prints one line of JSON.
 */
public final class Tones {
    private record Mention(long version, String topic, String post, String tone, boolean deleted) {}

    private record Retraction(long version, Set<String> topics) {}

    private static final ObjectMapper JSON = new ObjectMapper();

    private final Map<String, Mention> latest = new HashMap<>();
    private final Map<String, List<Retraction>> retractions = new HashMap<>();

    /** Takes a record in; the order in which they come does not matter. */
    void add(byte[] value) throws IOException {
        JsonNode record = JSON.readTree(value == null ? new byte[0] : value);
        String type = record.path("type").asText();
        long version = required(record, "version").longValue();
        if (type.equals("retraction")) {
            Set<String> topics = new HashSet<>();
            record.path("topics").forEach(topic -> topics.add(topic.asText()));
            retractions
                    .computeIfAbsent(required(record, "post_id").asText(), post -> new ArrayList<>())
                    .add(new Retraction(version, topics));
        } else if (type.equals("mention")) {
            Mention mention =
                    new Mention(
                            version,
                            required(record, "topic").asText(),
                            required(required(record, "post"), "id").asText(),
                            required(required(record, "sentiment"), "label").asText(),
                            record.path("deleted").asBoolean());
            latest.merge(
                    required(record, "id").asText(),
                    mention,
                    (known, now) -> known.version() <= now.version() ? now : known);
        }
    }

    /** How many there are of each tone. */
    Map<String, Integer> counts() {
        Map<String, Integer> found = new TreeMap<>();
        List.of("neg", "neu", "pos", "unscored").forEach(tone -> found.put(tone, 0));
        for (Mention mention : latest.values()) {
            if (!mention.deleted() && !takenBack(mention)) {
                found.merge(mention.tone(), 1, Integer::sum);
            }
        }
        return found;
    }

    private boolean takenBack(Mention mention) {
        return retractions.getOrDefault(mention.post(), List.of()).stream()
                .anyMatch(
                        one ->
                                mention.version() < one.version()
                                        && !one.topics().contains(mention.topic()));
    }

    private static JsonNode required(JsonNode record, String field) throws IOException {
        JsonNode found = record.get(field);
        if (found == null) {
            throw new IOException("no field " + field);
        }
        return found;
    }

    private static void read(KafkaConsumer<byte[], byte[]> consumer, String topic, Tones tones) {
        List<TopicPartition> partitions =
                consumer.partitionsFor(topic, Duration.ofSeconds(10)).stream()
                        .map(one -> new TopicPartition(topic, one.partition()))
                        .toList();
        if (partitions.isEmpty()) {
            throw new KafkaException("there is no topic " + topic);
        }
        consumer.assign(partitions);
        consumer.seekToBeginning(partitions);
        Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
        while (ends.entrySet().stream()
                .anyMatch(end -> consumer.position(end.getKey()) < end.getValue())) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
                try {
                    tones.add(record.value());
                } catch (IOException error) {
                    System.err.printf(
                            "%s/%d@%d: not a record of Veille's: %s%n",
                            topic, record.partition(), record.offset(), error.getMessage());
                }
            }
        }
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2) {
            System.err.println("usage: Tones.java HOST:PORT TOPIC");
            System.exit(2);
        }
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("enable.auto.commit", "false");
        settings.put("allow.auto.create.topics", "false");
        settings.put("key.deserializer", ByteArrayDeserializer.class.getName());
        settings.put("value.deserializer", ByteArrayDeserializer.class.getName());
        Tones tones = new Tones();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings)) {
            read(consumer, arguments[1], tones);
        } catch (KafkaException error) {
            System.err.println(arguments[0] + ": " + error.getMessage());
            System.exit(1);
        }
        System.out.println(JSON.writeValueAsString(tones.counts()));
    }
}
