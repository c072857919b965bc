"""Our hits are those of a real Elasticsearch's `query_string`, query by query, post by post.

The queries are fully parenthesised, for Lucene's flags (`+a b OR c`) are no sets; in this form
`(a AND (NOT b))` means the same to both. What is left out, because we differ on purpose, is named
in docs/query-language.md and in `tests/support/queries.py`.
"""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, Literal

import pytest
from elasticsearch import Elasticsearch as Client

from streams.criteria.importers.query_string import translate
from streams.criteria.matcher import anchored
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import QueryError
from tests.support.posts import post
from tests.support.queries import Query, loose_queries, queries, texts
from tests.support.servers import Elasticsearch

pytestmark = pytest.mark.elasticsearch

INDEX: Final = "query-string"
POSTS: Final = 4000
QUERIES: Final = 500
SHOWN: Final = 5


def batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


@pytest.fixture(scope="module")
def client(elasticsearch: Elasticsearch) -> Iterator[Client]:
    with Client(elasticsearch.url, request_timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def posts(client: Client) -> Iterator[list[str]]:
    """The posts, indexed under their numbers."""
    made = texts(POSTS, seed=5)
    mappings = {"properties": {"text": {"type": "text", "analyzer": "standard"}}}
    settings = {"number_of_shards": 1, "number_of_replicas": 0}
    client.indices.create(index=INDEX, mappings=mappings, settings=settings)
    for batch in batches(list(enumerate(made)), 1000):
        lines: list[dict[str, Any]] = []
        for number, text in batch:
            lines += [{"index": {"_id": str(number)}}, {"text": text}]
        assert not client.bulk(index=INDEX, operations=lines, refresh=True)["errors"]
    yield made
    client.indices.delete(index=INDEX)


def anchors(query: str) -> bool:
    """Whether we take the query; a refusal for any other reason than no anchor is an error."""
    try:
        anchored(Topic(id="any", query=query))
    except QueryError as error:
        if "nearly everything" not in str(error):
            raise
        return False
    return True


def their_hits(
    client: Client, asked: list[Query], operator: Literal["AND", "OR"] = "AND"
) -> list[set[int]]:
    found: list[set[int]] = []
    for batch in batches(asked, 50):
        searches: list[dict[str, Any]] = []
        for query in batch:
            options = {
                "query": query.theirs,
                "default_field": "text",
                "default_operator": operator,
                "analyze_wildcard": True,
            }
            searches += [
                {"index": INDEX},
                {"query": {"query_string": options}, "size": 10_000, "_source": False},
            ]
        for query, answer in zip(
            batch, client.msearch(searches=searches)["responses"], strict=True
        ):
            assert "hits" in answer, f"{query.theirs}: {json.dumps(answer)[:500]}"
            found.append({int(hit["_id"]) for hit in answer["hits"]["hits"]})
    return found


def our_hits(asked: list[Query], made: list[str]) -> list[set[int]]:
    matcher = compile_topics([Topic(id=f"{n}", query=query.ours) for n, query in enumerate(asked)])
    assert not matcher.disabled
    found: list[set[int]] = [set() for _ in asked]
    for number, text in enumerate(made):
        for match in matcher.match(post(text), ""):
            found[int(match.topic)].add(number)
    return found


def differences(
    asked: list[Query], made: list[str], ours: list[set[int]], theirs: list[set[int]]
) -> list[str]:
    return [
        f"{query.ours}\n  as {query.theirs}\n  on {made[number]!r}\n"
        f"  we: {number in mine}, Elasticsearch: {number in yours}"
        for query, mine, yours in zip(asked, ours, theirs, strict=True)
        for number in sorted(mine ^ yours)[:1]
    ]


def test_the_hits_are_those_of_elasticsearch(client: Client, posts: list[str]) -> None:
    asked = queries(QUERIES, seed=5, accepted=anchors)
    theirs = their_hits(client, asked)
    ours = our_hits(asked, posts)
    wrong = differences(asked, posts, ours, theirs)
    assert not wrong, f"{len(wrong)} queries differ:\n" + "\n".join(wrong[:SHOWN])
    assert sum(map(bool, theirs)) > QUERIES / 2, "most queries must find something"
    assert sum(map(len, theirs)) > 10 * QUERIES


@pytest.mark.parametrize("operator", ["AND", "OR"])
def test_an_imported_query_finds_what_it_found(
    client: Client, posts: list[str], operator: Literal["AND", "OR"]
) -> None:
    """Lucene's flags and all: the importer turns them into the set that they amount to."""
    asked = []
    for theirs in loose_queries(300, seed=7):
        ours = translate(theirs, operator).query
        if anchors(ours):
            asked.append(Query(ours, theirs))
    assert len(asked) > 200
    wrong = differences(asked, posts, our_hits(asked, posts), their_hits(client, asked, operator))
    assert not wrong, f"{len(wrong)} queries differ:\n" + "\n".join(wrong[:SHOWN])
