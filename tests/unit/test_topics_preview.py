"""What a query would catch: the same as the matcher says, near misses, limits."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from connectors.post import Author, Post
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Subquery, Topic
from streams.topics.excerpts import excerpt
from streams.topics.highlight import highlighted
from streams.topics.near import MOST, variants
from streams.topics.preview import Miss, Preview, Previewer, known
from streams.topics.previews import Busy, Previews, TooSlow, Where

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TEXTS = [
    "Acme gave no refund",
    "Acme refunds were late",
    "Acme's parcel is lost",
    "nothing of it, refund or not",
    "acme refund from a friendly clerk",
    "the acme shop is open",
    "Acmeron is another",
    "a customer who waits for service at acme",
    "customer service of acme",
]


def post(number: int, text: str) -> Post:
    at = NOW - timedelta(hours=9 * number)
    return Post(
        id=f"s:{number}",
        source="s",
        created_at=at,
        collected_at=at,
        text=text,
        lang="en",
        author=Author(id="a", handle="ann"),
    )


POSTS = [post(number, text) for number, text in enumerate(TEXTS)]


@pytest.fixture
def previewer() -> Previewer:
    return Previewer(map(known, reversed(POSTS)))


def topic(query: str, **fields: object) -> Topic:
    return Topic(id="t", query=query, **fields)  # type: ignore[arg-type]  # of the fields


def ids(found: Preview) -> list[str]:
    return [one.id for one in found.hits.posts]


@pytest.mark.parametrize("query", ["acme", "acme AND refund", "acme OR refund*", "acme NOT refund"])
def test_hits_are_those_of_the_matcher(previewer: Previewer, query: str) -> None:
    matcher = compile_topics([topic(query)])
    expected = [one.id for one in POSTS if matcher.match(one, "en")]
    found = previewer.preview(topic(query))
    assert ids(found) == expected
    assert found.hits.total == len(expected)
    assert found.posts == len(POSTS)
    assert sum(day.hits for day in found.days) == len(expected)
    assert sum(day.posts for day in found.days) == len(POSTS)
    assert found.cost is not None
    assert found.cost.met == len(expected) / len(POSTS)
    assert found.cost.tried >= found.cost.met


def test_gains_and_losses_are_against_the_saved_query(previewer: Previewer) -> None:
    found = previewer.preview(topic("acme AND refund*"), topic("refund"))
    assert found.before == 3
    assert [one.id for one in found.gained.posts] == ["s:1"]
    assert [one.id for one in found.lost.posts] == ["s:3"]


def misses(previewer: Previewer, query: str, **fields: object) -> dict[str, Miss]:
    found = previewer.preview(topic(query, **fields))
    assert found.near_posts == len(POSTS)
    hits = {one.id for one in found.hits.posts}
    for miss in found.near:
        assert not hits & {one.id for one in miss.posts}
    return {miss.kind: miss for miss in found.near}


def test_near_misses_are_what_one_change_would_let_in(
    previewer: Previewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.topics.preview._NEAR_SHARE", 1.0)
    found = misses(previewer, "acme AND refund AND NOT friendly")
    assert [one.id for one in found["form"].posts] == ["s:1"]
    assert [one.id for one in found["excluded"].posts] == ["s:4"]
    assert found["excluded"].what == "friendly"
    assert found["clause"].what in {"acme", "refund"}
    assert [one.id for one in misses(previewer, "acme")["prefix"].posts] == ["s:6"]
    phrase = misses(previewer, '"service customer" OR "customer service"')["phrase"]
    assert [one.id for one in phrase.posts] == ["s:7"]
    apart = misses(previewer, "customer NEAR/1 acme")["apart"]
    assert {one.id for one in apart.posts} == {"s:7", "s:8"} - {
        one.id for one in previewer.preview(topic("customer NEAR/1 acme")).hits.posts
    }
    assert misses(previewer, "refund", languages=["fr"])["language"].total == 3


def test_variants_are_few_however_long_the_query() -> None:
    long = " OR ".join(f"(word{n} AND other{n} AND NOT third{n})" for n in range(50))
    assert len(variants(topic(long))) == MOST


def test_a_clause_that_is_what_the_query_is_about_is_no_border(previewer: Previewer) -> None:
    assert "clause" not in {one.kind for one in previewer.preview(topic("acme AND zebra")).near}


def test_samples_and_weak_spots_are_told(previewer: Previewer) -> None:
    found = previewer.preview(topic("acme or refund", matches=["acme"], rejects=["acme or refund"]))
    assert [(one.field, bool(one.problem)) for one in found.samples] == [
        ("matches", True),
        ("rejects", True),
    ]
    assert "spoken" in {one.code for one in found.findings}


def test_a_query_that_cannot_be_read_says_where(previewer: Previewer) -> None:
    found = previewer.preview(topic("acme AND ("))
    assert "remedy" in found.error
    assert found.at == len("acme AND (")
    assert found.hits.total == 0


def test_without_posts_there_is_an_answer() -> None:
    found = Previewer([]).preview(topic("acme"))
    assert (found.posts, found.hits.total, found.near) == (0, 0, [])


def test_an_excerpt_shows_the_first_mark() -> None:
    text = "word " * 100 + "acme and more " + "x" * 400
    found = compile_topics([topic("acme")]).match(post(1, text), "en")[0]
    shown = excerpt(post(1, text), "en", found.spans)
    assert ("acme", True) in shown.text
    assert shown.before
    assert shown.after
    assert sum(len(piece) for piece, _ in shown.text) <= 300


def test_links_that_are_none_are_not_shown() -> None:
    bad = Post(
        id="s:1", source="s", created_at=NOW, collected_at=NOW, text="x", url="javascript:alert(1)"
    )
    assert excerpt(bad, "").url == ""


def colours(query: str, **fields: object) -> list[tuple[str, str]]:
    found = highlighted(topic(query, **fields))
    units = query.encode("utf-16-le")
    return [
        (units[2 * one.start : 2 * one.end].decode("utf-16-le"), one.colour) for one in found.tokens
    ]


def test_colours_are_what_the_lexer_says() -> None:
    shown = colours('😀 AND ("a b"~2 OR lang:fr) NOT @brand # why\n@x #tag wor* bogus:x',
                    queries={"brand": Subquery("acme")})  # fmt: skip
    assert ("AND", "operator") in shown
    assert ('"a b"', "phrase") in shown
    assert ("~2", "near") in shown
    assert ("lang:", "field") in shown
    assert ("fr", "value") in shown
    assert ("@brand", "subquery") in shown
    assert ("# why", "comment") in shown
    assert ("@x", "handle") in shown
    assert ("#tag", "tag") in shown
    assert ("wor*", "pattern") in shown
    assert ("bogus:", "wrong") in shown


@pytest.mark.parametrize("query", ['"never closed', "- acme", "a » b", "«" * 60_000, '"' * 9_999])
def test_what_cannot_be_read_has_colours_too(query: str) -> None:
    found = highlighted(topic(query))
    assert found.error
    assert any(one.colour == "wrong" for one in found.tokens)
    assert found.tokens == sorted(found.tokens, key=lambda one: one.start)


def test_an_error_in_a_subquery_has_no_place_in_the_query() -> None:
    found = highlighted(topic("@brand", queries={"brand": Subquery("(acme")}))
    assert found.error
    assert found.at == -1


async def source() -> tuple[list[Post], Where]:
    return POSTS, "archive"


async def test_the_process_answers_like_the_function(previewer: Previewer) -> None:
    previews = Previews(source)
    try:
        found = await previews.ask(topic("acme AND refund"), topic("acme"))
        assert found.where == "archive"
        assert ids(found) == ids(previewer.preview(topic("acme AND refund")))
        assert found.before == 6
    finally:
        await previews.aclose()


async def test_a_query_without_end_is_given_up_and_the_next_one_answered() -> None:
    previews = Previews(source)
    try:
        await previews.ask(topic("acme"))
        previews._limit = 0.0
        with pytest.raises(TooSlow, match="Remedy"):
            await previews.ask(topic("acme OR " * 5_000 + "acme"))
        previews._limit = 20.0
        assert (await previews.ask(topic("acme"))).hits.total > 0
    finally:
        await previews.aclose()


async def test_too_many_at_once_are_told_to_wait() -> None:
    previews = Previews(source)
    try:
        asked = [asyncio.ensure_future(previews.ask(topic("acme"))) for _ in range(12)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(one, Busy) for one in found) == 4
        assert sum(isinstance(one, Preview) for one in found) == 8
    finally:
        await previews.aclose()


async def test_who_has_gone_is_not_answered() -> None:
    previews = Previews(source)

    async def gone() -> bool:
        return True

    assert (await previews.ask(topic("acme"), gone=gone)).posts == 0
    assert previews._process is None
