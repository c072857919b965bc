"""What the broker dropped unread: one record, the same however often a gap is met, and receipts
that see it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from connectors.errors import Retriable
from streams.agents import LetterAgent
from streams.broker import Topics
from streams.durable import Stored
from streams.errors import StoreError
from streams.gaps import KEPT, MISSED, Dropped, Gap, Gaps, by_topic, dropped, with_gap
from streams.ledger import Ledger
from streams.slab import Slab
from streams.store import patience
from streams.store.sqlite import SqliteStore
from tests.support.mentions import opened

PLACE = "veille.posts/0"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


def gap(first: int, end: int, life: str = "") -> Gap:
    return Gap(first=first, records=end - first, at="2026-05-01T08:00:00+00:00", life=life)


def told(*gaps: Gap) -> Dropped:
    known = Dropped()
    for one in gaps:
        known = with_gap(known, one)
    return known


def bounds(known: Dropped) -> list[tuple[int, int]]:
    return [(one.first, one.end) for one in known.gaps]


async def test_a_gap_is_kept_with_its_place_and_time(store: SqliteStore) -> None:
    await Gaps(store).note(PLACE, before=10, missed=3)
    await Gaps(store).note(PLACE, before=35, missed=5)
    await Gaps(store).note("veille.labels/1", before=1, missed=1)
    states = await store.states(MISSED)
    kept = states[PLACE]
    assert (kept["records"], kept["count"]) == (8, 2)
    assert [(one["first"], one["records"]) for one in kept["gaps"]] == [(7, 3), (30, 5)]
    assert all(one["at"].startswith("20") for one in kept["gaps"])
    assert by_topic(states) == {"veille.posts": 8, "veille.labels": 1}
    assert dropped(states) == 9


async def test_a_gap_met_again_after_a_crash_changes_nothing(store: SqliteStore) -> None:
    await Gaps(store).note(PLACE, before=10, missed=3)
    before = await store.states(MISSED)
    await Gaps(store).note(PLACE, before=10, missed=3)
    assert await store.states(MISSED) == before


def test_a_gap_that_grew_before_it_is_met_again_counts_what_is_new() -> None:
    known = told(gap(7, 10), gap(20, 25), gap(5, 30))
    assert (known.records, known.count, bounds(known)) == (25, 1, [(5, 30)])
    assert told(gap(7, 10), gap(8, 9)) == told(gap(7, 10))


def test_gaps_that_touch_are_not_the_same() -> None:
    assert bounds(told(gap(7, 10), gap(10, 12))) == [(7, 10), (10, 12)]


def test_the_same_offsets_in_another_life_of_the_topic_are_another_gap() -> None:
    known = told(gap(7, 10, "a"), gap(7, 10, "b"))
    assert (known.records, known.count) == (6, 2)


def test_only_the_latest_gaps_are_kept_and_all_are_counted() -> None:
    known = told(*(gap(10 * number, 10 * number + 1) for number in range(KEPT + 5)))
    assert (known.records, known.count, len(known.gaps)) == (KEPT + 5, KEPT + 5, KEPT)
    assert known.gaps[-1].first == 10 * (KEPT + 4)


async def test_what_was_kept_before_gaps_were_counted_is_read(store: SqliteStore) -> None:
    old = {"at": "2026-05-01T08:00:00+00:00", "first": 7, "records": 3}
    await store.put_state(MISSED, PLACE, {"records": 3, "gaps": [old]})
    await Gaps(store).note(PLACE, before=10, missed=3)
    await Gaps(store).note(PLACE, before=20, missed=1)
    assert (await store.states(MISSED))[PLACE]["records"] == 4


async def test_a_gap_waits_for_a_store_that_is_away(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "REST_SECONDS", 0.01)
    away = Away(store)
    await Gaps(away).note(PLACE, before=10, missed=3)  # type: ignore[arg-type]
    assert (await store.states(MISSED))[PLACE]["records"] == 3


class Away:
    """A store that does not answer the first two questions."""

    def __init__(self, store: SqliteStore) -> None:
        self._store, self.put_state = store, store.put_state
        self._asked = 0

    async def states(self, kind: str) -> dict[str, dict[str, Any]]:
        self._asked += 1
        if self._asked < 3:
            raise StoreError("away")
        return await self._store.states(kind)


class Reached:
    """A broker whose records have all been read."""

    async def ends(self, topic: str) -> dict[int, int]:
        return {}

    async def reached(self, topic: str, ends: dict[int, int]) -> None: ...


async def test_a_receipt_sees_a_gap_once_and_also_one_of_a_later_life(store: SqliteStore) -> None:
    stored = Stored(Reached(), Topics.of("veille"), store)  # type: ignore[arg-type]
    await stored.start()
    await stored()
    for life in ("a", "b"):
        await Gaps(store).note(PLACE, 10, 3, life)
        with pytest.raises(Retriable, match="3 records were dropped"):
            await stored()
        await Gaps(store).note(PLACE, 10, 3, life)
        await stored()
    await Gaps(store).note(PLACE, 12, 5, "b")
    with pytest.raises(Retriable, match="2 records were dropped"):
        await stored()


class Event:
    """One slab after a gap, and what there was of it in the store when it was acknowledged."""

    def __init__(self, order: list[str]) -> None:
        row = ConsumerRecord("veille.dead-letters", 2, 9, 0, 0, b"k", b"", None, 1, 1, ())
        self.value, self._order = Slab([row], missed=4), order

    def ack(self) -> None:
        self._order.append("acknowledged")


class Stream:
    def __init__(self, event: Event) -> None:
        self._event = event

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        yield self._event


async def test_an_agent_notes_a_gap_before_it_acknowledges_past_it(store: SqliteStore) -> None:
    order: list[str] = []

    async def note(place: str, before: int, missed: int) -> None:
        await asyncio.sleep(0.05)
        order.append(f"{missed} of {place} before {before}")

    async def crash(error: BaseException) -> None:
        raise error

    agent = LetterAgent(store=store, ledger=Ledger(), crash=crash)
    agent.on_gap = note
    await agent.run(Stream(Event(order)))
    while len(order) < 2:
        await asyncio.sleep(0.01)
    assert order == ["4 of veille.dead-letters/2 before 9", "acknowledged"]
