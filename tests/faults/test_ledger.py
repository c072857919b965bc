"""The ledger through crashes: every column exact, every sum in balance."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.arena import Arena, Feed, pass_by, record, until
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


def break_at_work(
    process: Process, feed: Feed, told: Callable[[], int | None], rng: random.Random
) -> None:
    """`kill -9` a moment after it has got further, and start it again."""
    known = told() or 0
    until(lambda: feed.done or (told() or 0) > known, "it gets on")
    pass_by(rng.uniform(0.0, 0.7))
    process.kill()
    process.start()


@pytest.mark.long
def test_the_ledger_is_exact_through_kills_of_sources_and_worker(
    kafka: Kafka, tmp_path: Path, seed: int
) -> None:
    posts, rng = make_posts(5000, minutes=1), random.Random(seed)
    arena = Arena.make(tmp_path, kafka=kafka.address)
    with arena.worker() as worker, arena.collect(posts, seconds=25) as feed:
        with arena.broker() as broker:
            kills = 0
            while not feed.done:
                break_at_work(worker, feed, lambda: broker.committed(broker.topics.posts), rng)
                break_at_work(feed.process, feed, lambda: broker.ends(broker.topics.posts), rng)
                kills += 2
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
