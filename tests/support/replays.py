"""Numbered posts, an installation to send them through, and the store compared with the pure
function's answer, id by id."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

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
from streams.store.port import Filter, Store

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


def make_posts(count: int = COUNT, seed: int = 3, minutes: float = 11) -> list[Post]:
    """Posts, one every so many minutes (11: two monthly indices for 5,000), some edited and some
    deleted later."""
    rng = random.Random(seed)
    posts = [_post(number, rng, timedelta(minutes=minutes * number)) for number in range(count)]
    later = [_later(posts[number], rng, delete=number % 100 == 0) for number in range(0, count, 50)]
    return posts + later


def _post(number: int, rng: random.Random, after: timedelta) -> Post:
    return Post(
        id=f"file:{number}",
        source="file",
        created_at=START + after,
        collected_at=START + after,
        text=f"{rng.choice(PHRASES)} {number}",
        author=Author(id=str(number % 97), handle=f"user{number % 97}"),
    )


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


def write_jsonl(posts: Iterable[Post], path: Path) -> Path:
    with path.open("wb") as file:
        file.writelines(post.encode(one) + b"\n" for one in posts)
    return path


def installation_in(folder: Path, *, kafka: str = "", elasticsearch: str = "") -> dict[str, str]:
    """Settings of a new installation, as environment: with topics and consumer group of its own
    on `kafka` (`host:port`), indices of its own on `elasticsearch` (a URL); embedded without."""
    name = f"r{uuid.uuid4().hex[:8]}"
    (folder / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    env = {"VEILLE_CONFIG": str(folder), "VEILLE_DATA_DIR": str(folder / "data")}
    if kafka:
        env["VEILLE_KAFKA__BOOTSTRAP_SERVERS"] = kafka
        env["VEILLE_KAFKA__PREFIX"] = env["VEILLE_KAFKA__GROUP"] = name
    if elasticsearch:
        env |= {"VEILLE_STORE__URL": elasticsearch, "VEILLE_STORE__PREFIX": name}
    return env


def expected(posts: Iterable[Post], folder: Path) -> dict[str, Mention]:
    """What the pure function says of each post's last version, by mention id."""
    matcher = compile_topics(load_topics(folder / "topics.yaml"))
    pipeline = Pipeline(matcher, build_scorer())
    last = {one.id: one for one in posts}
    made = [record for one in last.values() for record in pipeline.process(one, START)]
    return {record.id: record for record in made if isinstance(record, Mention)}


def store_of(installation: Mapping[str, str]) -> Store:
    """The installation's store, to be opened and closed."""
    where = StoreSettings(
        url=installation.get("VEILLE_STORE__URL", ""),
        prefix=installation.get("VEILLE_STORE__PREFIX", "veille"),
    )
    return open_store(Settings(store=where, data_dir=Path(installation["VEILLE_DATA_DIR"])))


def stored(installation: Mapping[str, str]) -> dict[str, Mention]:
    """Every live mention of the installation's store, by id."""

    async def read() -> dict[str, Mention]:
        store = store_of(installation)
        await store.open()
        try:
            return await _all(store)
        finally:
            await store.close()

    return asyncio.run(_settled(read))


async def _all(store: Store) -> dict[str, Mention]:
    found: dict[str, Mention] = {}
    async for mentions in _pages(store):
        assert not found.keys() & {mention.id for mention in mentions}, "listed twice"
        found |= {mention.id: mention for mention in mentions}
    return found


async def _pages(store: Store) -> AsyncIterator[Sequence[Mention]]:
    cursor = ""
    while True:
        page = await store.search(Filter(), limit=1000, cursor=cursor)
        yield page.mentions
        if not (cursor := page.cursor):
            return


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


@dataclass(frozen=True)
class Difference:
    """Ids of mentions that the store lacks, has besides, or has otherwise than it should."""

    total: int
    lost: list[str]
    extra: list[str]
    wrong: list[str]

    def __str__(self) -> str:
        counts = f"lost {len(self.lost):,}, extra {len(self.extra):,}, wrong {len(self.wrong):,}"
        return f"{self.total:,} mentions: {counts}"

    @property
    def none(self) -> bool:
        return not (self.lost or self.extra or self.wrong)


def compare(found: Mapping[str, Mention], wanted: Mapping[str, Mention]) -> Difference:
    """Presence, version and judgement of each mention."""
    return Difference(
        total=len(wanted),
        lost=sorted(wanted.keys() - found.keys()),
        extra=sorted(found.keys() - wanted.keys()),
        wrong=[name for name in wanted.keys() & found.keys() if _differ(found[name], wanted[name])],
    )


def _differ(mine: Mention, other: Mention) -> bool:
    fields = ("topic", "version", "lang", "post", "sentiment", "matched")
    return any(getattr(mine, field) != getattr(other, field) for field in fields)


def assert_same(found: Mapping[str, Mention], wanted: Mapping[str, Mention]) -> Difference:
    """Lost 0, extra 0, wrong version 0, and the same judgement of each."""
    difference = compare(found, wanted)
    assert difference.none, f"{difference}; {_examples(difference, found, wanted)}"
    return difference


def _examples(
    difference: Difference, found: Mapping[str, Mention], wanted: Mapping[str, Mention]
) -> str:
    names = (difference.lost[:2], difference.extra[:2], difference.wrong[:2])
    return "; ".join(
        f"{name}: stored {found.get(name)}, expected {wanted.get(name)}"
        for some in names
        for name in some
    )
