"""The query language, the matcher's answers, and what `check` finds."""

import time
from datetime import UTC, datetime

import pytest

from connectors.post import Post
from streams.criteria.check import check
from streams.criteria.matcher import Match
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.parser import MAX_DEPTH, parse
from streams.criteria.syntax import And, Hashtag, Not, Or, Phrase, Prefix, Word
from streams.criteria.topics import Topic
from streams.errors import ConfigError, QueryError
from streams.records import Span

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def post(text: str, title: str = "", hashtags: list[str] | None = None) -> Post:
    return Post(
        id="t:1",
        source="t",
        created_at=NOW,
        collected_at=NOW,
        text=text,
        title=title,
        hashtags=hashtags or [],
    )


def found(query: str, subject: Post, lang: str = "", **fields: list[str]) -> list[Match]:
    return compile_topics([Topic(id="t", query=query, **fields)]).match(subject, lang)  # type: ignore[arg-type] # only lists are given


def test_and_binds_tighter_than_or_and_not_tightest() -> None:
    a, b, c = Word("a"), Word("b"), Word("c")
    assert parse("a OR b AND NOT c") == Or((a, And((b, Not(c)))))
    assert parse("a OU b ET SAUF c") == parse("a || b && !c") == parse("a ИЛИ b И НЕ c")


def test_leaves() -> None:
    assert parse("#Été") == Hashtag("ete")
    assert parse("ban*") == Prefix("ban")
    assert parse("wi-fi") == parse("« Wi FI »") == Phrase(("wi", "fi"))
    assert parse('"one"') == Word("one")


def test_or_as_default_keeps_signs_for_the_whole_group() -> None:
    assert parse("a b -c", default="OR") == And((Or((Word("a"), Word("b"))), Not(Word("c"))))


def test_comments_and_lines() -> None:
    assert parse("apple # fruit\n  AND pie") == And((Word("apple"), Word("pie")))


@pytest.mark.parametrize(
    ("query", "column", "said"),
    [
        ("", 1, "empty"),
        ("a AND", 6, "the query ends"),
        ("a (b", 3, "never closed"),
        ("a) b", 2, "closes nothing"),
        ('x "abc', 3, "never closed"),
        ("a OR OR b", 6, "OR stands"),
        ("...", 1, "no word"),
        ("b a*", 3, "too much"),
        ("x NEAR/5", 9, "the query ends"),
        ("titel:foo", 1, "title:"),
        ("?x", 1, "too much"),
        ("a - b", 3, "lone -"),
        ("a\nb (", 4, "the query ends"),
        ("()", 2, "this )"),
        ("a\\", 2, "backslash"),
    ],
)
def test_a_mistake_is_shown_in_its_place(query: str, column: int, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    message = str(caught.value)
    assert caught.value.column == column
    assert said in message
    assert "^" in message
    assert "expected:" in message
    assert "remedy:" in message


def test_depth_is_bounded() -> None:
    assert parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH) == Word("a")
    with pytest.raises(QueryError, match="nested"):
        parse("(" * 5000 + "a" + ")" * 5000)
    assert parse("NOT " * 10_000 + "a") == Word("a")


def test_spans_tell_where() -> None:
    subject = post("Un bel été, #Été", title="été", hashtags=["Ete", "Mer"])
    assert found('"bel ete" #mer #ete', subject) == [
        Match("t", [Span("text", 3, 10), Span("text", 12, 16), Span("hashtags", 1, 2)])
    ]
    assert found("ete", subject)[0].spans[0] == Span("title", 0, 3)


def test_a_phrase_stays_in_one_field() -> None:
    assert not found('"red apple"', post("apple", title="red"))
    assert found("red apple", post("apple", title="red"))


def test_languages_restrict_but_the_unknown_passes() -> None:
    assert found("a", post("a"), "fr-CA", languages=["fr"])
    assert not found("a", post("a"), "en", languages=["fr"])
    assert found("a", post("a"), "und", languages=["fr"])


def test_a_bad_query_disables_its_topic_only() -> None:
    matcher = compile_topics(
        [Topic(id="bad", query="(a"), Topic(id="b", query="a"), Topic(id="not", query="a OR NOT b")]
    )
    assert set(matcher.disabled) == {"bad", "not"}
    assert "never closed" in matcher.disabled["bad"]
    assert [match.topic for match in matcher.match(post("a"), "")] == ["b"]
    matcher.add(Topic(id="bad", query="a"))
    assert [match.topic for match in matcher.match(post("a"), "")] == ["b", "bad"]


def test_two_topics_with_one_id_are_refused() -> None:
    with pytest.raises(ConfigError, match="two topics"):
        compile_topics([Topic(id="a", query="a"), Topic(id="a", query="b")])


def test_a_prefix_added_later_meets_words_already_seen() -> None:
    matcher = compile_topics([Topic(id="w", query="apple")])
    matcher.match(post("apple"), "")
    matcher.add(Topic(id="p", query="app*"))
    assert [match.topic for match in matcher.match(post("apple"), "")] == ["p", "w"]
    matcher.remove("p")
    assert [match.topic for match in matcher.match(post("apple"), "")] == ["w"]


def test_ten_thousand_terms() -> None:
    query = " OR ".join(f"word{n}" for n in range(10_000))
    assert found(query, post("it says word9999"))[0].spans == [Span("text", 8, 16)]


@pytest.mark.parametrize(
    "text",
    ["_" * 65536, "a " * 32768, "a.a'" * 16384, "e\u0301" * 21845, "#a" * 32768, "\ud800\0" * 9999],
)
def test_hostile_posts_take_bounded_time(text: str) -> None:
    matcher = compile_topics([Topic(id="p", query='"a a a a b" OR a.* OR #a')])
    start = time.process_time()
    matcher.match(post(text), "")
    assert time.process_time() - start < 2


def test_check_runs_the_samples() -> None:
    topic = Topic(
        id="t",
        query="acme NOT job",
        matches=["Acme!", "other"],
        rejects=["acme job", {"title": "ACME"}, {"tile": "acme"}],
        line=7,
    )
    findings = check([topic])
    assert {finding.line for finding in findings} == {7}
    assert [finding.severity for finding in findings] == ["error"] * 3
    said = "\n".join(finding.message for finding in findings)
    assert "other" in said
    assert "ACME" in said
    assert "tile" in said


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("a\u0440\u0440le", "mixes"),
        ("x x", "twice"),
        ("x -x", "never matches"),
        ("the", "most posts"),
        ('zebra "quagga gnu*"', "prefixes"),
    ],
)
def test_check_warns(query: str, said: str) -> None:
    findings = check([Topic(id="t", query=query)])
    assert [finding.severity for finding in findings] == ["warning"]
    assert said in findings[0].message


def test_check_reports_what_does_not_parse() -> None:
    assert [f.severity for f in check([Topic(id="t", query="(a")])] == ["error"]
    assert check([Topic(id="t", query="zebra AND quagga")]) == []
