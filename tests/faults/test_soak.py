"""The long run: many posts through random faults of every part, one after the other."""

import random
import time
from collections.abc import Callable

import pytest

from tests.faults.arena import Arena, Kept, pass_by, record
from tests.support.replays import make_posts
from tests.support.servers import Elasticsearch, Kafka
from tests.support.veille import Process

pytestmark = [pytest.mark.kafka, pytest.mark.elasticsearch, pytest.mark.soak]

SHARE = 0.1
"""Of the posts speak of a topic, as in a stream that is searched for a name."""

Fault = Callable[[random.Random], None]


def faults_of(workers: tuple[Process, ...], kafka: Kafka, store: Elasticsearch) -> dict[str, Fault]:
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
        "worker killed": lambda rng: rng.choice(workers).kill(),
        "worker stopped": lambda rng: (rng.choice(workers).stop(), None)[1],
        "worker frozen": lambda rng: frozen(rng.choice(workers), rng),
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
    began, caused = time.monotonic(), dict.fromkeys(("worker killed",), 0)
    with Kept(arena.worker("a"), arena.worker("b")) as kept, arena.replay(posts) as replay:
        faults = faults_of(kept.processes, kafka, elasticsearch)
        while replay.running:
            pass_by(rng.uniform(1, 5))
            name = rng.choice(list(faults))
            with kept.steady():
                faults[name](rng)
            caused[name] = caused.get(name, 0) + 1
        replay.summary()
        arena.drained(seconds=600)
    account = arena.account(posts)
    record(
        fault=f"soak, seed {seed}: worker, broker and store killed, stopped and frozen at random",
        behaviour="nothing is lost, nothing is twice",
        figure=f"{len(posts):,} posts, {sum(caused.values())} faults "
        f"({', '.join(f'{name} {count}' for name, count in sorted(caused.items()))}) in "
        f"{time.monotonic() - began:.0f} s; {account}",
    )
