"""What topics make of searches, and that edited topics are searched for."""

import logging
from pathlib import Path

import pytest

from streams.criteria.pushdown import MOST_SEARCHES, searches
from streams.criteria.topics import Subquery, Topic
from streams.searching import TopicSearches
from streams.watch import TopicsFile


def asked(query: str, **fields: object) -> list[tuple[str, ...]]:
    topic = Topic(id="t", query=query, **fields)  # type: ignore[arg-type]  # fields as given
    return [one.words for one in searches([topic]).searches]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("apple", [("apple",)]),
        ('"Red apple" OR pear', [("pear",), ("red apple",)]),
        ("apple (pie OR tart) NOT job", [("apple", "pie"), ("apple", "tart")]),
        ("apple OR apple pie", [("apple",)]),
        ('acme OR "acme corp"', [("acme",)]),
        ("apple NEAR/3 pie SENTENCE tart", [("apple", "pie", "tart")]),
        ('"red ripe apple"~3', [("apple", "red", "ripe")]),
        ("acme AND (fee* OR refund)", [("acme",)]),
        ("acme AND author:bob lang:fr", [("acme",)]),
        ("title:Été", [("été",)]),
        ("Été OR ete", [("ete",), ("été",)]),
        ("the bank", [("bank",)]),
        ("=Apple C++", [("apple", "c++")]),
        ("#Acme @bob", [("acme", "bob")]),
        ("東京", [("東京",)]),
        ("-(-apple)", [("apple",)]),
        ("NOT (NOT apple OR NOT pie)", [("apple", "pie")]),
    ],
)
def test_what_is_searched_for(query: str, words: list[tuple[str, ...]]) -> None:
    assert asked(query) == words


@pytest.mark.parametrize(
    ("topic", "reason"),
    [
        (Topic(id="t", query="acme OR fee*"), "fee* is no whole word"),
        (Topic(id="t", query="acme~1"), "acme~1 is no whole word"),
        (Topic(id="t", query="lang:fr NOT acme"), "lang:fr is no word of the text"),
        (Topic(id="t", query="author:bob"), "author:bob is no word of the text"),
        (Topic(id="t", query="banque", stem=True), "more forms than can be named"),
        (Topic(id="t", query=" OR ".join(f"w{n}" for n in range(200))), "alternatives"),
    ],
)
def test_topics_that_no_search_stands_for(topic: Topic, reason: str) -> None:
    pushed = searches([topic])
    assert not pushed.searches
    assert [one.topic for one in pushed.wide] == ["t"]
    assert reason in pushed.wide[0].reason


def test_many_alternatives_are_searched_for_by_a_word_each() -> None:
    pairs = " OR ".join(f"(group{n % 20} AND x{n})" for n in range(MOST_SEARCHES + 1))
    assert asked(pairs) == sorted((f"group{n}",) for n in range(20))
    sides = " OR ".join(f"a{n}" for n in range(20)), " OR ".join(f"b{n}" for n in range(20))
    assert len(asked(f"({sides[0]}) AND ({sides[1]})")) == 20


def test_sub_queries_and_languages() -> None:
    brand = {"brand": Subquery("Acmé OR acmes")}
    assert asked("@brand", queries=brand) == [("acmes",), ("acmé",)]
    topic = Topic(id="t", query="(acme lang:fr) OR pie", languages=["de-AT", "fr"])
    assert {one.words: one.langs for one in searches([topic]).searches} == {
        ("acme",): ("fr",),
        ("pie",): ("de", "fr"),
    }


def test_a_query_that_cannot_be_read_asks_for_nothing() -> None:
    assert not searches([Topic(id="t", query="(a OR")]).wide
    assert asked("(a OR") == []


async def test_edited_topics_are_searched_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "topics.yaml"
    path.write_text("topics:\n- {id: a, query: apple}\n- {id: b, query: fee*}\n", "utf-8")
    found = TopicSearches(TopicsFile(path))
    await found.refresh()
    assert [one.words for one in found()] == [("apple",)]
    assert "can't search for (veille topics searches): b" in caplog.text
    path.write_text("topics:\n- {id: a, query: pear tart}\n", "utf-8")
    await found.refresh()
    assert [one.words for one in found()] == [("pear", "tart")]
    path.write_text("topics: [{id", "utf-8")
    with caplog.at_level(logging.ERROR):
        await found.refresh()
    assert [one.words for one in found()] == [("pear", "tart")]
    assert "searches stay as they were" in caplog.text


def test_a_file_that_is_not_there_yet_asks_for_nothing(tmp_path: Path) -> None:
    assert TopicSearches(TopicsFile(tmp_path / "topics.yaml"))() == ()
