"""An export in bulk form, taken by a real Elasticsearch as `curl --data-binary` sends it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.post import Author, Place
from streams.exporting import run
from streams.exporting.forms import form_of
from streams.exporting.marks import Job
from streams.exporting.sinks import LinesSink
from streams.records import Label, Mention
from streams.store.port import Filter
from tests.support.mentions import Case, at, elasticsearch_case, mention, sqlite_case
from tests.support.servers import Elasticsearch

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
async def cases(elasticsearch: Elasticsearch, tmp_path: Path) -> AsyncIterator[tuple[Case, ...]]:
    """An embedded store to export, the store it goes to, and one written by Veille itself."""
    async with AsyncExitStack() as stack:
        yield (
            await stack.enter_async_context(sqlite_case(tmp_path)),
            await stack.enter_async_context(elasticsearch_case(elasticsearch.url)),
            await stack.enter_async_context(elasticsearch_case(elasticsearch.url)),
        )


def rows() -> list[Mention]:
    """Of two months, with all that has a helper field."""
    author = Author(handle="Ann", id="7", followers=9)
    more = {
        "title": "L’été",
        "hashtags": ["Late"],
        "url": "https://www.example.org/a/",
        "place": Place(name="Lyon", country="FR", lat=45.7, lon=4.8),
    }
    far = [mention(n, created=at(-40 * 86_400), author=author, post=more) for n in range(20, 30)]
    return [mention(n, tone="neg", version=5) for n in range(10)] + far


async def documents(case: Case) -> dict[str, tuple[int, dict[str, Any]]]:
    """By id: the version and the document, but for when it was stored."""
    assert case.client is not None
    await case.seen()
    found = await case.client.search(index=f"{case.prefix}-mentions-*", size=100, version=True)
    return {
        hit["_id"]: (hit["_version"], {k: v for k, v in hit["_source"].items() if k != "stored_at"})
        for hit in found["hits"]["hits"]
    }


async def test_the_documents_are_those_that_veille_itself_writes(
    cases: tuple[Case, ...], elasticsearch: Elasticsearch, tmp_path: Path
) -> None:
    source, target, own = cases
    label = Label(mention_id=rows()[0].id, labeled_at=at(500), sentiment="pos", tags=["VIP"])
    for case in (source, own):
        await case.store.write(rows())
        await case.store.add_labels([label])
    path = tmp_path / "mentions.bulk"
    sink = LinesSink(path, form_of("bulk", prefix=target.prefix))
    job = Job(store="", format="bulk", options={}, where=Filter())
    job = run.begin(path, job, sink, resume=False, overwrite=False)
    assert (await run.export(source.store, path, job, sink, lambda mark: None)).rows == 20
    assert target.client is not None
    for month in ("2026.01", "2026.03"):  # this server makes none by itself
        await target.client.indices.create(index=f"{target.prefix}-mentions-{month}")
    async with httpx.AsyncClient() as client:
        for _ in range(2):  # what is there already is no conflict
            answer = await client.post(
                f"{elasticsearch.url}/_bulk",
                content=path.read_bytes(),
                headers={"Content-Type": "application/x-ndjson"},
            )
            assert answer.json()["errors"] is False, answer.text[:1_000]
    assert await documents(target) == await documents(own)
    assert (await target.store.count(Filter(sentiments=("pos",), tag="vip"))).total == 1
    report = await target.store.write([mention(1, tone="neg", version=4), mention(2, version=9)])
    assert (report.stored, report.stale) == (1, 1)
