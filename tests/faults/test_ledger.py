"""The ledger through crashes: every column exact, every sum in balance."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.arena import Arena, Feed, pass_by, record, until
from tests.support.replays import expected, make_posts, stored, write_jsonl
from tests.support.servers import Kafka, free_port
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

    try:
        until(there, f"{count} posts in the ledger with none on its way", seconds=60)
    except AssertionError as error:
        raise AssertionError(f"{error}: {found}") from None
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
    assert found["imbalance"] == found["missed"] == 0, json.dumps(found)
    assert total["read"] == total["published"] == len(posts)
    assert total["matched"] + total["unmatched"] == len(posts)
    assert total["mentions"] == total["stored"] > 0
    record(
        fault="`kill -9` of sources and worker at random, the ledger read afterwards",
        behaviour="what was written again is told as such and counted nowhere else",
        figure=f"{kills} kills, {total['again']} written again, imbalance 0",
    )


@pytest.mark.long
def test_the_ledger_is_exact_through_kills_of_veille_up(embedded: Arena, seed: int) -> None:
    """The broker goes with it, and offsets begin again: what was on its way is read again."""
    posts, rng = make_posts(4000, minutes=1), random.Random(seed)
    path = write_jsonl(posts, embedded.folder / "feed.jsonl")
    source = {"id": "feed", "connector": "file", "path": str(path), "collected_at": "created"}
    settings = embedded.folder / "veille.yaml"
    settings.write_text(json.dumps({"sources": [source]}), encoding="utf-8")
    wanted = expected(posts, embedded.folder)
    with embedded.process("up", "--port", str(free_port()), log="up") as up:
        for _ in range(3):
            until(lambda: "Veille is up" in embedded.logs("up"), "it is up")
            pass_by(rng.uniform(0.0, 2.5))
            up.kill()
            (embedded.folder / "up.log").write_text("", encoding="utf-8")
            up.start()
        until(lambda: len(stored(embedded.env)) == len(wanted), "all is stored")
        found = settled(embedded, len(posts))
    embedded.account(posts)
    total = found["total"]
    assert found["imbalance"] == found["missed"] == 0, json.dumps(found)
    assert total["read"] == total["published"] == len(posts)
    assert total["mentions"] == total["stored"] > 0
    record(
        fault="`kill -9` of `veille up`, and so of its broker in memory",
        behaviour="sources go on from before the first post that was not stored",
        figure=f"3 kills, {total['again']} written again, imbalance 0",
    )
