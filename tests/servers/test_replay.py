"""The whole way on the real servers: every mention compared with the pure function's answer."""

import random
import threading
import time
from pathlib import Path

import pytest

from connectors import post
from tests.support.replays import (
    assert_same,
    counted,
    expected,
    installation_in,
    make_posts,
    stored,
    write_jsonl,
)
from tests.support.servers import Elasticsearch, Kafka
from tests.support.veille import Process, veille_json

pytestmark = [pytest.mark.kafka, pytest.mark.elasticsearch]


@pytest.fixture
def installation(kafka: Kafka, elasticsearch: Elasticsearch, tmp_path: Path) -> dict[str, str]:
    """Settings of an installation of its own on the shared servers, as environment."""
    return installation_in(tmp_path, kafka=kafka.address, elasticsearch=elasticsearch.url)


def test_every_mention_is_the_pure_functions(installation: dict[str, str], tmp_path: Path) -> None:
    posts = make_posts(2000, minutes=28)  # two monthly indices
    path = write_jsonl(posts, tmp_path / "posts.jsonl")
    with Process("worker", "--instance", "w", env=installation, log=tmp_path / "worker.log") as one:
        summary = veille_json("replay", str(path), "--json", env=installation)
        assert one.stop() == 0, one.log.read_text()
    wanted = expected(posts, tmp_path)
    assert len(wanted) > 1000
    assert len({one.post.created_at.month for one in wanted.values()}) == 2
    assert_same(stored(installation), wanted)
    assert (summary["read"], summary["published"]) == (len(posts), len(posts))
    assert (summary["dead_letters"], summary["missed"]) == (0, 0)
    assert summary["stored"] + summary["stale"] == summary["mentions"]


def test_kill_9_of_the_worker_loses_nothing(installation: dict[str, str], tmp_path: Path) -> None:
    posts = make_posts(seed=4)
    path = write_jsonl(posts, tmp_path / "posts.jsonl")
    env, log = installation, tmp_path / "worker.log"
    kills = threading.Thread(target=_kill_and_restart, args=(env, log, stop := threading.Event()))
    kills.start()
    try:
        veille_json("replay", str(path), "--json", "--speed", "800", env=installation)
    finally:
        stop.set()
        kills.join(30)
    assert_same(stored(installation), expected(posts, tmp_path))


def _kill_and_restart(env: dict[str, str], log: Path, stop: threading.Event) -> None:
    """A worker, killed twice while what it stores comes in, and started again each time."""
    rng = random.Random(1)
    for _ in range(2):
        before = counted(env)
        with Process("worker", "--instance", "w", env=env, log=log) as one:
            while counted(env) <= max(0, before) and not stop.is_set():
                assert one.running, log.read_text()
            stop.wait(rng.uniform(0, 1))
            one.kill()
        if stop.is_set():
            return  # all is stored already: a worker told to stop while it starts proves nothing
    with Process("worker", "--instance", "w", env=env, log=log) as one:
        while not stop.wait(0.2):
            assert one.running, log.read_text()
        assert one.stop() == 0


def test_poison_becomes_dead_letters_and_the_rest_goes_on(
    installation: dict[str, str], tmp_path: Path
) -> None:
    good = make_posts(100)
    lines = [post.encode(one) for one in good]
    lines[10:10] = [b"not json", b'{"id": 5}', b'{"id": "x", "text": 3}', b"\xff\xfe\x00"]
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(lines))
    with Process("worker", env=installation, log=tmp_path / "worker.log"):
        summary = veille_json("replay", str(path), "--json", env=installation)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            status = veille_json("status", "--json", env=installation)
            if status["dead_letters"] == summary["dead_letters"]:
                break
    assert summary["published"] == len(good)
    assert summary["read"] == len(good) + summary["dead_letters"]
    assert status["dead_letters"] == summary["dead_letters"] >= 3
    assert_same(stored(installation), expected(good, tmp_path))
