"""The store held against Kafka: what is missing in it, what is older there, what should be gone.

Kafka's mentions and retractions are read from the earliest that it keeps; of each mention the
newest version counts. Then the workers' group must have come as far, and the store is read through.
Nothing is changed. What differs is looked at a second time, with what Kafka was given meanwhile.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import msgspec
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from streams import records
from streams.broker import Topics, librdkafka_config
from streams.clocks import held_record
from streams.errors import BrokerUnavailable
from streams.expected import Due, Expected, Verdict
from streams.offsets import Offsets, Progress
from streams.records import Mention, Record
from streams.settings import Settings
from streams.store.erasures import Erased
from streams.store.port import Filter, Store
from streams.topic_reader import reading

_PATIENCE_SECONDS: Final = 30.0
_PAGE: Final = 1_000
_NAMED: Final = 20
_AGAIN: Final = 2_000
"""How many that differ are looked at a second time; beyond that it is no matter of moments."""
_Differs = Literal["missing", "extra", "older", "standing"]
Note = Callable[[str, int, int | None], None]
"""Told of what is read how many are done, and of how many where that is known."""


class Verified(msgspec.Struct, kw_only=True):
    """What was found. `stored` mentions were compared; `missing` in the store; `extra` ones are not
    in Kafka; `older` ones have a newer version there; `standing` ones were taken back there.
    `before` are older than what Kafka keeps; so many records are `waiting` for a worker. `ids`
    names some of each."""

    read: int = 0
    unreadable: int = 0
    expected: int = 0
    stored: int = 0
    missing: int = 0
    extra: int = 0
    older: int = 0
    standing: int = 0
    before: int = 0
    waiting: int = 0
    ids: dict[str, list[str]] = {}
    keeps_since: datetime | None = None
    """Kafka has dropped what is older; `null`: it has everything."""

    @property
    def sound(self) -> bool:
        return not (self.missing or self.extra or self.older or self.standing)


class Verify:
    """One comparison, of mentions of `where`'s topics, of posts no older than its `since`."""

    def __init__(
        self, settings: Settings, store: Store, where: Filter, note: Note = lambda *_: None
    ) -> None:
        self._settings = settings
        self._kafka = settings.kafka
        self._topic = Topics.of(settings.kafka.prefix).mentions
        self._store = store
        self._where = msgspec.structs.replace(where, hidden="any")
        self._note = note
        self._erased = Erased()
        self._at: Offsets = {}
        self._differ: dict[str, _Differs] = {}
        self._beyond: Counter[_Differs] = Counter()
        self.found = Verified()

    async def run(self) -> Verified:
        """Raises `BrokerUnavailable` and `StoreError`."""
        began = datetime.now(UTC)
        with tempfile.TemporaryDirectory(prefix="veille-verify-") as folder:
            expected = Expected(Path(folder) / "expected.sqlite3")
            try:
                self._erased = await self._store.erased()
                await self._read(expected)
                self.found.expected = expected.alive()
                await self._compare(expected, began)
                for mention_id in expected.missing():
                    self._tell(mention_id, "missing")
                if self._differ and not self._beyond:
                    await self._look_again(expected)
                self._sum()
            except KafkaError as error:
                raise BrokerUnavailable(
                    f"{self._kafka.bootstrap_servers}: {error}. Remedy: start the broker"
                ) from error
            finally:
                expected.close()
        return self.found

    async def _read(self, expected: Expected) -> None:
        """On to the records that are there now, and until the workers have stored them."""
        async with reading(self._kafka, self._topic, self._at) as reader:
            short = {number for number, first in reader.first.items() if first and not self._at}
            while rows := await reader.next():
                expected.take(self._wanted(rows))
                self.found.read += len(rows)
                self._shorten(rows, short)
                self._note(self._topic, reader.done, reader.total)
            self._at = {int(number): at for number, at in reader.offsets.items()}
            goal = reader.ends
        if short:
            self.found.keeps_since = datetime.now(UTC)
        self.found.waiting = await self._lag(goal)
        await asyncio.sleep(self._settings.store.refresh_seconds if self._settings.store.url else 0)

    def _shorten(self, rows: Iterable[ConsumerRecord], short: set[int]) -> None:
        """The first record of each partition that has lost some tells since when it is whole."""
        for row in rows:
            if row.partition in short:
                short.discard(row.partition)
                first = datetime.fromtimestamp(row.timestamp / 1000, UTC)
                self.found.keeps_since = max(first, self.found.keeps_since or first)

    def _wanted(self, rows: Iterable[ConsumerRecord]) -> list[tuple[Record, Due]]:
        wanted: list[tuple[Record, Due]] = []
        for row in rows:
            try:
                record = held_record(records.decode_record(row.value or b""), row.timestamp)
            except msgspec.DecodeError:
                self.found.unreadable += 1
                continue
            if not isinstance(record, Mention):
                wanted.append((record, Due.SHOWN))
            elif self._asked(record):
                wanted.append((record, self._due(record)))
        return wanted

    def _due(self, mention: Mention) -> Due:
        if self._erased.covers(mention.post):
            return Due.GONE
        days = self._settings.store.keep_mentions_days
        kept = not days or datetime.now(UTC) - mention.post.created_at < timedelta(days=days)
        return Due.SHOWN if kept else Due.EITHER

    def _asked(self, mention: Mention) -> bool:
        since, topics = self._where.since, self._where.topics
        old = since is not None and mention.post.created_at < since
        return not old and (not topics or mention.topic in topics)

    async def _lag(self, goal: Offsets) -> int:
        """How many of these records no worker has stored, after some patience."""
        progress = Progress(librdkafka_config(self._kafka), self._kafka.group)
        began = time.monotonic()
        try:
            while True:
                done = await progress.committed(self._topic)
                lag = sum(max(0, end - done.get(number, 0)) for number, end in goal.items())
                if not lag or time.monotonic() - began > _PATIENCE_SECONDS:
                    return lag
                await asyncio.sleep(0.2)
        finally:
            await progress.close()

    async def _compare(self, expected: Expected, began: datetime) -> None:
        cursor = ""
        while True:
            page = await self._store.search(self._where, limit=_PAGE, cursor=cursor, order="oldest")
            for mention, verdict in zip(page.mentions, expected.judge(page.mentions), strict=True):
                self._judged(mention, verdict, began)
            self.found.stored += len(page.mentions)
            self._note("the store", self.found.stored, None)
            if not (cursor := page.cursor):
                return

    def _judged(self, mention: Mention, verdict: Verdict, began: datetime) -> None:
        if verdict == "extra" and mention.processed_at >= began:
            return  # it came after we had read Kafka
        since = self.found.keeps_since
        if verdict == "extra" and since and mention.processed_at <= since:
            self.found.before += 1
        elif verdict != "same":
            self._tell(mention.id, verdict)

    def _tell(self, mention_id: str, differs: _Differs) -> None:
        if len(self._differ) < _AGAIN:
            self._differ[mention_id] = differs
        else:
            self._beyond[differs] += 1

    async def _look_again(self, expected: Expected) -> None:
        await self._read(expected)
        still: dict[str, _Differs] = {}
        for mention_id, differs in self._differ.items():
            mention = await self._store.get(mention_id)
            if mention is not None:
                (verdict,) = expected.judge([mention])
                if verdict != "same":
                    still[mention_id] = verdict
            elif differs == "missing":
                still[mention_id] = differs
        missing = set(expected.missing())
        self._differ = {
            mention_id: differs
            for mention_id, differs in still.items()
            if differs != "missing" or mention_id in missing
        }

    def _sum(self) -> None:
        counted = self._beyond + Counter(self._differ.values())
        for differs, number in counted.items():
            setattr(self.found, differs, number)
        for mention_id, differs in self._differ.items():
            some = self.found.ids.setdefault(differs, [])
            if len(some) < _NAMED:
                some.append(mention_id)
