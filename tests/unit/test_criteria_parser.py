"""What queries are read as, and how what can't be read is said."""

import time
from math import inf

import pytest

from streams.criteria.matcher import compile as compile_topics
from streams.criteria.parser import MAX_DEPTH, parse, parse_topic
from streams.criteria.style import Style
from streams.criteria.syntax import (
    And,
    Beside,
    Equals,
    Flag,
    Hashtag,
    Mention,
    Near,
    Node,
    Not,
    Or,
    Pattern,
    Phrase,
    Prefix,
    Range,
    Site,
    Sloppy,
    Stem,
    Within,
    Word,
    Written,
)
from streams.criteria.topics import Subquery, Topic
from streams.errors import QueryError

A, B, C = Word("a"), Word("b"), Word("c")


@pytest.mark.parametrize(
    ("query", "tree"),
    [
        ('"a b"~3', Sloppy(("a", "b"), 3)),
        ('"a b"~0', Phrase(("a", "b"))),
        ("a NEAR/5 b", Near(A, B, 5, False)),
        ("a ONEAR b", Near(A, B, 10, True)),
        ("NOT a NEAR/1 b", Not(Near(A, B, 1, False))),
        ("c a NEAR/1 b", And((C, Near(A, B, 1, False)))),
        ("a SENTENCE b PARAGRAPH c", Beside(Beside(A, B, "sentence"), C, "paragraph")),
        ("(a OR b) NEAR/2 c*d", Near(Or((A, B)), Pattern("c*d"), 2, False)),
        ("inf?x", Pattern("inf?x")),
        ("*Fix", Pattern("*fix")),
        ("in**x", Pattern("in*x")),
        ("kiev~", Pattern("kiev~1")),
        ("Kremlin~2", Pattern("kremlin~2")),
        ("ab~", Word("ab")),
        ("/app(le|els)/", Pattern("/app(le|els)/")),
        ("=Apple", Written(("apple",), "Apple", exact=True, signs=False)),
        ('="Red Pie"', Written(("red", "pie"), "Red Pie", exact=True, signs=False)),
        ("C++", Written(("c",), "C++", exact=False, signs=True)),
        ("$TSLA", Written(("tsla",), "$TSLA", exact=False, signs=True)),
        ("@JetBlue", Mention("jetblue")),
        ("mention:JetBlue", Mention("jetblue")),
        ("hashtag:(a OR #b)", Or((Hashtag("a"), Hashtag("b")))),
        ("title:(a OR b*c)", Or((Within("title", A), Within("title", Pattern("b*c"))))),
        ("title:ab* c", And((Within("title", Prefix("ab")), C))),
        ("author:@Acme", Within("author", Word("acme"))),
        ("rating:<=2", Range("rating", -inf, 2)),
        ("rating:1..3", Range("rating", 1, 3)),
        ("rating:[1 TO *]", Range("rating", 1, inf)),
        ("followers:>=10k", Range("followers", 10_000, inf)),
        ("has:media is:Reply", And((Flag("has:media"), Flag("is:reply")))),
        ("lang:(fr OR pt-BR)", Or((Equals("lang", "fr"), Equals("lang", "pt")))),
        ("site:Example.com", Site("example.com")),
        ("site:https://example.com/a", Site("example.com")),
        ("https://example.com", Phrase(("https", "example.com"))),
        ("a\u200b\ufeff \u200fOR\u200f b", Or((A, B))),
        ("a # one\n#two # three\n", And((A, Hashtag("two")))),
    ],
)
def test_what_a_query_is_read_as(query: str, tree: Node) -> None:
    assert parse(query) == tree


@pytest.mark.parametrize(
    ("query", "column", "said"),
    [
        ("titel:a", 1, "write title:"),
        ("qwxz:a", 1, "does not exist"),
        ("title:[a TO b]", 7, "no range"),
        ("title:>=3", 7, "no range"),
        ("rating:good", 8, "a number"),
        ("rating:3..1", 8, "empty"),
        ("created:yesterday", 9, "not a time"),
        ("created:2026-13", 9, "not a time"),
        ("kind:reviw", 6, "kind:review"),
        ("country:France", 9, "two letters"),
        ("is:replies", 4, "is:reply"),
        ("site:nothing", 6, "not a site"),
        ("rating:(", 9, "missing"),
        ('"a b"~x', 6, "not a distance"),
        ('"a b" ~3', 7, "stands alone"),
        ("a NEAR/ b", 3, "number of words"),
        ("a NEAR/5000 b", 3, "number of words"),
        ("a NEAR (b c)", 3, "AND"),
        ("a NEAR lang:fr", 3, "field without text"),
        ("a NEAR author:b", 3, "different fields"),
        ("NEAR b", 1, '"NEAR" to search'),
        ("a NEAR b" + " NEAR b" * 10, 73, "more than 10"),
        ('"' + "a b " * 17 + '"~3', 71, "phrase of 34 words"),
        ("*", 1, "too much"),
        ("a?", 1, "too much"),
        ("/.*/", 1, "nearly every word"),
        ("/(a/", 1, "missing )"),
        ("/(?=a)b/", 1, "RE2"),
        ("/" + "a" * 2000 + "/", 1, "longer than"),
        ("ab~1", 1, "3 to 40"),
        ("abcd~2", 1, "5 to 40"),
        ("abcd~7", 1, "edits"),
        ("a^2", 1, "weight"),
        ("@", 1, "no word"),
        ("@-x", 1, "not a handle"),
        ("東京 (e\u0301", 4, "never closed"),
        ("\u200f", 2, "empty"),
        ("...", 1, "no word"),
        ("# only a comment", 1, "empty"),
        ("#", 1, "begins a comment"),
        ('"a" - b', 5, "close the gap (-b)"),
        ('a - "b c"', 3, 'close the gap (-"b c")'),
        ("=Apple*", 1, "drop the = and keep the *"),
        ('="Red App*"', 1, "counts for nothing"),
        ("acme~9", 1, "3 to 40"),
        ('stem:"a b"', 6, "write stem:a ONEAR/0 stem:b"),
        ("stem:été*", 6, "write stem:été, or"),
        ("stem:wi-fi", 6, "counts for nothing"),
        ("a title:", 3, "nothing stands after title:"),
        ("(a OR bio:) b", 7, 'write "bio"'),
        ("hashtag:", 1, "nothing stands after"),
        ("a followers:>=10.000", 13, "write 10000 or 10k"),
        ("a likes:1,234..5", 9, "may mean 1234 or 1"),
    ],
)
def test_a_mistake_is_shown_in_its_place(query: str, column: int, said: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(query)
    message = str(caught.value)
    assert said in message
    assert caught.value.column == column
    assert all(part in message for part in ("^", "expected:", "remedy:"))


def test_the_caret_stands_under_wide_and_combining_characters() -> None:
    with pytest.raises(QueryError) as caught:
        parse("東京 e\u0301 (b")
    shown, caret = str(caught.value).splitlines()[1:3]
    assert shown == "    東京 e\u0301 (b"
    assert caret.index("^") == 4 + 4 + 1 + 1 + 1


def test_stems_are_for_small_words_or_those_asked_for() -> None:
    style = Style(stem=True, languages=("en",))
    assert parse("running", style=style) == Stem("running", "run", (("en", "run"),), guess=True)
    assert parse("Running", style=style) == parse('"running"', style=style) == Word("running")
    assert isinstance(parse("stem:Running"), Stem)
    assert parse("=running", style=style) == parse("=running")


def test_elision_adds_the_parts_beside_an_apostrophe() -> None:
    style = Style(elision=True)
    assert parse("title:eau", style=style) == Or(
        (Within("title", Word("eau")), Within("title", Pattern("'eau")))
    )


def test_sub_queries_stand_for_what_they_say() -> None:
    queries = {"x": Subquery("a OR b"), "y": Subquery("@x c # and more")}
    tree = And((Or((Within("title", A), Within("title", B))), Within("title", C)))
    assert parse("title:@y", style=Style(queries=queries)) == tree
    topic = Topic(id="t", query="@y OR @z", queries=queries)
    assert parse_topic(topic) == Or((And((Or((A, B)), C)), Mention("z")))


def test_errors_in_sub_queries_name_them_and_circles_are_refused() -> None:
    queries = {"x": Subquery("a @y", 3), "y": Subquery("(@x)", 4), "bad": Subquery("a (", 9)}
    with pytest.raises(QueryError, match=r"@x → @y → @x"):
        parse("@x", style=Style(queries=queries))
    with pytest.raises(QueryError, match=r"in the sub-query @bad \(line 9\), column 4"):
        parse("@bad", style=Style(queries=queries))


def test_sub_queries_that_double_again_and_again_are_refused() -> None:
    queries = {f"q{n}": Subquery(f"@q{n - 1} @q{n - 1}") for n in range(1, 90)}
    queries["q0"] = Subquery("a b c d")
    with pytest.raises(QueryError, match="written out"):
        parse("@q89", style=Style(queries=queries))


def test_depth_counts_brackets_and_sub_queries() -> None:
    queries = {f"q{n}": Subquery(f"(@q{n - 1})") for n in range(1, 90)} | {"q0": Subquery("a")}
    with pytest.raises(QueryError, match="nested"):
        parse("@q89", style=Style(queries=queries))
    deep = "(" * MAX_DEPTH + "a NEAR b" + ")" * MAX_DEPTH
    assert parse(deep) == Near(A, B, 10, False)


@pytest.mark.parametrize(
    "query",
    [
        " OR ".join(f"word{n}" for n in range(10_000)),
        " OR ".join(f'"w{n} v"~3' for n in range(10_000)),
        "(" + " OR ".join(f"word{n}" for n in range(10_000)) + ") NEAR/5 (" + "x OR " * 5000 + "y)",
        "a # " + "#" * 64_000,
        "/" * 64_000,
        "a:" * 30_000 + "b",
        "'\"" * 30_000 + "a",
        "[" * 60_000 + "a",
        "=" * 60_000 + "a",
        "~" * 60_000,
        "\u200f" * 60_000 + "a",
        "*?" * 30_000,
        "@a." * 20_000,
        "a..1" * 10_000,
    ],
    ids=range(14),
)
def test_long_queries_are_read_or_refused_in_a_moment(query: str) -> None:
    start = time.process_time()
    matcher = compile_topics([Topic(id="t", query=query)])
    assert time.process_time() - start < 2
    assert set(matcher.topics) == {"t"}


def test_only_numbers_are_refused_with_the_reason() -> None:
    matcher = compile_topics([Topic(id="n", query="rating:<2"), Topic(id="l", query="lang:fr")])
    assert set(matcher.disabled) == {"n"}
    assert "rating:" in matcher.disabled["n"]
