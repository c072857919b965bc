"""The worker: killed, frozen, told to stop, joined by others."""

import random
import time
from pathlib import Path

import pytest

from tests.faults.arena import Arena, Broker, Kept, pass_by, record, until
from tests.support.replays import make_posts
from tests.support.servers import Elasticsearch, Kafka, Server

pytestmark = [pytest.mark.kafka, pytest.mark.elasticsearch]

KILLS = 20


@pytest.mark.long
def test_kill_9_twenty_times(arena: Arena, seed: int) -> None:
    """The source grows between the kills, so that each of them meets work."""
    rng = random.Random(seed)
    posts = make_posts(KILLS * 500, seed=seed, minutes=4)
    size = len(posts) // KILLS
    with arena.collect([]) as feed:
        for start in range(0, len(posts), size):
            feed.append(posts[start : start + size])
            with arena.worker() as worker:
                _until_working(arena)
                pass_by(rng.uniform(0.0, 0.5))
                worker.kill()
        with arena.worker() as worker:
            account = arena.settled(posts)
            assert worker.stop() == 0
    record(
        fault=f"worker killed with kill -9, {KILLS} times in one run",
        behaviour="goes on from the last committed offset; what was under way is done again",
        figure=account,
    )


def test_sigterm_while_it_writes(arena: Arena, seed: int) -> None:
    rng = random.Random(seed)
    posts = make_posts(6000, seed=seed, minutes=6)
    with arena.replay(posts) as replay:
        with arena.worker() as worker:
            _until_working(arena)
            pass_by(rng.uniform(0.0, 0.3))
            began = time.monotonic()
            assert worker.stop() == 0
            took = time.monotonic() - began
        with arena.worker() as worker:
            replay.summary()
            assert worker.stop() == 0
    assert took < 10
    record(
        fault="worker told to stop (SIGTERM) while it writes",
        behaviour="finishes or leaves unacknowledged what is in flight, exits with 0",
        figure=f"stopped in {took:.1f} s; {arena.account(posts)}",
    )


@pytest.mark.long
def test_stop_while_the_store_hangs(arena: Arena, elasticsearch: Elasticsearch) -> None:
    code, took, account = _stopped_while(arena, elasticsearch)
    assert (code, took < 10) == (0, True)
    record(
        fault="worker told to stop while the store does not answer",
        behaviour="lets go of the write, unacknowledged, and exits with 0; it is done again",
        figure=f"stopped in {took:.1f} s; {account}",
    )


@pytest.mark.long
def test_stop_while_the_broker_hangs(arena: Arena, kafka: Kafka) -> None:
    code, took, account = _stopped_while(arena, kafka)
    assert (code, took < 10) == (1, True)
    record(
        fault="worker told to stop while the broker does not answer",
        behaviour="gives up after 8 s with exit code 1; what was not acknowledged is done again",
        figure=f"stopped in {took:.1f} s; {account}",
    )


def _stopped_while(arena: Arena, server: Server) -> tuple[int, float, str]:
    """Exit code and seconds of a worker that is stopped while a server is frozen."""
    posts = make_posts(3000)
    with arena.replay(posts, speed="2000") as replay:
        with arena.worker() as worker:
            _until_working(arena)
            server.pause()
            try:
                began = time.monotonic()
                code = worker.stop()
                took = time.monotonic() - began
            finally:
                server.resume()
        with arena.worker() as worker:
            replay.summary()
            assert worker.stop() == 0
    return code, took, str(arena.account(posts))


@pytest.mark.long
def test_a_zombie_wakes_up(arena: Arena, seed: int) -> None:
    """Frozen for longer than the session timeout: its partitions are another's when it wakes."""
    posts = make_posts(5000, seed=seed)
    with Kept(arena.worker("a"), arena.worker("b")) as kept, arena.replay(posts, speed="400") as it:
        until(lambda: _owners(arena) == 2, "both have partitions")
        kept.processes[0].pause()
        it.summary()
        kept.processes[0].resume()
        until(lambda: _owners(arena) == 2, "the zombie is back in the group")
        difference = arena.settled(posts)
    record(
        fault="worker frozen (SIGSTOP) for longer than its session, then awake again",
        behaviour="the other worker takes its partitions; what the zombie still holds is written "
        "by version, and the group refuses its commits",
        figure=f"{difference}; restarts {kept.restarts}",
    )


@pytest.mark.long
def test_rebalances_in_mid_batch(arena: Arena, seed: int) -> None:
    """One joins, one leaves, one is killed, one comes back, while posts go through."""
    rng = random.Random(seed)
    posts = make_posts(15_000, seed=seed, minutes=3)
    first, second, third = (arena.worker(name) for name in "abc")
    try:
        with arena.replay(posts, speed="500") as replay:
            steps = (first.start, second.start, first.stop, third.start, second.kill, first.start)
            for step in steps:
                step()
                _until_working(arena)
                pass_by(rng.uniform(0.0, 1.0))
            summary = replay.summary()
    finally:
        stopped = [one.stop() for one in (first, second, third) if one.running]
    assert stopped == [0, 0]
    assert summary["dead_letters"] == 0
    record(
        fault="rebalances in mid-batch: a worker joins, leaves, is killed, comes back",
        behaviour="slabs of revoked partitions are forgotten, not committed; the next owner reads "
        "them again",
        figure=arena.account(posts),
    )


@pytest.mark.long
def test_started_before_the_broker(tmp_path: Path, elasticsearch: Elasticsearch) -> None:
    kafka = Kafka(brief=True)
    arena = Arena.make(tmp_path, kafka=kafka.address, elasticsearch=elasticsearch.url)
    posts = make_posts(500)
    try:
        with arena.worker() as worker:
            until(lambda: "trying again" in arena.logs("worker-w"), "it tells that it waits")
            assert worker.running
            kafka.start()
            with arena.replay(posts) as replay:
                replay.summary()
            assert worker.stop() == 0
    finally:
        kafka.stop()
    record(
        fault="worker started before the broker",
        behaviour="says which address does not answer, tries again for two minutes",
        remedy="start the broker, or correct VEILLE_KAFKA__BOOTSTRAP_SERVERS",
        figure=arena.account(posts),
    )


@pytest.mark.long
def test_recovery_after_a_death(arena: Arena) -> None:
    """Started again at once, as every supervisor does: seconds until it commits again."""
    posts = make_posts(6000)
    with arena.replay(posts, speed="250") as replay:
        with arena.worker() as worker:
            _until_working(arena)
            worker.kill()
        with arena.worker() as worker:
            took = _until_working(arena)
            replay.summary()
            assert worker.stop() == 0
    assert took < 15
    record(
        fault="worker dies and is started again: recovery",
        behaviour="keeps its place in the group by its instance name, so no session runs out",
        figure=f"{took:.1f} s to the next commit; {arena.account(posts)}",
    )


@pytest.mark.long
def test_another_takes_over_after_a_death(arena: Arena) -> None:
    """Dead for good: seconds until the other has committed all that the dead one left."""
    posts = make_posts(3000)
    with arena.worker("a") as dead, arena.worker("b") as heir:
        with arena.replay(posts, speed="600") as replay:
            _until_working(arena)
            until(lambda: _owners(arena) == 2, "both have partitions")
            dead.kill()
            began = time.monotonic()
            replay.summary()
        took = max(time.monotonic() - began, arena.drained())
        assert heir.stop() == 0
    record(
        fault="worker dies for good: another takes over",
        behaviour="its partitions move when its session of 10 s has run out",
        figure=f"{took:.1f} s until all is stored; {arena.account(posts)}",
    )


def _until_working(arena: Arena) -> float:
    """Until something new of the posts is committed; the seconds it took."""
    with arena.broker() as broker:
        before = _posts_done(broker)
        return until(lambda: _posts_done(broker) > before, "the worker works")


def _posts_done(broker: Broker) -> int:
    return broker.committed(broker.topics.posts) or 0


def _owners(arena: Arena) -> int:
    with arena.broker() as broker:
        return broker.owners()
