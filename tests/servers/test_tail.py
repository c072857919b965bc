"""`veille tail` by the real broker: versions, deletions and retractions, in the order they came."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta

import pytest

from connectors.post import utc_now
from streams.broker import Topics, ensure_topics, running_producer
from streams.errors import BrokerUnavailable
from streams.records import Record, Retraction, encode
from streams.settings import Kafka as KafkaSettings
from streams.tailing import FromKafka, Once
from tests.support.mentions import mention
from tests.support.servers import Kafka


async def sent(kafka: KafkaSettings, *values: bytes) -> None:
    async with running_producer(kafka) as producer:
        for value in values:
            await producer.send_and_wait(Topics.of(kafka.prefix).mentions, value, key=b"one post")


async def heard(stream: FromKafka, most: int) -> list[Record]:
    found: list[Record] = []
    async with asyncio.timeout(20):
        while len(found) < most:
            found += await stream.next()
    return found


@pytest.mark.kafka
async def test_the_topic_of_mentions_is_followed_and_read_from_a_time(kafka: Kafka) -> None:
    prefix = f"t{uuid.uuid4().hex[:8]}"
    known = KafkaSettings(bootstrap_servers=kafka.address, prefix=prefix, partitions=2)
    await ensure_topics(known)
    first, other = mention(1, topic="acme"), mention(2, topic="other")
    await sent(known, encode(first), encode(other), b"rubbish")
    live, past = FromKafka(known, ["acme"]), FromKafka(known, ["acme"])
    try:
        await live.begin(None)
        newer = mention(1, topic="acme", version=2)
        gone = Retraction(post_id="test:1", version=3, topics=["other"])
        kept = Retraction(post_id="test:1", version=4, topics=["acme"])
        await sent(known, encode(newer), encode(gone), encode(kept))
        assert await heard(live, 2) == [newer, gone], "not what was there before"
        await past.begin(utc_now() - timedelta(hours=1))
        assert await heard(past, 3) == [first, newer, gone]
        assert await past.caught_up()
        nowhere = FromKafka(KafkaSettings(bootstrap_servers=kafka.address, prefix="no"), [])
        try:
            with pytest.raises(BrokerUnavailable, match=r"no topic no\.mentions"):
                await nowhere.begin(None)
        finally:
            await nowhere.close()
    finally:
        await live.close()
        await past.close()


async def test_a_broker_that_is_not_there_is_named() -> None:
    stream = FromKafka(KafkaSettings(bootstrap_servers="127.0.0.1:9"), [])
    try:
        with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:9.*Remedy"):
            await asyncio.wait_for(stream.begin(None), 20)
    finally:
        await stream.close()


def test_what_was_told_as_history_is_not_told_again() -> None:
    told = mention(1, version=5)
    newer, other = mention(1, version=6), mention(2)
    records: Sequence[Record] = [mention(1, version=4), told, newer, other]
    assert Once([told])(records) == [newer, other]
