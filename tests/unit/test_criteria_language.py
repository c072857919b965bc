"""What queries find: nearness, patterns, stems, signs, facts; and where."""

import time
from datetime import UTC, datetime

import pytest

from connectors.post import Author, Engagement, Place, Post, Rating
from streams.criteria.links import handles, host_of, links, mentions
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.patterns import within_edits
from streams.criteria.sentences import paragraphs, sentences
from streams.criteria.stems import stem, stemmed
from streams.criteria.topics import Topic

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POST = Post(id="t:1", source="rss", created_at=NOW, collected_at=NOW, text="apple pie")


def post(**fields: object) -> Post:
    basis = {"id": "t:1", "source": "rss", "created_at": NOW, "collected_at": NOW}
    return Post(**{**basis, **fields})  # type: ignore[arg-type] # each test gives fields of a post


def shown(query: str, text: str, lang: str = "", **topic: object) -> list[str]:
    """The stretches of the text that met the query; a topic that is not met has none."""
    matcher = compile_topics([Topic(id="t", query=query, **topic)])  # type: ignore[arg-type] # as above
    assert not matcher.disabled
    matches = matcher.match(post(text=text), lang)
    return [text[span.start : span.end] for match in matches for span in match.spans]


def meets(query: str, subject: Post, lang: str = "en") -> bool:
    matcher = compile_topics([Topic(id="t", query=query)])
    assert not matcher.disabled
    return bool(matcher.match(subject, lang))


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ('"a b"~1', "a x b and a", ["a x b"]),
        ("a NEAR/1 b", "a x b, far away a", ["a", "b"]),
        ('(a OR "c d") NEAR/0 b', "b c d x a", ["b", "c d"]),
        ("a SENTENCE b", "a. B! A or b", ["A", "b"]),
        ("a SENTENCE b", "东 a。b 东！a, b", ["a", "b"]),
        ("b*k", "Bank bark", ["Bank", "bark"]),
        ("=Bank", "bank Bank", ["Bank"]),
        ("c++", "C C++ c", ["C++"]),
        ("@acme", "see @Acme's", ["@Acme"]),
        ("#acme NEAR/0 pie", "#Acme pie", ["#Acme", "pie"]),
        ("text:a", "a b", ["a"]),
    ],
)
def test_spans_tell_where(query: str, text: str, found: list[str]) -> None:
    assert shown(query, text) == found


@pytest.mark.parametrize(
    ("query", "met"),
    [
        ("apple rating:<=2", True),
        ("apple rating:(1 OR 2)", True),
        ("apple rating:{2 TO 5]", False),
        ("apple followers:>=10k", True),
        ("apple likes:>0", False),
        ("apple NOT likes:>0", True),
        ("apple created:[2026-01-01 TO 2026-01-02}", True),
        ("apple created:<2026-01-01T12:00:00Z", False),
        ("source:RSS", True),
        ("kind:review", True),
        ("country:FR", True),
        ("lang:en", True),
        ("lang:fr", False),
        ("site:example.com", True),
        ("site:ample.com", False),
        ("author:banker", True),
        ("author:@some_one", True),
        ("author:bank*", True),
        ("bio:some_one", False),
        ('bio:"hedge funds"', True),
        ("bio:(hedge NEAR/1 funds)", True),
        ("place:lyon", True),
        ("link:a", True),
        ("is:verified apple", True),
        ("is:reply apple", False),
        ("has:rating apple", True),
        ("apple title:apple", False),
        ("author:apple", False),
    ],
)
def test_facts_of_the_post_and_its_author(query: str, met: bool) -> None:
    subject = post(
        text="apple pie",
        url="https://www.example.com/a/b",
        kind="review",
        rating=Rating(4, 10),
        author=Author(handle="some_one", name="A Banker", bio="Hedge funds", followers=10_000),
        engagement=Engagement(replies=3),
        place=Place(name="Lyon", country="FR"),
    )
    verified = post(text="apple", author=Author(verified=True), rating=Rating(1))
    assert meets(query, verified if query.startswith("is:verified") else subject) == met


def test_a_word_that_looks_like_a_fact_is_none() -> None:
    topics = [Topic(id="fact", query="source:rss"), Topic(id="word", query='"source:rss"')]
    matcher = compile_topics(topics)
    assert [match.topic for match in matcher.match(POST, "en")] == ["fact"]
    named = post(source="x", text="source:rss")
    assert [match.topic for match in matcher.match(named, "en")] == ["word"]


@pytest.mark.parametrize(
    ("query", "text", "lang", "met"),
    [
        ("stem:cheval", "les chevaux", "fr", True),
        ("stem:manger", "mangées", "fr", True),
        ("stem:банк", "в банках", "ru", True),
        ("stem:Haus", "die Häuser", "de", True),
        ("stem:running", "she runs", "en", True),
        ("stem:running", "she runs", "fr", False),
        ("stem:running", "she runs", "", False),
        ("stem:running", "running", "", True),
        ("stem:running", "running", "ja", True),
        ("stem:go", "went", "en", False),
    ],
)
def test_stems_are_those_of_the_posts_language(query: str, text: str, lang: str, met: bool) -> None:
    assert bool(shown(query, text, lang)) == met


def test_stems_per_topic() -> None:
    assert shown("running", "she Runs", "en", stem=True) == ["Runs"]
    assert shown("running", "she Runs", "", stem=True, languages=["en"]) == ["Runs"]
    assert not shown("Running", "she runs", "en", stem=True)
    assert not shown('"running"', "she runs", "en", stem=True)


def test_elision_per_topic() -> None:
    assert shown("eau", "De l’eau", elision=True) == ["l’eau"]
    assert shown("acme", "Acme's", elision=True) == ["Acme's"]
    assert not shown("eau", "De l'eau")


def test_what_a_stem_begins_with_is_what_its_word_and_its_stems_share() -> None:
    leaf = stemmed("chevaux", ("fr",))
    assert leaf is not None
    assert (leaf.start, leaf.stems) == ("chev", (("fr", stem("fr", "cheval")),))
    assert stemmed("go", ()) is None
    assert stemmed("running", ("ja",)) is None


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("One. Two! Three?", ["One.", " Two!", " Three?"]),
        ("M. Martin est là. Oui.", ["M. Martin est là.", " Oui."]),
        ("С А. С. Пушкиным, т.е. с ним. Да", ["С А. С. Пушкиным, т.е. с ним.", " Да"]),
        ("it costs 1.50 euros. ok", ["it costs 1.50 euros. ok"]),
        ('He said "No." Then left', ['He said "No."', " Then left"]),
        ("Line\nNext\nand on", ["Line\n", "Next\nand on"]),
        ("Wait... What", ["Wait...", " What"]),
        ("", [""]),
    ],
)
def test_sentences(text: str, starts: list[str]) -> None:
    at = sentences(text)
    assert [text[a:b] for a, b in zip(at, [*at[1:], len(text)], strict=True)] == starts


def test_paragraphs_end_at_blank_lines_or_at_all() -> None:
    assert paragraphs("a\nb\n \nc") == [0, 6]
    assert paragraphs("a\nb") == [0, 2]
    assert meets("a PARAGRAPH b", post(text="a\nb\n\nc"))
    assert not meets("a PARAGRAPH c", post(text="\n\na\r\n\r\nc"))
    assert meets("a PARAGRAPH c", post(text="\n\na x\r\nc\r\n\r\nd"))


def test_edits_are_counted_as_lucene_does() -> None:
    assert within_edits("bank", "bnak", 1)
    assert not within_edits("ca", "abc", 2)
    assert within_edits("kremlin", "kermlim", 2)


def test_handles_and_links() -> None:
    text = "RT @JetBlue's: a@b.com @user.example.org, (www.acme.org/x). https://Пример.рф:80/"
    assert [name for name, _, _ in mentions(text)] == ["JetBlue", "user.example.org"]
    assert handles("A@b.c") == {"a@b.c", "a", "a@b"}
    assert [link for link, _, _ in links(text)] == ["www.acme.org/x", "https://Пример.рф:80/"]
    assert host_of("https://Пример.рф:80/") == "xn--e1afmkfd.xn--p1ai"
    assert host_of("https://[::1") == ""


def test_patterns_and_facts_added_and_removed_while_running() -> None:
    matcher = Matcher()
    matcher.match(POST, "")
    for query in ("*pple", "appel~1", "/ap+le/", "source:rss", "@x"):
        matcher.add(Topic(id=query, query=query))
        matcher.match(POST, "")
    assert [m.topic for m in matcher.match(POST, "")] == [
        "*pple",
        "/ap+le/",
        "appel~1",
        "source:rss",
    ]
    for query in ("*pple", "appel~1", "/ap+le/", "source:rss", "@x"):
        matcher.remove(query)
    assert matcher.match(POST, "") == []


@pytest.mark.parametrize(
    "query",
    [
        '"a b c d e f g h a b"~1000',
        '"a a a a a"~50',
        '"' + "a b " * 16 + '"~1000',
        '"' + "a " * 31 + 'b"~1',
        "a" + " NEAR/500 b NEAR/500 a" * 5,
        " OR ".join(f"stem:a{n}b" for n in range(3000)),
        "((a NEAR/1000 b) NEAR/1000 a) NEAR/1000 c",
        "(a SENTENCE b) PARAGRAPH (b NEAR a)",
        "*a*b*c*d OR /(a|b)*c.*/ OR abcde~2 OR ?bb",
        "@a OR site:b.c OR author:a OR link:a",
        "stem:running OR ab*",
    ],
)
@pytest.mark.parametrize(
    "text",
    [
        "a b " * 16_384,
        "a b c d e f g h " * 4096,
        "ab" * 32_768,
        "@a." * 21_845,
        "A. " * 21_845,
        "\n" * 65_536,
        "https://a.b/" * 5461,
        " ".join(f"a{n}b" for n in range(8000)),
    ],
    ids=range(8),
)
def test_hostile_posts_take_bounded_time(query: str, text: str) -> None:
    matcher = compile_topics([Topic(id="t", query=query)])
    assert not matcher.disabled
    start = time.process_time()
    matcher.match(post(text=text), "en")
    assert time.process_time() - start < 1
