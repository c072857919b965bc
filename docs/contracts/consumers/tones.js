/*
 * Counts the mentions of a Veille topic by tone, each in its latest version.
 *
 *     npm ci
 *     node tones.js localhost:9092 veille.mentions
 *
 * Reads from the beginning to the end as it is now, commits nothing, and prints one line of JSON.
 */
"use strict";

const zlib = require("node:zlib");
const { randomUUID } = require("node:crypto");
const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = require("kafkajs");

// Veille's batches are compressed with zstd, which KafkaJS leaves to others. Node has it from 22.15
// on; before, fzstd reads it.
const unzstd = zlib.zstdDecompressSync ?? ((bytes) => Buffer.from(require("fzstd").decompress(bytes)));
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async () => { throw new Error("this program writes nothing"); },
  decompress: async (bytes) => unzstd(bytes),
});

/** What the records read so far say. The order in which they come does not matter. */
class Mentions {
  #latest = new Map();
  #retractions = new Map();

  /** Takes a record in; throws for one of another form. */
  add(record) {
    const { type, version } = record;
    if (typeof version !== "number") throw new TypeError("no field version");
    if (type === "retraction") {
      const known = this.#retractions.get(record.post_id) ?? [];
      this.#retractions.set(record.post_id, [...known, { version, topics: record.topics ?? [] }]);
    } else if (type === "mention") {
      const known = this.#latest.get(record.id);
      const mention = {
        version,
        topic: record.topic,
        post: record.post.id,
        tone: record.sentiment.label,
        deleted: record.deleted ?? false,
      };
      if (known === undefined || known.version <= version) this.#latest.set(record.id, mention);
    }
  }

  /** How many there are of each tone. */
  counts() {
    const found = { neg: 0, neu: 0, pos: 0, unscored: 0 };
    for (const mention of this.#latest.values()) {
      if (!mention.deleted && !this.#takenBack(mention)) {
        found[mention.tone] = (found[mention.tone] ?? 0) + 1;
      }
    }
    return found;
  }

  #takenBack(mention) {
    const retractions = this.#retractions.get(mention.post) ?? [];
    return retractions.some(
      ({ version, topics }) => mention.version < version && !topics.includes(mention.topic),
    );
  }
}

/** Where each partition that has records ends, by its number. */
async function ends(kafka, topic) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(topic);
    const filled = offsets.filter(({ low, high }) => BigInt(low) < BigInt(high));
    return new Map(filled.map(({ partition, high }) => [partition, BigInt(high)]));
  } finally {
    await admin.disconnect();
  }
}

/** Reads a topic to its end. KafkaJS reads in groups alone: this one is new, and commits nothing. */
async function read(servers, topic) {
  const kafka = new Kafka({
    clientId: "tones",
    brokers: servers.split(","),
    logLevel: logLevel.NOTHING,
    retry: { retries: 3 },
  });
  const mentions = new Mentions();
  const left = await ends(kafka, topic);
  if (left.size === 0) return mentions;
  const consumer = kafka.consumer({ groupId: `tones-${randomUUID()}`, allowAutoTopicCreation: false });
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await new Promise((done, failed) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => failed(payload.error));
      const eachBatch = async ({ batch }) => {
        for (const { value, offset } of batch.messages) {
          try {
            mentions.add(JSON.parse(value));
          } catch (error) {
            const place = `${topic}/${batch.partition}@${offset}`;
            console.error(`${place}: not a record of Veille's: ${error.message}`);
          }
        }
        const end = left.get(batch.partition);
        if (end !== undefined && BigInt(batch.lastOffset()) + 1n >= end) left.delete(batch.partition);
        if (left.size === 0) done();
      };
      consumer.run({ autoCommit: false, eachBatch }).catch(failed);
    });
  } finally {
    await consumer.disconnect();
  }
  return mentions;
}

const [servers, topic] = process.argv.slice(2);
if (topic === undefined) {
  console.error("usage: tones.js HOST:PORT TOPIC");
  process.exitCode = 2;
} else {
  read(servers, topic).then(
    (mentions) => console.log(JSON.stringify(mentions.counts())),
    (error) => {
      console.error(`${servers}: ${error.message}`);
      process.exitCode = 1;
    },
  );
}
