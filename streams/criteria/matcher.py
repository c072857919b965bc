"""All topics against each post: an index rules most topics out, the rest are evaluated."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from connectors.post import Post
from streams.criteria.complaint import query_error
from streams.criteria.document import Document
from streams.criteria.index import Index, Place, place
from streams.criteria.keys import Frequency, covers, guessed_frequency, prefixes
from streams.criteria.languages import admits, primary
from streams.criteria.parser import parse
from streams.criteria.plan import Plan, plan
from streams.criteria.syntax import Node
from streams.criteria.topics import Topic
from streams.criteria.vocabulary import Vocabulary
from streams.errors import ConfigError, QueryError
from streams.records import Span


class Match(msgspec.Struct, frozen=True):
    """A topic that the post meets, and the stretches that met it: title, text, hashtags."""

    topic: str
    spans: list[Span]


class _Entry:
    """A topic ready to be tried."""

    __slots__ = ("id", "languages", "place", "plan", "prefixes")

    def __init__(self, topic: Topic, tree: Node, where: Place) -> None:
        self.id = topic.id
        self.languages = frozenset(map(primary, topic.languages))
        self.plan: Plan = plan(tree)
        self.place = where
        self.prefixes = prefixes(tree)


class Matcher:
    """Topics may come and go between two posts; the cost of that does not grow with their number.

    Not for several threads at once: give each its own.
    """

    def __init__(self, *, frequency: Frequency = guessed_frequency) -> None:
        self._frequency = frequency
        self._vocabulary = Vocabulary()
        self._index: Index[_Entry] = Index()
        self._entries: dict[str, _Entry] = {}
        self._topics: dict[str, Topic] = {}
        self._disabled: dict[str, str] = {}

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

        A post that no topic can meet costs some 6 µs for each 100 characters.
        """
        terms = self._vocabulary.terms(post)
        candidates = self._index.candidates(terms)
        if not candidates:
            return []
        language = primary(lang if isinstance(lang, str) else lang())
        document = Document(post, terms, self._vocabulary)
        met = [e for e in candidates if admits(e.languages, language) and e.plan.met(document)]
        met.sort(key=lambda entry: entry.id)
        return [Match(entry.id, document.spans(entry.plan.hits(document))) for entry in met]

    def candidates(self, post: Post) -> int:
        """How many topics the index leaves to be tried on this post: a measure of its quality."""
        return len(self._index.candidates(self._vocabulary.terms(post)))

    def add(self, topic: Topic) -> None:
        """Watch a topic; one with the same id is replaced. A bad query disables the topic."""
        self.remove(topic.id)
        self._topics[topic.id] = topic
        try:
            tree, where = anchored(topic, self._frequency)
        except QueryError as error:
            self._disabled[topic.id] = str(error)
            return
        entry = _Entry(topic, tree, where)
        for start in entry.prefixes:
            self._vocabulary.add_prefix(start)
        self._index.add(entry, where)
        self._entries[topic.id] = entry

    def remove(self, topic_id: str) -> None:
        """Stop watching a topic; nothing happens if there is none."""
        self._topics.pop(topic_id, None)
        self._disabled.pop(topic_id, None)
        entry = self._entries.pop(topic_id, None)
        if entry is None:
            return
        self._index.remove(entry, entry.place)
        for start in entry.prefixes:
            self._vocabulary.remove_prefix(start)


def compile(topics: Sequence[Topic], *, frequency: Frequency = guessed_frequency) -> Matcher:  # noqa: A001 (the verb of `re`)
    """A matcher for the topics. Raises `ConfigError` for two with one id."""
    matcher = Matcher(frequency=frequency)
    for topic in topics:
        if topic.id in matcher.topics:
            raise ConfigError(f"two topics have the id {topic.id!r}: give one of them another id")
        matcher.add(topic)
    return matcher


def anchored(topic: Topic, frequency: Frequency = guessed_frequency) -> tuple[Node, Place]:
    """The tree of a topic and its place in the index.

    Raises `QueryError` if the query does not parse or no word anchors it.
    """
    tree = parse(topic.query, default=topic.operator)
    required = covers(tree, frequency)
    if not required:
        raise query_error(
            topic.query,
            0,
            "posts would meet this query by what they do not say (NOT alone, or NOT joined by OR): "
            "it would match nearly everything",
            expected="a word, phrase or #tag that every wanted post carries",
            remedy="join the exclusion to what you look for: apple AND NOT pie",
        )
    return tree, place(required)
