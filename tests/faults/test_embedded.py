"""`veille up`: killed as a whole or in part, and a broker in memory that forgets."""

import asyncio
import base64
import functools
import json
import os
import random
import re
import signal
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from connectors.kafka import partition_of
from connectors.post import Post, encode
from streams.errors import StoreError
from streams.store.port import Filter
from tests.faults.arena import Arena, pass_by, record, until
from tests.support.replays import (
    Difference,
    assert_same,
    expected,
    make_posts,
    store_of,
    stored,
    write_jsonl,
)
from tests.support.veille import Process, veille, veille_json


class Installation:
    """`veille up` over files that grow, its parts, and what it has stored."""

    def __init__(self, arena: Arena, posts: Sequence[Post], sources: int = 1) -> None:
        self.arena, self.posts = arena, posts
        share = -(-len(posts) // sources)
        paths = [arena.folder / f"posts-{number}.jsonl" for number in range(sources)]
        for number, path in enumerate(paths):
            write_jsonl(posts[number * share : (number + 1) * share], path)
        settings = {"sources": [_source(path) for path in paths]}
        (arena.folder / "veille.yaml").write_text(json.dumps(settings), encoding="utf-8")
        self.wanted = expected(posts, arena.folder)

    @contextmanager
    def up(self, **env: str) -> Iterator[Process]:
        with self.arena.process("up", "--port", "0", log="up", env=env) as process:
            yield process

    def count(self) -> int:
        """Mentions stored by now; -1 while there is no store to ask."""
        try:
            return asyncio.run(_total(self.arena))
        except StoreError:
            return -1

    def whole(self, seconds: float = 90) -> Difference:
        """Wait until all is stored; then the account."""
        until(lambda: self.count() >= len(self.wanted), "all is stored", seconds=seconds)
        return assert_same(stored(self.arena.env), self.wanted)


async def _total(arena: Arena) -> int:
    store = store_of(arena.env)
    await store.open()
    try:
        return (await store.count(Filter())).total
    finally:
        await store.close()


def _source(path: Path) -> dict[str, Any]:
    return {
        "id": path.stem,
        "connector": "file",
        "path": str(path),
        "tail": True,
        "collected_at": "created",
    }


def parts(parent: Process) -> dict[str, int]:
    """Process ids of the parts of a `veille up`, by their command."""
    assert parent.process is not None
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            mine = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile
        if mine == str(parent.process.pid) and len(words) > 3:
            found[words[3].decode()] = int(entry.name)
    return found


@pytest.mark.long
def test_kill_9_of_the_whole_at_random_moments(embedded: Arena, seed: int) -> None:
    rng = random.Random(seed)
    one = Installation(embedded, make_posts(20_000, seed=seed, minutes=2), sources=2)
    kills = 0
    for _ in range(4):
        with one.up() as process:
            until(lambda: {"worker", "connect"} <= parts(process).keys(), "the parts are there")
            pass_by(rng.uniform(2, 6))
            process.kill()
            kills += 1
    with one.up() as process:
        figure = one.whole()
        assert process.stop() == 0
    record(
        fault="embedded: kill -9 of `veille up` at random moments, and a restart",
        behaviour="each source goes on before the first post that was not stored",
        figure=f"{kills} kills, {figure}",
    )


@pytest.mark.parametrize("part", ["worker", "connect"])
def test_kill_9_of_a_part(part: str, embedded: Arena, seed: int) -> None:
    """It is started again; how long until mentions are stored again is measured."""
    one = Installation(embedded, make_posts(12_000, seed=seed, minutes=3))
    with one.up() as process:
        until(lambda: one.count() > 100, "it works")
        before = parts(process)[part]
        os.kill(before, signal.SIGKILL)
        killed = time.monotonic()
        seen = one.count()
        until(lambda: one.count() > seen or seen == len(one.wanted), "it works again", seconds=15)
        seconds = time.monotonic() - killed
        figure = one.whole()
        assert parts(process)[part] != before
    # Other work on the machine makes it slower in proportion.
    assert seconds < 5 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    record(
        fault=f"embedded: kill -9 of the part `{part}`",
        behaviour="it is started again and goes on from what is committed or saved",
        figure=f"{_stored_after(part, seconds)}{figure}",
    )


def _stored_after(part: str, seconds: float) -> str:
    """Of the worker alone: while `connect` is away, what it had sent is still being stored."""
    return f"stores again after {seconds:.1f} s; " if part == "worker" else ""


def one_partition(posts: Sequence[Post], rng: random.Random) -> list[Post]:
    """Those whose key falls into the first partition, each with 3 KB that hardly compress and
    that nobody looks at."""
    mine = [post for post in posts if partition_of(post.id.encode(), 4) == 0]
    return [msgspec.structs.replace(post, media=[_image(rng) for _ in range(2)]) for post in mine]


def _image(rng: random.Random) -> str:
    return f"https://pictures.example/{base64.urlsafe_b64encode(rng.randbytes(1125)).decode()}"


def flood(address: str, rng: random.Random) -> None:
    """Another program writes more posts into the first partition than the broker keeps."""
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    other = make_posts(1)[0]
    for number in range(2500):
        one = msgspec.structs.replace(
            other, id=f"flood:{number}", text="", media=[_image(rng) for _ in range(2)]
        )
        producer.produce("veille.posts", encode(one), one.id, partition=0)
    assert producer.flush(30) == 0


def append(posts: Sequence[Post], path: Path) -> None:
    with path.open("ab") as file:
        file.write(write_jsonl(posts, path.with_suffix(".part")).read_bytes())


def test_a_partition_that_is_overrun(embedded: Arena, seed: int) -> None:
    """The worker is frozen while another program writes so much that the broker in memory drops
    the source's posts, which nobody has read."""
    rng = random.Random(seed)
    posts = one_partition(make_posts(8000, minutes=4), rng)
    one = Installation(embedded, posts)
    path = write_jsonl(posts[:100], embedded.folder / "posts-0.jsonl")
    with one.up() as process:
        until(lambda: one.count() > 10, "it works")
        found = parts(process)
        os.kill(found["worker"], signal.SIGSTOP)
        append(posts[100:], path)
        pass_by(1.5)  # the source sends what it may
        flood(broker_of(found["worker"]), rng)
        os.kill(found["worker"], signal.SIGCONT)
        figure = one.whole(seconds=120)
        status = veille_json("status", "--json", env=embedded.env)
        shown = veille("status", env=embedded.env).stdout.decode()
        page = urllib.request.urlopen(f"{address_in(process)}/mentions", timeout=10).read().decode()
    lost = sum(told["records"] for told in status["missed"].values())
    assert lost > 0
    assert "dropped by the broker" in shown
    assert "dropped unread" in page
    record(
        fault="embedded: a partition of the broker in memory is overrun by another program",
        behaviour="the gap in offsets is counted and shown; sources whose posts were under way "
        "read again from their saved cursors",
        figure=f"{lost:,} records dropped and read again; {figure}",
    )


def broker_of(process: int) -> str:
    """The address of the broker in memory, as a part was told it."""
    words = Path(f"/proc/{process}/environ").read_bytes().decode().split("\0")
    told = dict(word.split("=", 1) for word in words if "=" in word)
    return told["VEILLE_KAFKA__BOOTSTRAP_SERVERS"]


def address_in(process: Process) -> str:
    """Where the pages are, as `veille up` says."""
    found = re.search(r"http://[0-9.]+:\d+", process.log.read_text(encoding="utf-8"))
    assert found, "it says where the pages are"
    return found[0]


def shuffled(posts: Sequence[Post], rng: random.Random) -> list[Post]:
    """Edits and deletions before their creations, late posts, and a tenth of all twice."""
    mixed = [*posts, *rng.sample(list(posts), len(posts) // 10)]
    rng.shuffle(mixed)
    return mixed


@pytest.mark.long
def test_any_order_over_restarts(embedded: Arena, seed: int) -> None:
    """A mention of the last version is the answer, in whatever order versions came."""
    rng = random.Random(seed)
    posts = make_posts(5000, seed=seed, minutes=5)
    mixed = shuffled(posts, rng)
    one = Installation(embedded, posts)
    path = write_jsonl(mixed[:2000], embedded.folder / "posts-0.jsonl")
    for start in (2000, 4000):
        with one.up() as process:
            before = one.count()
            append(mixed[start : start + 2000], path)
            until(functools.partial(grown, one, before), "it works")
            pass_by(rng.uniform(0, 1.5))
            process.kill()
    with one.up() as process:
        append(mixed[6000:], path)
        until(lambda: one.count() >= len(one.wanted), "all is stored")
        until(lambda: _quiet(one), "nothing is under way")
        figure = assert_same(stored(embedded.env), one.wanted)
        assert process.stop() == 0
    record(
        fault="order: edits and deletions before creations, late posts, repeats, over kill -9",
        behaviour="the last version of each post decides, whatever order they come in",
        figure=figure,
    )


def grown(one: Installation, before: int) -> bool:
    return one.count() > max(0, before)


def _quiet(one: Installation) -> bool:
    status = veille_json("status", "--json", env=one.arena.env)
    lag = sum(sum(worker["lag"].values()) for worker in status["workers"] if worker["alive"])
    saved = sum(source["posts"] for source in status["sources"])
    return lag == 0 and saved > 0 and one.count() == len(one.wanted)
