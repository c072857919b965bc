"""The ledger through crashes: every column exact, every sum in balance."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.arena import Arena, pass_by, record, until
from tests.support.replays import make_posts
from tests.support.servers import Kafka
from tests.support.veille import Process, veille_json


def ledger(arena: Arena) -> dict[str, Any]:
    found: dict[str, Any] = veille_json("status", "--ledger", "--json", env=arena.env)
    return found


def settled(arena: Arena, count: int) -> dict[str, Any]:
    """The ledger once so many posts are published and nothing is on its way."""
    found: dict[str, Any] = {}

    def there() -> bool:
        found.update(ledger(arena))
        total = found["total"]
        return bool(total["published"] >= count and not total["waiting"])

    until(there, f"{count} posts in the ledger with none on its way", seconds=60)
    return found


def break_now_and_then(processes: list[Process], rng: random.Random, *, seconds: float) -> int:
    """`kill -9` of one after another, started again at once."""
    kills, deadline = 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        pass_by(rng.uniform(1.0, 4.0))
        victim = rng.choice(processes)
        victim.kill()
        victim.start()
        kills += 1
    return kills


@pytest.mark.long
def test_the_ledger_is_exact_through_kills_of_sources_and_worker(
    kafka: Kafka, tmp_path: Path
) -> None:
    posts = make_posts(3000, minutes=1)
    arena = Arena.make(tmp_path, kafka=kafka.address)
    with arena.worker() as worker, arena.collect(posts, seconds=20) as feed:
        kills = break_now_and_then([worker, feed.process], random.Random(5), seconds=24)
        arena.settled(posts)
        found = settled(arena, len(posts))
    total = found["total"]
    assert found["imbalance"] == found["missed"] == 0, found
    assert total["read"] == total["published"] == len(posts)
    assert total["matched"] + total["unmatched"] == len(posts)
    assert total["mentions"] == total["stored"] > 0
    record(
        fault="`kill -9` of sources and worker at random, the ledger read afterwards",
        behaviour="what was written again is told as such and counted nowhere else",
        figure=f"{kills} kills, {total['again']} written again, imbalance 0",
    )
