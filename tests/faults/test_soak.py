"""The long run: many posts through random faults of every part, one after the other."""

import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.faults.arena import Arena, Kept, pass_by, record, until
from tests.support.replays import counted, expected, make_posts
from tests.support.servers import Elasticsearch, Kafka
from tests.support.veille import Process

pytestmark = [pytest.mark.kafka, pytest.mark.elasticsearch, pytest.mark.soak]

LONGEST_SECONDS = 1800
"""After so long the last fault was: the rest goes through in peace."""
SHARE = 0.1
"""Of the posts speak of a topic, as in a stream that is searched for a name."""
POSTS_A_SECOND = 2500
"""As fast they come: the faults have time to meet them."""

Fault = Callable[[random.Random], None]


def faults_of(parts: tuple[Process, ...], kafka: Kafka, store: Elasticsearch) -> dict[str, Fault]:
    """Injuries that heal themselves or are healed within seconds, by name."""

    def frozen(part: Process | Kafka | Elasticsearch, rng: random.Random) -> None:
        part.pause()
        pass_by(rng.uniform(0.2, 4))
        part.resume()

    def broken(server: Kafka | Elasticsearch, rng: random.Random) -> None:
        server.kill()
        pass_by(rng.uniform(0, 1))
        server.restart()

    return {
        "process killed": lambda rng: rng.choice(parts).kill(),
        "process stopped": lambda rng: (rng.choice(parts).stop(), None)[1],
        "process frozen": lambda rng: frozen(rng.choice(parts), rng),
        "broker killed": lambda rng: broken(kafka, rng),
        "broker frozen": lambda rng: frozen(kafka, rng),
        "store killed": lambda rng: broken(store, rng),
        "store frozen": lambda rng: frozen(store, rng),
    }


def test_soak(
    arena: Arena, kafka: Kafka, elasticsearch: Elasticsearch, seed: int, posts_asked: int
) -> None:
    """`--posts` in all, at random moments for each of `--seeds`; every mention is compared."""
    rng = random.Random(seed)
    posts = make_posts(posts_asked, seed=seed, minutes=60_000 / posts_asked, share=SHARE)
    wanted = len(expected(posts, arena.folder))
    began, caused = time.monotonic(), Counter[str]()
    workers = arena.worker("a"), arena.worker("b")
    with (
        arena.collect(posts, seconds=len(posts) / POSTS_A_SECOND) as feed,
        Kept(*workers, feed.process) as kept,
    ):
        until(lambda: counted(arena.env) > 0, "the first mention is stored", seconds=300)
        faults = faults_of((*workers, feed.process), kafka, elasticsearch)
        left: list[str] = []
        while counted(arena.env) != wanted and time.monotonic() - began < LONGEST_SECONDS:
            pass_by(rng.uniform(3, 9))
            left = left or rng.sample(list(faults), len(faults))  # each as often as the others
            name = left.pop()
            with kept.steady():
                faults[name](rng)
            caused[name] += 1
        account = arena.settled(posts, seconds=600)
    told = ", ".join(f"{name} {count}" for name, count in sorted(caused.items()))
    record(
        fault=f"soak, seed {seed}: sources, workers, broker, store killed and frozen at random",
        behaviour="nothing is lost, nothing is twice",
        figure=f"{len(posts):,} posts, {caused.total()} faults ({told}) "
        f"in {time.monotonic() - began:.0f} s; {account}",
    )
