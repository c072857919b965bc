"""The store filled again from Kafka: every mention, retraction, label and dead letter that it
still keeps.

Reads without a consumer group, from the earliest record, so that workers are not disturbed. Writes
are idempotent by version. How far it has come is kept in the store itself, beside what it vouches
for: a store that was emptied again begins again.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from connectors import letters
from connectors.letters import DeadLetter
from streams import records
from streams.broker import Topics
from streams.clocks import held_label, held_record
from streams.errors import BrokerUnavailable
from streams.offsets import Offsets
from streams.records import Label, Record
from streams.settings import Kafka
from streams.store.letters import every_letter
from streams.store.port import Store
from streams.topic_reader import reading
from streams.yielding import Yielding

STATE: Final = "rebuild"
Note = Callable[[str, int, int], None]
"""Told of each topic how many of how many records are done."""


class Filled(msgspec.Struct, kw_only=True):
    """What came out of Kafka. `unreadable` records have their dead letters there already."""

    read: int = 0
    stored: int = 0
    stale: int = 0
    retracted: int = 0
    rejected: int = 0
    unreadable: int = 0
    letters: int = 0
    labels: int = 0
    resumed: bool = False
    oldest: datetime | None = None
    """When the oldest record that Kafka still keeps was written: what is older is not there."""


class Rebuild:
    """One filling of a store. `note` is told how far it has come."""

    def __init__(
        self, kafka: Kafka, store: Store, *, restart: bool = False, note: Note = lambda *_: None
    ) -> None:
        self._kafka = kafka
        self._store = store
        self._restart = restart
        self._note = note
        self._yielding = Yielding(store)
        self._known_letters: set[str] = set()
        self.filled = Filled()

    async def run(self) -> Filled:
        """To the records that are there now. Raises `BrokerUnavailable`."""
        topics = Topics.of(self._kafka.prefix)
        self._known_letters = {letter.id async for letter in every_letter(self._store)}
        try:
            await self._topic(topics.mentions, self._mentions)
            await self._topic(topics.labels, self._labels)
            await self._topic(topics.dead, self._letters)
        except KafkaError as error:
            raise BrokerUnavailable(
                f"{self._kafka.bootstrap_servers}: {error}. Remedy: start the broker and run this "
                "again: it goes on where it was"
            ) from error
        for topic in (topics.mentions, topics.labels, topics.dead):
            await self._store.put_state(STATE, topic, {"finished_at": datetime.now(UTC)})
        return self.filled

    async def _topic(self, topic: str, take: Callable[[list[ConsumerRecord]], Any]) -> None:
        async with reading(self._kafka, topic, await self._saved(topic)) as reader:
            while rows := await reader.next():
                await take(rows)
                await self._store.put_state(STATE, topic, {"offsets": reader.offsets})
                self.filled.read += len(rows)
                self._remember_oldest(rows)
                self._note(topic, reader.done, reader.total)

    async def _saved(self, topic: str) -> Offsets:
        if self._restart:
            return {}
        state = (await self._store.states(STATE)).get(topic, {})
        offsets = {int(partition): at for partition, at in state.get("offsets", {}).items()}
        self.filled.resumed = self.filled.resumed or bool(offsets)
        return offsets

    def _remember_oldest(self, rows: Iterable[ConsumerRecord]) -> None:
        oldest = datetime.fromtimestamp(min(row.timestamp for row in rows) / 1000, UTC)
        self.filled.oldest = min(oldest, self.filled.oldest or oldest)

    async def _mentions(self, rows: list[ConsumerRecord]) -> None:
        found: list[Record] = []
        for row in rows:
            try:
                record = records.decode_record(row.value or b"")
                found.append(held_record(record, row.timestamp))
            except msgspec.DecodeError:
                self.filled.unreadable += 1
        async for some in self._yielding.pieces(found):
            report = await self._store.write(some)
            self.filled.stored += report.stored
            self.filled.stale += report.stale
            self.filled.retracted += report.retracted
            self.filled.rejected += len(report.rejected)

    async def _letters(self, rows: list[ConsumerRecord]) -> None:
        """Those that the store has already are left as they are: their attempts would add up."""
        found: dict[str, DeadLetter] = {}
        gone: list[str] = []
        for row in rows:
            if not row.value:  # it was sent again, and went well
                name = (row.key or b"").decode("utf-8", "replace")
                found.pop(name, None)
                gone.append(name)
                continue
            try:
                letter = letters.decode(row.value)
            except msgspec.DecodeError:
                self.filled.unreadable += 1
            else:
                found |= {letter.id: letter} if letter.id not in self._known_letters else {}
        await self._store.drop_dead_letters(gone)
        await self._store.add_dead_letters(list(found.values()))
        self.filled.letters += len(found)

    async def _labels(self, rows: list[ConsumerRecord]) -> None:
        found: list[Label] = []
        for row in rows:
            try:
                found.append(held_label(records.decode_label(row.value or b""), row.timestamp))
            except msgspec.DecodeError:
                self.filled.unreadable += 1
        rejected = await self._store.add_labels(found)
        self.filled.labels += len(found) - len(rejected)
        self.filled.rejected += len(rejected)
