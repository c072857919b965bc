"""The archive of a cluster: `veille.posts` read back, for as long as Kafka keeps it.

Reads without a consumer group, so that workers are not disturbed, and backwards in windows of
offsets, so that the newest version of a post is met first and memory stays bounded.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka import partition_of
from connectors.post import Post
from streams.archive.blocks import Head, head, moment, whole
from streams.archive.port import ArchiveError, Size
from streams.archive.posts import conversation, history, latest_of
from streams.archive.seen import Seen
from streams.broker import Topics, aiokafka_config
from streams.settings import Kafka
from streams.store.erasures import Erased, Erasure
from streams.store.rules import millis, url_key

LOOKS_AT: Final = 100_000
"""Posts, the newest ones, that a look-up by id, URL or thread reads: a second or two."""
WINDOW: Final = 2_000
_TIMEOUT_MS: Final = 10_000

KnownErased = Callable[[], Awaitable[Erased]]
_Span = tuple[TopicPartition, int, int]
"""Offsets of a partition: from, and up to."""


async def _nobody() -> Erased:
    return Erased()


class KafkaArchive:
    """`streams.archive.port.Archive` over the topic. `erased` tells whose posts are not shown."""

    indexed = False

    def __init__(self, kafka: Kafka, erased: KnownErased = _nobody) -> None:
        self._kafka = kafka
        self._topic = Topics.of(kafka.prefix).posts
        self._erased = erased

    async def append(self, posts: Sequence[bytes]) -> None:
        """They are in the topic already."""

    async def latest(self, n: int) -> list[Post]:
        found: list[ConsumerRecord] = []
        async with self._consumer() as consumer:
            spans = await self._spans(consumer)
            size = max(WINDOW, 2 * n // max(1, len(spans)))
            while any(low < high for _, low, high in spans) and len(_ids(found)) < n:
                windows = [(place, max(low, high - size), high) for place, low, high in spans]
                for window in windows:
                    found += await _read(consumer, window)
                    if len(found) > 8 * n + WINDOW:
                        break
                spans = [
                    (place, low, begin)
                    for (place, low, _), (_, begin, _) in zip(spans, windows, strict=True)
                ]
        found.sort(key=lambda row: (row.timestamp, row.offset), reverse=True)
        with Seen() as seen:
            return (await self._once(found, seen))[:n]

    async def since(self, moment: datetime) -> AsyncIterator[list[Post]]:
        async with self._consumer() as consumer:
            with Seen() as seen:
                for place, low, high in await self._spans(consumer, millis(moment)):
                    end = high
                    while low < end:
                        begin = max(low, end - WINDOW)
                        rows = await _read(consumer, (place, begin, end))
                        if batch := await self._once(reversed(rows), seen):
                            yield batch
                        end = begin

    async def versions(self, post_id: str) -> list[Post]:
        key = post_id.encode("utf-8", "replace")
        return history(await self._lookup(lambda one: one.id == post_id, key))

    async def by_url(self, url: str) -> list[Post]:
        wanted = url_key(url)
        return latest_of(await self._lookup(lambda one: url_key(one.url) == wanted))

    async def thread(self, post_id: str) -> list[Post]:
        return conversation(await self._lookup(lambda one: one.answers(post_id)))

    async def size(self) -> Size:
        """Without the bytes, which Kafka does not tell."""
        async with self._consumer() as consumer:
            spans = [span for span in await self._spans(consumer) if span[1] < span[2]]
            ends = [await _read(consumer, (place, low, low + 1)) for place, low, _ in spans]
            ends += [await _read(consumer, (place, high - 1, high)) for place, _, high in spans]
        times = [row.timestamp for rows in ends for row in rows]
        return Size(
            posts=sum(high - low for _, low, high in spans),
            oldest=moment(min(times)) if times else None,
            newest=moment(max(times)) if times else None,
        )

    async def prune(self, now: datetime) -> int:
        """Kafka forgets by itself: `kafka.retention_hours`."""
        return 0

    async def ids_of(self, erased: Erased) -> set[tuple[str, str]]:
        return set()

    async def erase(self, erasures: Sequence[Erasure], *, dry_run: bool = False) -> int:
        """Nothing of theirs is shown any more; Kafka forgets it with time."""
        return 0

    async def close(self) -> None: ...

    async def _once(self, rows: Iterable[ConsumerRecord], seen: Seen) -> list[Post]:
        """Each post in the version that is met first, and none that is deleted."""
        erased = await self._erased()
        read = [(row, one) for row in rows if (one := head(row.value or b""))]
        new = seen.new([one.id for _, one in read])
        found: list[Post] = []
        for row, one in read:
            if one.id in new:
                new.discard(one.id)
                post = whole((row.timestamp, row.value or b""))
                if post and post.state != "deleted" and not erased.covers(post):
                    found.append(post)
        return found

    async def _lookup(self, wanted: Callable[[Head], bool], key: bytes | None = None) -> list[Post]:
        """Of the newest posts, those wanted, oldest first within a partition."""
        erased = await self._erased()
        found: list[Post] = []
        async with self._consumer() as consumer:
            spans = await self._spans(consumer)
            if key is not None:
                mine = partition_of(key, len(spans))
                spans = [span for span in spans if span[0].partition == mine]
            share = LOOKS_AT // max(1, len(spans))
            for place, low, high in spans:
                begin = max(low, high - share)
                while begin < high:
                    rows = await _read(consumer, (place, begin, min(high, begin + WINDOW)))
                    found += [
                        post
                        for row in rows
                        if (one := head(row.value or b"")) and wanted(one)
                        if (post := whole((row.timestamp, row.value or b"")))
                    ]
                    begin += WINDOW
        return [post for post in found if not erased.covers(post)]

    async def _spans(self, consumer: AIOKafkaConsumer, first: int | None = None) -> list[_Span]:
        """All that is kept, or what came in from `first` on, in milliseconds since 1970."""
        places = sorted(consumer.assignment())
        begins = await consumer.beginning_offsets(places)
        ends = await consumer.end_offsets(places)
        if first is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(places, max(0, first)))
            begins = {
                place: told.offset if (told := found.get(place)) else ends[place]
                for place in places
            }
        return [(place, begins[place], ends[place]) for place in places]

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            self._topic,
            **aiokafka_config(self._kafka),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            yield consumer
        except KafkaError as error:
            raise ArchiveError(
                f"{self._kafka.bootstrap_servers}: {self._topic} can't be read: {error}. "
                "Remedy: start the broker"
            ) from error
        finally:
            await consumer.stop()


def _ids(rows: Iterable[ConsumerRecord]) -> set[bytes]:
    return {row.key or b"" for row in rows}


async def _read(consumer: AIOKafkaConsumer, span: _Span) -> list[ConsumerRecord]:
    """The records of a span. Raises `ArchiveError` where the broker does not send them in time."""
    place, low, high = span
    found: list[ConsumerRecord] = []
    if low >= high:
        return found
    others = [one for one in consumer.assignment() if one != place]
    consumer.pause(*others)
    consumer.resume(place)
    consumer.seek(place, low)
    deadline = asyncio.get_running_loop().time() + _TIMEOUT_MS / 1000
    while await consumer.position(place) < high:
        got = await consumer.getmany(place, timeout_ms=1000, max_records=high - low)
        found += [row for row in got.get(place, []) if row.offset < high]
        if asyncio.get_running_loop().time() > deadline:
            raise ArchiveError(f"{place.topic}/{place.partition}: the broker sends nothing")
    return found
