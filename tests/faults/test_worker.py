"""The worker: killed, frozen, told to stop, joined by others."""

import random

import pytest

from tests.faults.arena import Arena, record, until
from tests.support.replays import make_posts

pytestmark = [pytest.mark.kafka, pytest.mark.elasticsearch]


@pytest.mark.long
def test_kill_9_twenty_times(arena: Arena, seed: int) -> None:
    rng = random.Random(seed)
    posts = make_posts(20_000, seed=seed, minutes=2)
    with arena.replay(posts, speed="450") as replay:
        for _ in range(20):
            with arena.worker() as worker:
                until_working(arena, rng.uniform(0.0, 1.0))
                assert replay.running, "the replay ended before the last kill"
                worker.kill()
        with arena.worker() as worker:
            replay.summary()
            assert worker.stop() == 0
    record(
        fault="worker killed with kill -9, 20 times in one replay",
        behaviour="goes on from the last committed offset; what was under way is done again",
        figure=arena.account(posts),
    )


def until_working(arena: Arena, more: float) -> None:
    """Until the worker has committed something new, and a random while longer."""
    with arena.broker() as broker:
        before = broker.committed(broker.topics.posts)
        until(lambda: broker.committed(broker.topics.posts) > before, "the worker works")
    until_passed(more)


def until_passed(seconds: float) -> None:
    """A random moment: not a wait for something to be ready."""
    import threading

    threading.Event().wait(seconds)
