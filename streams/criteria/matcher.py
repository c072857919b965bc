"""All topics against each post: an index rules most topics out, the rest are evaluated."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from operator import attrgetter
from types import MappingProxyType
from typing import Final

import msgspec

from connectors.post import Post
from streams.criteria import rough
from streams.criteria.complaint import query_error
from streams.criteria.document import Document
from streams.criteria.frequencies import MAX_POSTS, LiveFrequency
from streams.criteria.index import Index, Places, places
from streams.criteria.keys import Frequency, guessed_frequency, prefixes
from streams.criteria.languages import admits, primary
from streams.criteria.parser import parse_topic
from streams.criteria.plan import Plan, plan
from streams.criteria.signals import Signals
from streams.criteria.syntax import Node
from streams.criteria.topics import Topic
from streams.criteria.vocabulary import Vocabulary, hashtag_term
from streams.errors import ConfigError, QueryError
from streams.records import Span

_ANY: Final[frozenset[str]] = frozenset()
_SAMPLED: Final = 256  # one post in so many is learned from: few enough not to be felt in the p99
_MOVING: Final = 4  # one topic is looked at after so many samples
_FIRST_CHECK: Final = 128  # samples before topics are moved; then at four times as many, and so on
_RARE: Final = 1e-4  # keys of fewer posts are good enough
_MANY_PLACES: Final = 64


_by_id: Final = attrgetter("id")


class Match(msgspec.Struct, frozen=True, gc=False):
    """A topic that the post meets, and the stretches that met it: title, text, hashtags."""

    topic: str
    spans: list[Span]


class _Entry:
    """A topic ready to be tried."""

    __slots__ = ("id", "languages", "places", "plan", "prefixes")

    def __init__(self, topic: Topic, tree: Node, where: Places) -> None:
        self.id = topic.id
        self.languages = frozenset(map(primary, topic.languages)) if topic.languages else _ANY
        self.plan: Plan = plan(tree)
        self.places = where
        self.prefixes = tuple(prefixes(tree))


class Matcher:
    """Topics may come and go between two posts; the cost of that does not grow with their number.

    From one post in 256 the matcher learns how common terms are, unless `frequency` is given, and
    moves topics from keys that turn out to be common to rarer ones, a few at a time.

    Not for several threads at once: give each its own.
    """

    def __init__(self, *, frequency: Frequency | None = None) -> None:
        self._live = LiveFrequency() if frequency is None else None
        self._frequency = frequency or self._live or guessed_frequency
        self._index: Index[_Entry] = Index()
        self._signals = Signals()
        self._vocabulary = Vocabulary()
        self._entries: dict[str, _Entry] = {}
        self._topics: dict[str, Topic] = {}
        self._disabled: dict[str, str] = {}
        self._until_sample = _SAMPLED
        self._to_check: list[str] = []
        self._next_check = _FIRST_CHECK
        self._rare = _RARE

    @property
    def topics(self) -> Mapping[str, Topic]:
        """All topics by id, the disabled ones included."""
        return MappingProxyType(self._topics)

    @property
    def disabled(self) -> Mapping[str, str]:
        """Topics that can't be watched, and why."""
        return MappingProxyType(self._disabled)

    def match(self, post: Post, lang: str | Callable[[], str]) -> list[Match]:
        """The topics that the post meets, by id. `lang` is the post's language, or empty; given
        as a function it is only asked when a topic may be met, which for most posts is never.

        A post that no topic can meet costs some 3 µs for each 100 characters.
        """
        found = self._tried(post, lang)
        if found is None:
            return []
        document, met = found
        spans = document.spans
        return [Match(entry.id, spans(entry.plan.hits(document))) for entry in met]

    def met(self, post: Post, lang: str | Callable[[], str]) -> list[str]:
        """The same topics alone: where they are met is not looked for."""
        found = self._tried(post, lang)
        return [entry.id for entry in found[1]] if found else []

    def _tried(
        self, post: Post, lang: str | Callable[[], str]
    ) -> tuple[Document, list[_Entry]] | None:
        """The entries that are met, by id; nothing where the index leaves none to be tried."""
        self._until_sample -= 1
        if not self._until_sample:
            self._sample(post)
        facts = self._signals.terms(post, lang) if self._signals.kinds else _ANY
        candidates = self._candidates(post, facts)
        if not candidates:
            return None
        language = primary(lang if isinstance(lang, str) else lang())
        terms = self._vocabulary.terms(post) | facts
        document = Document(post, terms, self._vocabulary, language)
        met = [
            entry
            for entry in candidates
            if (not entry.languages or admits(entry.languages, language))
            and entry.plan.met(document)
        ]
        met.sort(key=_by_id)
        return document, met

    def candidates(self, post: Post) -> int:
        """How many topics the index leaves to be tried on this post by its words: a measure of
        its quality."""
        return len(self._candidates(post, _ANY))

    def _candidates(self, post: Post, facts: Set[str]) -> set[_Entry]:
        text = f"{post.title}\n{post.text}" if post.title else post.text
        tags = [hashtag_term(tag) for tag in post.hashtags] if post.hashtags else ()
        return self._index.candidates(text, tags, facts)

    def add(self, topic: Topic, tree: Node | None = None) -> None:
        """Watch a topic; one with the same id is replaced. A bad query disables the topic.

        All that can fail is done before the old version goes: it answers until the new one does.
        With `tree` that is looked for instead of the topic's query; the matcher must then have been
        given a `frequency`.
        """
        try:
            entry = _Entry(topic, *anchored(topic, self._frequency, tree))
        except QueryError as error:
            self.remove(topic.id)
            self._topics[topic.id] = topic
            self._disabled[topic.id] = str(error)
            return
        self.remove(topic.id)
        self._topics[topic.id] = topic
        self._entries[topic.id] = entry
        for start in entry.prefixes:
            self._vocabulary.add_prefix(start)
        self._put(entry)

    def remove(self, topic_id: str) -> None:
        """Stop watching a topic; nothing happens if there is none."""
        self._topics.pop(topic_id, None)
        self._disabled.pop(topic_id, None)
        entry = self._entries.pop(topic_id, None)
        if entry is None:
            return
        self._take(entry)
        for start in entry.prefixes:
            self._vocabulary.remove_prefix(start)

    def learn(self, posts: Iterable[Post]) -> None:
        """Learn from posts how common terms are, then move every topic whose keys are common.

        For the start, with posts that were stored; it takes some 10 s for 100,000 topics.
        """
        if self._live is None:
            return
        for post in posts:
            self._live.observe(rough.words(f"{post.title} {post.text}"))
        self._to_check = self._under_common_keys()
        self.rekey(len(self._to_check))

    def rekey(self, limit: int) -> int:
        """Look at up to `limit` topics that stand under a common key, and move them if they can.

        How many were moved is the answer. `match` does this by itself, one topic at a time.
        """
        moved = 0
        for _ in range(limit):
            if not self._to_check:
                self._to_check = self._under_common_keys()
            if not self._to_check:
                break
            moved += self._rekeyed(self._to_check.pop())
        return moved

    def _under_common_keys(self) -> list[str]:
        if self._live is None:
            return []
        return [entry.id for entry in self._index.under(self._live.common(self._rare))]

    def _rekeyed(self, topic_id: str) -> bool:
        entry = self._entries.get(topic_id)
        if entry is None or len(entry.places) > _MANY_PLACES:
            return False  # a long list of words has no other keys, and parsing it takes long
        where = anchored(self._topics[topic_id], self._frequency)[1]
        if set(where) == set(entry.places):
            return False
        self._take(entry)
        entry.places = where
        self._put(entry)
        return True

    def _put(self, entry: _Entry) -> None:
        self._signals.add(_terms_in(entry.places))
        self._index.add(entry, entry.places)

    def _take(self, entry: _Entry) -> None:
        self._signals.remove(_terms_in(entry.places))
        self._index.remove(entry, entry.places)

    def _sample(self, post: Post) -> None:
        self._until_sample = _SAMPLED
        if self._live is None:
            return
        self._live.observe(rough.words(f"{post.title} {post.text}"))
        if not self._to_check and self._live.posts >= self._next_check:
            self._next_check = min(4 * self._live.posts, MAX_POSTS - 1)
            self._to_check = self._under_common_keys()
        if self._to_check and not self._live.posts % _MOVING:
            self.rekey(1)  # one is enough of a pause: 0.1 ms


def _terms_in(places: Places) -> Iterator[str]:
    for key, guards in places:
        yield key
        yield from guards


def compile(  # noqa: A001 (the verb of `re`)
    topics: Sequence[Topic],
    *,
    frequency: Frequency | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Matcher:
    """A matcher for the topics. Raises `ConfigError` for two with one id.

    `on_progress` hears how many of how many topics are done, after every thousand and at the end.
    """
    matcher = Matcher(frequency=frequency)
    with _no_collections():
        for done, topic in enumerate(topics):
            if topic.id in matcher.topics:
                raise ConfigError(f"two topics have the id {topic.id!r}: give one another id")
            if on_progress and done and done % 1000 == 0:
                on_progress(done, len(topics))
            matcher.add(topic)
    if on_progress:
        on_progress(len(topics), len(topics))
    return matcher


@contextmanager
def _no_collections() -> Iterator[None]:
    """Nothing that compiling makes is garbage in a cycle: looking for it takes a third longer."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def anchored(
    topic: Topic, frequency: Frequency = guessed_frequency, tree: Node | None = None
) -> tuple[Node, Places]:
    """The tree of a topic, or the one given instead of it, and its places in the index.

    Raises `QueryError` if the query does not parse or no word anchors it.
    """
    tree = parse_topic(topic) if tree is None else tree
    where = places(tree, frequency)
    if not where:
        raise query_error(
            topic.query,
            0,
            "posts would meet this query by what they do not say (NOT alone, or NOT joined by OR), "
            "or by numbers alone (rating:, created:, has:, is:): it would match nearly everything",
            expected="a word, phrase, #tag, author:, site:, source:, kind:, country: or lang: that "
            "every wanted post carries",
            remedy="join it to what you look for: apple AND NOT pie, acme AND rating:<=2",
        )
    return tree, where
