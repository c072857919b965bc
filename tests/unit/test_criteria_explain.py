"""Explanations read as answers: what met a clause, what failed, and what came close."""

import time

import pytest

from connectors.post import Author, Rating
from streams.criteria.explain import Explanation, Failure, explain, marked, tree_lines
from streams.criteria.topics import Topic
from streams.errors import QueryError
from streams.records import Span
from tests.support.posts import post

FEES = '(bank OR банк) AND (fee* OR "hidden cost") NOT (job OR career)'


def told(query: str, text: str, lang: str = "", **fields: object) -> Explanation:
    return explain(Topic(id="t", query=query, **fields), post(text), lang)  # type: ignore[arg-type] # only lists are given


def test_a_met_query_shows_what_met_each_clause() -> None:
    answer = told(FEES, "The bank has fees and costs")
    assert answer.met
    assert not answer.failed
    assert answer.spans == [Span("text", 4, 8), Span("text", 13, 17)]
    assert [child.met for child in answer.tree.children] == [True, True, True]
    assert answer.tree.children[1].children[0].spans == [Span("text", 13, 17)]
    assert marked(post("The bank has fees and costs"), answer.spans) == (
        "The «bank» has «fees» and costs"
    )


def test_every_failed_clause_of_an_and_is_named() -> None:
    answer = told(FEES, "The bank has hidden costs, and a job")
    assert not answer.met
    assert [failure.query for failure in answer.failed] == [
        '(fee* OR "hidden cost")',
        "NOT (job OR career)",
    ]
    assert "“costs” is there: cost* would find it" in answer.failed[0].reason
    assert answer.failed[1].reason.endswith(": job")
    assert answer.failed[1].spans == [Span("text", 33, 36)]


def test_the_deepest_clause_comes_first() -> None:
    answer = told("pear OR (bank AND (fee OR (cost AND hidden)))", "the bank has a cost")
    assert [(failure.query, failure.depth) for failure in answer.failed] == [
        ("hidden", 4),
        ("(fee OR (cost AND hidden))", 2),
        ("(pear OR (bank AND (fee OR (cost AND hidden))))", 0),
    ]


def test_the_language_is_a_reason_too() -> None:
    answer = told("bank", "the bank", "en", languages=["fr", "de"])
    assert not answer.met
    assert answer.tree.met
    assert not answer.admitted
    assert answer.failed == [
        Failure("languages: fr, de", "the post is in en, not in fr, de"),
    ]
    assert told("bank", "the bank", "", languages=["fr"]).met


@pytest.mark.parametrize(
    ("query", "text", "said"),
    [
        ("eau", "de l'eau", "(eau OR l'eau)"),
        ("refund", "two refunds", "refund* would find it"),
        ("refund", "no refnud", "“refnud” is there"),
        ('"red apple"', "an apple, red", "not one straight after the other"),
        ('"red apple"', "a red pear", "“apple” is missing"),
        ("#acme", "acme", "write acme to find both"),
        ("acmee*", "acmes", "the nearest word is “acmes”"),
        ("bank", "nothing alike", "not in the post"),
    ],
)
def test_what_comes_close_is_said(query: str, text: str, said: str) -> None:
    (failure,) = told(query, text).failed
    assert said in failure.reason


def test_the_tree_is_drawn_with_marks() -> None:
    subject = post("a bank")
    answer = explain(Topic(id="t", query="bank AND (fee OR cost) -job"), subject)
    assert list(tree_lines(answer, subject)) == [
        "✗ AND",
        "  ✓ bank  “bank” in text",
        "  ✗ OR  ◀",
        "    ✗ fee",
        "    ✗ cost",
        "  ✓ NOT",
        "    ✗ job",
    ]


def test_hashtags_of_the_list_are_shown() -> None:
    subject = post("nothing", hashtags=["acme"])
    answer = explain(Topic(id="t", query="#acme"), subject)
    assert marked(subject, answer.spans) == "nothing\n«#acme»"
    assert list(tree_lines(answer, subject)) == ["✓ #acme  “#acme” in hashtags"]


@pytest.mark.parametrize(
    ("query", "fields", "reason"),
    [
        ("acme followers:>1000", {"author": Author(followers=5)}, "it is 5"),
        ("acme likes:>1000", {}, "the source tells no likes"),
        ("acme rating:>3", {"rating": Rating(4, 10)}, "it is 2"),
        ("acme lang:fr", {}, "the post's is en"),
        ("acme country:fr", {}, "the post tells no country"),
        ("acme is:reply", {}, "the post is not is:reply"),
        ("acme has:media", {}, "the post has none"),
        ("acme site:example.com", {"url": "https://a.example.org/1"}, "it links to a.example.org"),
        ("acme site:example.com", {}, "it links to nothing"),
        ("acme created:>2026-12-31T23:00:00Z", {}, "the post is of 2026-01-01 00:00:00"),
    ],
)
def test_a_fact_that_fails_is_told_with_what_the_post_says(
    query: str, fields: dict[str, object], reason: str
) -> None:
    answer = explain(Topic(id="t", query=query), post("acme", **fields), "en")
    (failure,) = answer.failed
    assert query == f"acme {failure.query}"
    assert failure.reason.startswith(reason)


@pytest.mark.parametrize(
    ("query", "text", "reason"),
    [
        ("bank NEAR/1 fee", "bank a b fee x y z bank", ": 2 words stand between the nearest two"),
        ("bank ONEAR/9 fee", "a fee of the bank", ": 2 words stand between the nearest two, the"),
        ("bank SENTENCE fee", "A bank. A fee.", "not placed as it wants them"),
    ],
)
def test_what_is_not_near_enough_is_told_how_far(query: str, text: str, reason: str) -> None:
    (failure,) = told(query, text).failed
    assert reason in failure.reason


@pytest.mark.parametrize("query", ["stem:refund", "lang:en", "stem:refund NEAR/3 bank"])
def test_the_language_of_the_post_counts(query: str) -> None:
    assert told(query, "refunded by the bank", "en").met
    assert not told(query, "refunded by the bank", "fr").met


def test_a_refused_query_is_refused_here_too() -> None:
    with pytest.raises(QueryError, match="nearly everything"):
        told("NOT apple", "pear")


def test_ten_thousand_alternatives_are_told_shortly_and_soon() -> None:
    query = " OR ".join(f"word{n}" for n in range(10_000))
    subject = post("it says word9999 " + "other words " * 5000)
    start = time.process_time()
    answer = explain(Topic(id="t", query=query), subject)
    lines = list(tree_lines(answer, subject))
    assert time.process_time() - start < 3
    assert lines == [
        "✓ OR",
        "  ✓ word9999  “word9999” in text",
        "  ✗ … 9,999 more, not in the post",
    ]
    missed = explain(Topic(id="t", query=query), post("nothing"))
    assert [len(failure.query) <= 2_000 for failure in missed.failed] == [True]
