"""`veille import --from-elasticsearch`: documents of others, and mentions of another Veille."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from elasticsearch import AsyncElasticsearch
from elasticsearch.helpers import async_bulk

from connectors.post import Post
from streams.errors import StoreError
from streams.importing.indices import Index
from streams.importing.job import Item
from streams.importing.profiles import profiles_in
from streams.importing.reading import Wanted
from streams.settings import Store as StoreSettings
from tests.support.mentions import at, elasticsearch_case, mention
from tests.support.servers import Elasticsearch

pytestmark = pytest.mark.elasticsearch


@asynccontextmanager
async def filled(url: str, documents: list[dict[str, Any]]) -> AsyncIterator[str]:
    name, client = f"old-{uuid.uuid4().hex[:8]}", AsyncElasticsearch(url)
    await client.indices.create(index=name)
    try:
        actions = [{"_index": name, "_id": str(n), **one} for n, one in enumerate(documents)]
        await async_bulk(client, actions, refresh=True)
        yield name
    finally:
        await client.indices.delete(index=name)
        await client.close()


@asynccontextmanager
async def opened(url: str, name: str, wanted: Wanted, query: str = "") -> AsyncIterator[Index]:
    index = Index(StoreSettings(url=url), name, query)
    try:
        await index.prepare(profiles_in(), wanted)
        yield index
    finally:
        await index.close()


async def read(index: Index, position: object = None) -> list[Item]:
    return [item async for some in index.items(position) for item in some]


def posts(items: list[Item]) -> list[Post]:
    return [one.post for one in items if one.post]


async def test_documents_with_names_of_ecs_are_read_whole_and_from_a_place(
    elasticsearch: Elasticsearch,
) -> None:
    documents: list[dict[str, Any]] = [
        {
            "@timestamp": (at(0) + timedelta(seconds=number)).isoformat(),
            "message": f"acme {number}",
            "user": {"name": "ann", "full_name": "Ann B."},
            "url": {"full": f"https://x.com/ann/status/{number + 1}"},
            "labels": {"mood": "bad"},
            "tags": ["a", "b"],
        }
        for number in range(2_300)
    ]
    documents.append({"message": "no time"})
    async with (
        filled(elasticsearch.url, documents) as name,
        opened(elasticsearch.url, name, Wanted()) as index,
    ):
        assert index.profile.id == "ecs"
        items = await read(index)
        found = posts(items)
        assert {one.id for one in found} == {f"x:{number + 1}" for number in range(2_300)}
        assert [one.text for one in found] == [f"acme {number}" for number in range(2_300)]
        assert found[0].author.name == "Ann B."
        assert found[0].extra == {"labels.mood": "bad", "tags": "a, b"}
        (dead,) = [one.dead for one in items if one.dead]
        assert "no time in @timestamp" in str(dead)
        assert dead.place == f"{name}/2300"
        later = posts(await read(index, items[1_999].position))
        assert [one.text for one in later] == [f"acme {number}" for number in range(1_999, 2_300)]
        async with opened(elasticsearch.url, name, Wanted(), "message:7") as few:
            assert [one.text for one in posts(await read(few))] == ["acme 7"]


async def test_fields_of_any_name_can_be_mapped(elasticsearch: Elasticsearch) -> None:
    documents = [{"body_text": "acme", "when": 1_772_357_400_000, "who": {"nick": "ann"}}]
    maps = ("text=body_text", "created_at=when", "author.handle=who.nick")
    async with (
        filled(elasticsearch.url, documents) as name,
        opened(elasticsearch.url, name, Wanted(maps=maps, source="forum")) as index,
    ):
        (one,) = posts(await read(index))
    assert (one.source, one.text, one.author.handle) == ("forum", "acme", "ann")
    assert one.created_at.isoformat() == "2026-03-01T09:30:00+00:00"


async def test_mentions_of_another_veille_come_as_they_were(elasticsearch: Elasticsearch) -> None:
    made = [mention(number) for number in range(5)]
    async with elasticsearch_case(elasticsearch.url) as case:
        await case.store.write(made)
        await case.seen()
        async with opened(elasticsearch.url, f"{case.prefix}-mentions", Wanted()) as index:
            found = posts(await read(index))
    assert found == [one.post for one in made]


async def test_an_index_that_is_not_there_is_named(elasticsearch: Elasticsearch) -> None:
    with pytest.raises(StoreError, match="no index nowhere"):
        async with opened(elasticsearch.url, "nowhere", Wanted()):
            pass
