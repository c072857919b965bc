"""Kept posts through a changed topic on the real Elasticsearch: month stands in for month."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.post import Post, encode
from streams.archive.sqlite import SqliteArchive
from streams.criteria.matcher import Matcher
from streams.criteria.topics import Topic
from streams.pipeline import Pipeline
from streams.records import Label, Mention, mention_id
from streams.reprocessing.applying import apply
from streams.reprocessing.difference import Difference
from streams.reprocessing.run import find
from streams.reprocessing.stage import Stage
from streams.sentiment.scorer import build_scorer
from streams.settings import Sentiment
from streams.store.port import Filter
from tests.support.mentions import Case, elasticsearch_case, mention
from tests.support.servers import Elasticsearch

pytestmark = pytest.mark.elasticsearch

NOW = datetime.now(UTC).replace(microsecond=0)
KINDS = ("acme is wonderful, thank you", "this kettle is terrible", "a lovely teapot", "a bicycle")
BEFORE, AFTER = (Topic(id="acme", query=f"acme OR {word}") for word in ("kettle", "teapot"))


def post(number: int) -> Post:
    at = NOW - timedelta(hours=4 * number)
    text = f"{KINDS[number % 4]} {number}"
    return Post(id=f"s:{number}", source="s", created_at=at, collected_at=at, text=text)


POSTS = [post(number) for number in range(400)]


@pytest.fixture
async def case(elasticsearch: Elasticsearch) -> AsyncIterator[Case]:
    async with elasticsearch_case(elasticsearch.url) as made:
        yield made


async def archived(directory: Path) -> SqliteArchive:
    archive = SqliteArchive(directory / "posts.db")
    await archive.append([encode(one) for one in reversed(POSTS)])
    return archive


def old_mentions() -> list[Mention]:
    matcher = Matcher()
    matcher.add(BEFORE)
    pipeline = Pipeline(matcher, build_scorer("vader", Sentiment()))
    made = (record for one in POSTS for record in pipeline.process(one, NOW))
    return [record for record in made if isinstance(record, Mention)]


async def test_it_is_applied_month_by_month_while_readers_count(case: Case, tmp_path: Path) -> None:
    """Never is a mention of another topic missing, or one of this topic there twice."""
    rival = [mention(n, topic="rival", created=NOW - timedelta(hours=n)) for n in range(300)]
    await case.store.write([*old_mentions(), *rival])
    praised = mention_id("acme", "s:4")
    label = Label(mention_id=praised, labeled_at=NOW, sentiment="neg")
    assert await case.store.add_labels([label]) == []
    store, archive = await case.seen(), await archived(tmp_path)
    stage = Stage(tmp_path, "acme", "a key")
    one = Difference(topic="acme", since=NOW - timedelta(days=90), began=NOW)

    async def quiet(_: Difference) -> None:
        """Nobody listens."""

    scorer = build_scorer("vader", Sentiment())
    await find(one, AFTER, archive=archive, store=store, scorer=scorer, stage=stage, tell=quiet)
    assert (one.read, one.added, one.lost, one.same) == (400, 100, 100, 100)
    seen: set[tuple[int, int]] = set()

    async def counting() -> None:
        while True:
            totals = [(await store.count(Filter(topics=(t,)))).total for t in ("rival", "acme")]
            seen.add((totals[0], totals[1]))
            await asyncio.sleep(0.01)

    reader = asyncio.create_task(counting())
    applied = await apply(store, one, stage, lambda *_: None)
    await asyncio.sleep(0.1)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert applied.steps == len({(p.created_at.year, p.created_at.month) for p in POSTS})
    assert {rivals for rivals, _ in seen} == {300}
    assert all(150 < acmes <= 250 for _, acmes in seen), seen
    store = await case.seen()
    page = await store.search(Filter(topics=("acme",)), limit=1000)
    wanted = {mention_id("acme", p.id) for n, p in enumerate(POSTS) if n % 4 in (0, 2)}
    assert {found.id for found in page.mentions} == wanted
    kept = await store.get(praised)
    assert kept is not None
    assert kept.label == label
    assert (await store.many([praised, "none"])).keys() == {praised}
    stage.close()
    await archive.close()
