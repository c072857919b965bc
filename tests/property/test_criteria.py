"""The fast matcher answers as the oracle does, whatever the queries and the posts."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from connectors.post import Post
from streams.criteria import tokens
from streams.criteria.brute import match_brute
from streams.criteria.folding import fold
from streams.criteria.matcher import Matcher
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.criteria.vocabulary import Vocabulary

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = ("a", "b", "Été", "ete", "aa", "aab", "l’eau", "l'eau", "дом", "ДОМ", "йод", "иод", "東京")
MORE = ("wi-fi", "fi", "😀", "#a", "#été", "C++", "x_y", "1,5", "e.g", "ж\u0301", "ﬁ")

words = st.sampled_from(WORDS + MORE)
phrases = st.lists(words, min_size=1, max_size=3).map(lambda some: '"' + " ".join(some) + '"')
prefixes = st.sampled_from(("aa*", "ét*", "до*", "l'e*", "#a", "京*"))
leaves = st.one_of(words, phrases, prefixes)
queries = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from((" ", " AND ", " OR ", " NOT ", " && ")), inner).map(
            lambda three: f"({three[0]}{three[1]}{three[2]})"
        ),
        inner.map(lambda query: f"NOT ({query})"),
        inner.map(lambda query: f"-({query})"),
    ),
    max_leaves=8,
)
topic_parts = st.tuples(queries, st.sampled_from(("AND", "OR")), st.sampled_from(([], ["en"])))
letters = st.text(alphabet="abéйи ._'’-#東😀\u200d\u0301\u00ad1,", max_size=12)
texts = st.lists(st.one_of(words, letters, st.text(max_size=4)), max_size=12).map(" ".join)
posts = st.builds(
    lambda title, text, tags: Post(
        id="t:1",
        source="t",
        created_at=NOW,
        collected_at=NOW,
        title=title,
        text=text,
        hashtags=tags,
    ),
    texts,
    texts,
    st.lists(st.sampled_from(("a", "#A", "été", "x y", "")), max_size=2),
)


def topics_of(parts: list[tuple[str, str, list[str]]]) -> list[Topic]:
    return [
        Topic(
            id=f"t{n}",
            query=query,
            operator="OR" if operator == "OR" else "AND",
            languages=languages,
        )
        for n, (query, operator, languages) in enumerate(parts)
    ]


some_topics = st.lists(topic_parts, min_size=1, max_size=5).map(topics_of)
languages = st.sampled_from(("en", "fr", "", "en-GB"))


@given(some_topics, st.lists(posts, min_size=1, max_size=3), languages)
def test_the_index_equals_brute_force(topics: list[Topic], some: list[Post], lang: str) -> None:
    matcher = compile_topics(topics)
    for post in some:
        assert matcher.match(post, lang) == match_brute(topics, post, lang)


@given(some_topics, some_topics, posts)
def test_topics_that_come_and_go_leave_no_trace(
    before: list[Topic], after: list[Topic], post: Post
) -> None:
    matcher = Matcher()
    for topic in before:
        matcher.add(topic)
    matcher.match(post, "")
    for topic in after:
        matcher.add(topic)
    kept = {topic.id: topic for topic in (*before, *after)}
    assert matcher.match(post, "") == match_brute(list(kept.values()), post, "")
    for topic_id in kept:
        matcher.remove(topic_id)
    assert matcher.match(post, "") == []
    assert not matcher.topics
    assert not matcher.disabled


@given(texts)
def test_the_fast_words_are_the_words_in_order(text: str) -> None:
    in_order = [text[start:end] for start, end in tokens.spans(text)]
    assert sorted(in_order) == sorted(word for word in tokens.words(text) if word.strip("_"))


@given(st.text(max_size=20))
def test_folding_is_stable_and_never_empty(text: str) -> None:
    for start, end in tokens.spans(text):
        folded = fold(text[start:end])
        assert folded
        assert fold(folded) == folded


@given(st.text(min_size=1, max_size=30))
def test_case_does_not_count(text: str) -> None:
    assert [fold(text[a:b]) for a, b in tokens.spans(text)] == [
        fold(fold(text[a:b])) for a, b in tokens.spans(text)
    ]


@given(posts)
def test_the_terms_of_the_pieces_are_those_of_the_whole_text(post: Post) -> None:
    words = {
        fold(text[start:end])
        for text in (post.title, post.text)
        for start, end in tokens.spans(text)
    }
    terms = Vocabulary().terms(post)
    assert {term for term in terms if term[0] not in "#@"} == {
        word for word in words if word[0] not in "#@"
    }


@given(some_topics, st.lists(posts, min_size=1, max_size=4))
def test_moved_topics_equal_brute_force(topics: list[Topic], some: list[Post]) -> None:
    matcher = compile_topics(topics)
    for _ in range(3):
        matcher.learn(some * 40)
        for post in some:
            assert matcher.match(post, "en") == match_brute(topics, post, "en")
