"""The whole language: the fast matcher answers as the oracle does, and as Lucene is defined."""

from datetime import UTC, datetime
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.post import Author, Engagement, Place, Post, Rating
from streams.criteria.brute import counted_edits, match_brute
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.patterns import Patterns, fits, within_edits
from streams.criteria.positions import windows
from streams.criteria.topics import Subquery, Topic

unhurried = settings(deadline=None)  # the first example loads the rules of seven languages
NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = (
    "a",
    "b",
    "c",
    "bank",
    "banks",
    "Bank",
    "банк",
    "банки",
    "l'eau",
    "eau",
    "Été",
    "ete",
    "infix",
)
SIGNS = ("C++", "C", "AT&T", "$acme", ".NET", "#a", "@bank", "@bank's", "@a.b", "a.", "B!", "\n\n")
LINKS = ("https://www.example.com/a", "http://b.example.com", "www.acme.org", "a@b.com")

words = st.sampled_from(WORDS)
phrases = st.lists(words, min_size=1, max_size=3).map(lambda some: '"' + " ".join(some) + '"')
sloppy = st.tuples(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), st.integers(0, 6)).map(
    lambda two: f'"{" ".join(two[0])}"~{two[1]}'
)
patterns = st.sampled_from(
    ("ban*", "b?nk", "*nk", "i*x", "*nfi*", "bank~1", "banks~2", "/b.nk(s|i)?/", "/бан.*/", "eta~1")
)
others = st.sampled_from(
    (
        "=Bank",
        "=bank",
        '="Bank a"',
        "stem:bank",
        "stem:банка",
        "C++",
        "AT&T",
        "$acme",
        ".NET",
        "#a",
        "@bank",
        "@a",
        '"C++ a"',
        "title:a",
        'title:"a b"~2',
        "text:bank*",
        "title:#a",
    )
)
places = st.one_of(words, phrases, sloppy, patterns, others)
groups = st.recursive(
    places,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]} OR {two[1]})"),
        st.tuples(
            inner, st.sampled_from(("NEAR/0", "NEAR/2", "ONEAR/1", "SENTENCE", "PARAGRAPH")), inner
        ).map(lambda three: f"({' '.join(three)})"),
    ),
    max_leaves=4,
)
facts = st.sampled_from(
    (
        "rating:<=2",
        "rating:1..3",
        "followers:>10",
        "likes:[1 TO 5}",
        "created:2026",
        "has:media",
        "is:verified",
        "is:reply",
        "has:link",
        "lang:en",
        "source:t",
        "country:fr",
        "kind:post",
        "site:example.com",
        "author:bank",
        'author:"a b"',
        "author:ban*",
        "bio:a",
        "place:a",
        "link:acme.org",
        "mention:bank",
        "hashtag:a",
        "author:(a NEAR/2 b)",
        "bio:=Bank",
    )
)
queries = st.recursive(
    st.one_of(groups, facts),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from((" ", " OR ", " NOT ")), inner).map(
            lambda three: f"({three[0]}{three[1]}{three[2]})"
        ),
        inner.map(lambda query: f"-({query})"),
    ),
    max_leaves=4,
)
texts = st.lists(
    st.one_of(words, words, st.sampled_from(SIGNS), st.sampled_from(LINKS)), max_size=10
).map(" ".join)
posts = st.builds(
    lambda texts, count, flag, tags: Post(
        id="t:1",
        source="t",
        created_at=NOW,
        collected_at=NOW,
        title=texts[0],
        text=texts[1],
        url="https://example.com/" if flag else "",
        author=Author(handle="bank", name=texts[2], bio=texts[3], followers=count, verified=flag),
        engagement=Engagement(likes=count),
        rating=Rating(count, 10) if flag else None,
        place=Place(name="a", country="FR") if flag else None,
        media=["m"] if flag else [],
        hashtags=tags,
    ),
    st.tuples(texts, texts, texts, texts),
    st.integers(0, 20),
    st.booleans(),
    st.lists(st.sampled_from(("a", "b")), max_size=1),
)
some_topics = st.lists(
    st.tuples(queries, st.booleans(), st.booleans(), st.sampled_from(([], ["fr"]))),
    min_size=1,
    max_size=4,
).map(
    lambda parts: [
        Topic(id=f"t{n}", query=q, stem=stem, elision=elision, languages=languages)
        for n, (q, stem, elision, languages) in enumerate(parts)
    ]
)
languages = st.sampled_from(("en", "fr", "ru", ""))


@unhurried
@given(some_topics, st.lists(posts, min_size=1, max_size=3), languages)
def test_the_matcher_equals_brute_force(topics: list[Topic], some: list[Post], lang: str) -> None:
    matcher = compile_topics(topics)
    for post in some:
        assert matcher.match(post, lang) == match_brute(topics, post, lang)


@unhurried
@given(some_topics, some_topics, posts, languages)
def test_topics_that_come_and_go_leave_no_trace(
    before: list[Topic], after: list[Topic], post: Post, lang: str
) -> None:
    matcher = Matcher()
    for topic in before:
        matcher.add(topic)
    matcher.match(post, lang)
    for topic in after:
        matcher.add(topic)
    kept = {topic.id: topic for topic in (*before, *after)}
    assert matcher.match(post, lang) == match_brute(list(kept.values()), post, lang)
    for topic_id in kept:
        matcher.remove(topic_id)
    assert matcher.match(post, lang) == []


@unhurried
@given(queries, queries, posts)
def test_a_sub_query_means_what_it_says(one: str, other: str, post: Post) -> None:
    named = {"one": Subquery(one), "other": Subquery(other)}
    query = "@one OR (@other AND a)"
    spelled = Topic(id="t", query=f"({one}) OR (({other}) AND a)")
    assert match_brute([Topic(id="t", query=query, queries=named)], post, "") == match_brute(
        [spelled], post, ""
    )


abc = st.lists(st.sampled_from("abcx"), max_size=9)


@unhurried
@given(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), abc, st.integers(0, 7))
def test_a_sloppy_phrase_is_met_when_some_way_to_place_its_words_is_near_enough(
    terms: list[str], text: list[str], slop: int
) -> None:
    spots = [[at for at, word in enumerate(text) if word == term] for term in terms]
    ways = (way for way in product(*spots) if len(set(way)) == len(way))
    apart = ([at - number for number, at in enumerate(way)] for way in ways)
    wanted = any(max(some) - min(some) <= slop for some in apart)
    assert any(True for _ in windows(terms, spots, slop)) == wanted


short = st.text(alphabet="abc", max_size=7)


@unhurried
@given(short, short, st.integers(0, 2))
def test_edits_are_counted_as_in_the_table(one: str, other: str, most: int) -> None:
    assert within_edits(one, other, most) == (counted_edits(one, other) <= most)


many = (
    "*nk",
    "b?nk",
    "*an*",
    "/b.+k/",
    "'nk",
    *(f"ban{a}{b}~2" for a in "abk" for b in "kon"),
    "bank~1",
)


@given(st.text(alphabet="bank'o", max_size=7))
def test_many_patterns_answer_as_each_alone(word: str) -> None:
    together = Patterns()
    for term in (
        *many,
        *(f"*{a}{b}*" for a in "abknox" for b in "bank"),
        *(f"{a}xbank~2" for a in "abcdefghij"),
    ):
        together.add(term)
        assert (term in together.met(word)) == fits(term, word)


asked = ("*nk", "b?nk", "*an*", "b*k", "bank~1", "bonk~2", "/b.+k/", "'nk", "*n?*k")


@unhurried
@given(st.text(alphabet="bank'o", max_size=7), st.lists(st.sampled_from(asked)))
def test_patterns_asked_at_once_answer_as_each_alone(word: str, some: list[str]) -> None:
    together = Patterns()
    for term in some:
        together.add(term)
    assert sorted(together.met(word)) == sorted(term for term in set(some) if fits(term, word))
    for term in some:
        together.remove(term)
    assert not together
    assert together.met(word) == []
