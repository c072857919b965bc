"""What is searched for at a source finds all that the topics match."""

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.post import Post
from connectors.searches import Search
from streams.criteria import links, tokens
from streams.criteria.brute import match_brute
from streams.criteria.folding import fold
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.pushdown import MOST_SEARCHES, searches
from streams.criteria.terms import folded_words
from streams.criteria.topics import Topic
from tests.property import test_criteria as plain
from tests.property import test_criteria_language as whole

unhurried = settings(deadline=None)  # the first example loads the rules of seven languages


def said(post: Post) -> Iterator[list[str]]:
    """Runs of folded words: those of the texts, and tags, handles and parts beside apostrophes."""
    for text in (post.title, post.text):
        yield (words := folded_words(text))
        yield from ([part] for word in words for part in word.split("'"))
        yield from (folded_words(tag) for tag, *_ in tokens.hashtags(text))
        for named, *_ in links.mentions(text):
            ends = [at for at, sign in enumerate(named) if sign in ".@"]
            yield from (folded_words(named[:end]) for end in (*ends, len(named)))
    yield from (folded_words(tag) for tag in post.hashtags)


def finds(search: Search, post: Post) -> bool:
    """Whether a source that folds words as Veille does has the post in its answer."""
    texts = [f" {' '.join(run)} " for run in said(post)]
    wanted = [f" {' '.join(folded_words(word))} " for word in search.words]
    return all(any(word in text for text in texts) for word in wanted)


def check(topics: list[Topic], post: Post, lang: str) -> None:
    pushed = searches(topics)
    wide = {one.topic for one in pushed.wide}
    for met in match_brute(topics, post, lang):
        own = [search for search in pushed.searches if met.topic in search.topics]
        assert len(own) <= MOST_SEARCHES
        assert (met.topic in wide) != bool(own)
        assert met.topic in wide or any(finds(search, post) for search in own)


@given(plain.some_topics, plain.posts, plain.languages)
def test_what_matches_is_searched_for(topics: list[Topic], post: Post, lang: str) -> None:
    check(topics, post, lang)


@unhurried
@given(whole.some_topics, whole.posts, whole.languages)
def test_what_matches_is_searched_for_in_the_whole_language(
    topics: list[Topic], post: Post, lang: str
) -> None:
    check(topics, post, lang)


letters = st.sampled_from([f"w{number}" for number in range(40)])
groups = st.lists(letters, min_size=1, max_size=14).map(lambda some: f"({' OR '.join(some)})")
large = st.lists(groups, min_size=1, max_size=5).map(" AND ".join)


@given(st.lists(large, min_size=1, max_size=12).map(" OR ".join), st.sets(letters, min_size=8))
def test_queries_with_too_many_alternatives_are_widened(query: str, words: set[str]) -> None:
    text = " ".join(sorted(words))
    check(
        [Topic(id="t", query=query)],
        Post(id="t:1", source="t", created_at=plain.NOW, collected_at=plain.NOW, text=text),
        "",
    )


@given(plain.some_topics)
def test_a_topic_that_can_be_read_is_searched_for_or_wide(topics: list[Topic]) -> None:
    pushed = searches(topics)
    named = {topic for search in pushed.searches for topic in search.topics}
    named |= {one.topic for one in pushed.wide}
    matcher = compile_topics(topics)
    assert matcher.topics.keys() - matcher.disabled.keys() <= named


@given(st.sampled_from(plain.WORDS))
def test_words_are_searched_for_as_they_are_written(word: str) -> None:
    (search,) = searches([Topic(id="t", query=word)]).searches
    assert [fold(one) for one in search.words] == [fold(word)]
    assert search.words == (word.lower(),)
