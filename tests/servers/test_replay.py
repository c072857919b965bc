"""The whole way on the real servers: every mention compared with the pure function's answer."""

import asyncio
import random
import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import post
from connectors.post import Author, Post
from streams.criteria.loading import load_topics
from streams.criteria.matcher import compile as compile_topics
from streams.pipeline import Pipeline
from streams.records import Mention
from streams.sentiment.scorer import build_scorer
from streams.settings import Settings
from streams.settings import Store as StoreSettings
from streams.store import open_store
from streams.store.port import Filter
from tests.support.servers import Elasticsearch, Kafka
from tests.support.veille import Process, veille_json

pytestmark = [pytest.mark.kafka, pytest.mark.elasticsearch]

COUNT = 5000
START = datetime(2026, 3, 1, tzinfo=UTC)
TOPICS = """
topics:
  - {id: acme, query: "acmeron OR #acmeron"}
  - {id: complaints, query: '(delay* OR "never again") AND NOT refunded'}
  - {id: english, query: "service", languages: [en]}
"""
PHRASES = (
    "the service was lovely today and the crew smiled",
    "never again with Acmeron, what a terrible delay",
    "refunded after the delay, thank you",
    "Acmeron répond vite, je suis très content",
    "служба Acmeron работает отлично",
    "nothing to see here but the weather",
    "#acmeron is awful 😡",
)


def make_posts(count: int = COUNT, seed: int = 3) -> list[Post]:
    """Posts over forty days (two monthly indices), some edited and some deleted later."""
    rng = random.Random(seed)
    posts = [
        Post(
            id=f"file:{number}",
            source="file",
            created_at=START + timedelta(minutes=11 * number),
            collected_at=START + timedelta(minutes=11 * number),
            text=f"{rng.choice(PHRASES)} {number}",
            author=Author(id=str(number % 97), handle=f"user{number % 97}"),
        )
        for number in range(count)
    ]
    later = [_later(posts[number], rng, delete=number % 100 == 0) for number in range(0, count, 50)]
    return posts + later


def _later(old: Post, rng: random.Random, *, delete: bool) -> Post:
    """The second version of a post: another text, or none."""
    moment = old.created_at + timedelta(hours=1)
    return Post(
        id=old.id,
        source=old.source,
        created_at=old.created_at,
        collected_at=moment,
        updated_at=moment,
        state="deleted" if delete else "edited",
        text="" if delete else f"{rng.choice(PHRASES)} edited",
    )


@pytest.fixture
def installation(kafka: Kafka, elasticsearch: Elasticsearch, tmp_path: Path) -> dict[str, str]:
    """Settings of an installation of its own on the shared servers, as environment."""
    name = f"r{uuid.uuid4().hex[:8]}"
    (tmp_path / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    return {
        "VEILLE_CONFIG": str(tmp_path),
        "VEILLE_DATA_DIR": str(tmp_path / "data"),
        "VEILLE_KAFKA__BOOTSTRAP_SERVERS": kafka.address,
        "VEILLE_KAFKA__PREFIX": name,
        "VEILLE_KAFKA__GROUP": name,
        "VEILLE_STORE__URL": elasticsearch.url,
        "VEILLE_STORE__PREFIX": name,
    }


def expected(posts: list[Post], tmp_path: Path) -> dict[str, Mention]:
    """What the pure function says of each post's last version, by mention id."""
    matcher = compile_topics(load_topics(tmp_path / "topics.yaml"))
    pipeline = Pipeline(matcher, build_scorer())
    last = {one.id: one for one in posts}
    made = [record for one in last.values() for record in pipeline.process(one, START)]
    return {record.id: record for record in made if isinstance(record, Mention)}


def write_jsonl(posts: list[Post], path: Path) -> Path:
    path.write_bytes(b"".join(post.encode(one) + b"\n" for one in posts))
    return path


def stored(installation: dict[str, str]) -> dict[str, Mention]:
    """Every live mention of the installation's store, by id."""

    async def read() -> dict[str, Mention]:
        settings = Settings(
            store=StoreSettings(
                url=installation["VEILLE_STORE__URL"], prefix=installation["VEILLE_STORE__PREFIX"]
            )
        )
        store = open_store(settings)
        await store.open()
        found: dict[str, Mention] = {}
        cursor = ""
        while True:
            page = await store.search(Filter(), limit=1000, cursor=cursor)
            assert not found.keys() & {mention.id for mention in page.mentions}
            found |= {mention.id: mention for mention in page.mentions}
            if not (cursor := page.cursor):
                break
        await store.close()
        return found

    return asyncio.run(_settled(read))


async def _settled(read: Callable[[], Awaitable[dict[str, Mention]]]) -> dict[str, Mention]:
    """Read until two reads in a row agree: Elasticsearch shows writes after a refresh."""
    before: dict[str, Mention] = {}
    for _ in range(30):
        now: dict[str, Mention] = await read()
        if now and now.keys() == before.keys():
            return now
        before = now
        await asyncio.sleep(1.2)
    raise AssertionError("the store does not settle")


def assert_same(found: dict[str, Mention], wanted: dict[str, Mention]) -> None:
    """Lost 0, extra 0, wrong version 0, and the same judgement of each."""
    assert found.keys() == wanted.keys()
    for name, mention in wanted.items():
        mine = found[name]
        assert (mine.topic, mine.version, mine.lang) == (
            mention.topic,
            mention.version,
            mention.lang,
        )
        assert mine.post == mention.post
        assert mine.sentiment == mention.sentiment
        assert mine.matched == mention.matched


def test_every_mention_is_the_pure_functions(installation: dict[str, str], tmp_path: Path) -> None:
    posts = make_posts()
    path = write_jsonl(posts, tmp_path / "posts.jsonl")
    with Process("worker", "--instance", "w", env=installation, log=tmp_path / "worker.log") as one:
        summary = veille_json("replay", str(path), "--json", env=installation)
        assert one.stop() == 0, one.log.read_text()
    wanted = expected(posts, tmp_path)
    assert len(wanted) > COUNT / 2
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
    """A worker, killed twice while it works, and started again each time."""
    rng = random.Random(1)
    for _ in range(2):
        with Process("worker", "--instance", "w", env=env, log=log) as one:
            stop.wait(rng.uniform(4, 6))
            one.kill()
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
