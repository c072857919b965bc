"""The ledger's sums, what may wait and what nothing explains, and the alert of the latter."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.account import Account, Row, hour_of
from streams.accountant import KIND, Accountant, lag_of
from streams.alerts.deaths import standing
from streams.balance import OLDER, Snapshot, balance, lines_of, snapshot
from streams.store.sqlite import SqliteStore
from streams.tally import Tally
from tests.support.mentions import opened

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
HOUR = hour_of(NOW)
IDLE: dict[str, int] = {"v.posts": 0, "v.mentions": 0}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path / "veille.db") as store:
        yield store


def at(
    lag: dict[str, int] | None = None, *, published: int = 10, dead: int = 1, **counts: int
) -> Snapshot:
    """One source's hour: 11 read, by default 10 published, and what became of them."""
    row = Row(read=11, published=published, dead=dead)
    tally = Tally(hours={"s": {HOUR: counts}})
    lines = lines_of({"s": Account(hours={HOUR: row})}, [msgspec.to_builtins(tally)], NOW)
    return Snapshot(lines=lines, lag=lag)


def judged(before: Snapshot, after: Snapshot) -> tuple[int, int]:
    total = balance(before, after).total
    return total.imbalance, total.waiting


def test_all_accounted_for() -> None:
    done = at(IDLE, matched=3, unmatched=6, refused=1, mentions=4, stored=3, dropped=1)
    assert judged(done, done) == (0, 0)
    assert balance(done, done).verdict == "In balance: nothing lost, nothing twice"


def test_what_the_broker_holds_is_waiting_and_what_it_does_not_hold_is_lost() -> None:
    part = {"matched": 3, "unmatched": 5, "mentions": 4, "stored": 1}
    held = {"v.posts": 2, "v.mentions": 3}
    assert judged(at(held, **part), at(held, **part)) == (0, 5)
    assert judged(at(IDLE, **part), at(IDLE, **part)) == (5, 0)
    assert judged(at(None, **part), at(None, **part)) == (0, 5), "no worker lives: all waits"
    only_posts = {"v.posts": 2, "v.mentions": 0}
    assert judged(at(only_posts, **part), at(only_posts, **part)) == (3, 2)


def test_what_is_there_twice_is_never_explained() -> None:
    held = {"v.posts": 2, "v.mentions": 3}
    assert judged(*[at(held, matched=8, unmatched=3, mentions=4, stored=6)] * 2) == (3, 0)
    assert judged(*[at(IDLE, published=9, matched=9)] * 2) == (1, 0), "read and gone"


def test_what_flows_between_two_looks_is_no_imbalance() -> None:
    before = at(IDLE, matched=2, unmatched=5, mentions=3, stored=1)
    after = at(IDLE, matched=3, unmatched=7, mentions=5, stored=4)
    assert judged(before, after) == (0, 1)
    assert judged(after, after) == (1, 0)


def test_a_source_without_an_account_is_judged_by_its_mentions_alone() -> None:
    tally = Tally(hours={"elsewhere": {HOUR: {"matched": 3, "mentions": 4, "stored": 3}}})
    found = Snapshot(lines=lines_of({}, [msgspec.to_builtins(tally)], NOW), lag=IDLE)
    assert judged(found, found) == (1, 0)
    assert not balance(found, found).lines[0].told


def test_hours_that_one_part_has_folded_and_another_not_are_one_line() -> None:
    old = hour_of(NOW - timedelta(hours=48))
    account = Account(hours={old: Row(read=2, published=2)}, older=Row(read=3, published=3))
    tally = Tally(older={"s": {"unmatched": 5}})
    lines = lines_of({"s": account}, [msgspec.to_builtins(tally)], NOW)
    assert [(key, line.published, line.unmatched) for key, line in lines.items()] == [
        (("s", OLDER), 5, 5)
    ]
    found = Snapshot(lines=lines, lag=IDLE)
    assert balance(found, found, since=NOW - timedelta(hours=24)).lines == []


def test_a_verdict_speaks_of_loss_that_the_broker_made() -> None:
    done = at(IDLE, unmatched=10)
    assert "dropped 7 records unread" in balance(done, done, missed=7).verdict
    lost = balance(at(IDLE, unmatched=8), at(IDLE, unmatched=8))
    assert lost.verdict.startswith("Out of balance by 2 records")


def test_lag_is_that_of_living_workers() -> None:
    fresh, gone = NOW.isoformat(), (NOW - timedelta(minutes=1)).isoformat()
    workers: dict[str, dict[str, Any]] = {
        "a": {"seen_at": fresh, "lag": {"v.posts": 2}},
        "b": {"seen_at": fresh, "lag": {"v.posts": 3, "v.mentions": 1}},
        "c": {"seen_at": gone, "lag": {"v.posts": 99}},
        "d": {"seen_at": 5},
    }
    assert lag_of(workers, NOW) == {"v.posts": 5, "v.mentions": 1}
    assert lag_of({"c": workers["c"]}, NOW) is None


async def test_an_imbalance_that_lasts_is_an_alert_until_it_is_over(store: SqliteStore) -> None:
    accountant, now = Accountant(store), NOW

    async def look(stored: int, seconds: int) -> list[str]:
        nonlocal now
        now += timedelta(seconds=seconds)
        tally = Tally(hours={"s": {HOUR: {"matched": 1, "mentions": 2, "stored": stored}}})
        await store.put_state("tally", "index/0", msgspec.to_builtins(tally))
        worker = {"seen_at": now.isoformat(), "lag": {"v.posts": 0, "v.mentions": 0}}
        await store.put_state("worker", "w", worker)
        await accountant.look(now)
        return [alert.kind for alert in await standing(store)]

    assert await look(1, 0) == []
    assert await look(1, 10) == [], "it may still be on its way"
    assert await look(1, 110) == []
    assert await look(1, 10) == [KIND]
    (alert,) = await standing(store)
    assert (alert.since, alert.figures["imbalance"]) == (NOW + timedelta(seconds=10), 1)
    assert f"s {HOUR}" in alert.text
    assert await look(2, 10) == []
    assert await look(1, 10) == [], "it begins anew"


async def test_a_worker_started_anew_takes_back_an_alert_that_is_over(store: SqliteStore) -> None:
    alert = {"kind": KIND, "since": NOW.isoformat(), "text": "t"}
    await store.put_state("alert", KIND, alert)
    assert [one.kind for one in await standing(store)] == [KIND]
    accountant = Accountant(store)
    await accountant.look(NOW)
    await accountant.look(NOW + timedelta(seconds=10))
    assert await standing(store) == []


async def test_snapshots_come_from_what_parts_told(store: SqliteStore) -> None:
    account = Account(batch=5, hours={HOUR: Row(read=1, published=1)})
    await store.put_state("account", "s", msgspec.to_builtins(account))
    tally = Tally(open={"s": {"5": {HOUR: {"unmatched": 1}}, "6": {HOUR: {"unmatched": 9}}}})
    await store.put_state("tally", "filter/0", msgspec.to_builtins(tally))
    found = await snapshot(store, NOW, lag=IDLE)
    assert judged(found, found) == (0, 0)
    assert found.lines[("s", HOUR)].unmatched == 1, "batch 6 is not vouched for yet"
