"""What a query costs: on how many posts it must be tried, guessed or measured on a sample."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from connectors.post import Post
from streams.criteria.keys import covers, guessed_frequency
from streams.criteria.matcher import Matcher, anchored
from streams.criteria.patterns import fits, is_pattern
from streams.criteria.signals import Signals
from streams.criteria.syntax import Node
from streams.criteria.terms import folded_words
from streams.criteria.topics import Topic
from streams.criteria.vocabulary import hashtag_terms
from streams.errors import QueryError

MOST_POSTS: Final = 20_000
"""How much of a sample is read: enough to tell 1 % from 2 %, and some 100 MB."""


class Cost(msgspec.Struct, frozen=True, omit_defaults=True):
    """Shares of posts, in [0, 1]: those that the topic is tried on, and those it meets.

    `keys` are the words that have it tried, the commonest first. Without a sample `tried` is a
    guess from the looks of the words, and `met` is not known.
    """

    topic: str
    tried: float
    keys: list[str]
    met: float | None = None
    sample: int = 0


class Sample:
    """Posts to measure on. Reading 20,000 short ones takes two seconds."""

    def __init__(self, posts: Iterable[Post]) -> None:
        self.posts: Sequence[Post] = list(islice(posts, MOST_POSTS))
        self._where: dict[str, set[int]] = {}
        for number, post in enumerate(self.posts):
            for term in _terms(post):
                self._where.setdefault(term, set()).add(number)
        self._words = sorted(self._where)
        self._kinds: set[str] = set()

    def frequency(self, term: str) -> float:
        """The share of posts that carry a word, a `#tag`, a pattern or a fact (`source=rss`)."""
        if not self.posts:
            return guessed_frequency(term)
        return len(self._carrying(term)) / len(self.posts)

    def tried(self, keys: Iterable[str]) -> float:
        """The share of posts that carry one of the keys."""
        return len(set[int]().union(*map(self._carrying, keys))) / max(1, len(self.posts))

    def _carrying(self, term: str) -> set[int]:
        if len(term) > 2 and term.endswith("*") and not set("?*") & set(term[:-1]):
            return set[int]().union(*(self._where[word] for word in self._starting(term[:-1])))
        if term not in self._where:
            if is_pattern(term):
                met = (self._where[word] for word in self._words if fits(term, word))
                self._where[term] = set[int]().union(*met)
            elif term.partition("=")[1]:
                self._learn(term)
        return self._where.get(term, set())

    def _learn(self, fact: str) -> None:
        """Which posts carry facts of this kind; a kind is looked for once."""
        kind = fact.partition("=")[0]
        if kind in self._kinds:
            return
        self._kinds.add(kind)
        signals = Signals()
        signals.add([fact])
        for number, post in enumerate(self.posts):
            for term in signals.terms(post, post.lang):
                self._where.setdefault(term, set()).add(number)

    def _starting(self, start: str) -> Iterator[str]:
        for at in range(bisect_left(self._words, start), len(self._words)):
            if not self._words[at].startswith(start):
                return
            yield self._words[at]


def _terms(post: Post) -> set[str]:
    return {*folded_words(post.title), *folded_words(post.text), *hashtag_terms(post)}


def costs(topics: Sequence[Topic], sample: Sample | None = None) -> list[Cost]:
    """The cost of each topic that can be watched, in their order."""
    measured = _met(topics, sample) if sample and sample.posts else {}
    found = []
    for topic in topics:
        try:
            tree, _ = anchored(topic)
        except QueryError:
            continue
        found.append(cost(topic, tree, sample, measured.get(topic.id, 0)))
    return found


def cost(topic: Topic, tree: Node, sample: Sample | None, met: int) -> Cost:
    """What the tree of a topic costs; `met` are posts of the sample that it meets."""
    frequency = sample.frequency if sample and sample.posts else guessed_frequency
    cheapest = covers(tree, frequency)[0]
    keys = sorted(cheapest.keys, key=lambda key: (-frequency(key), key))
    if not sample or not sample.posts:
        return Cost(topic.id, min(1.0, cheapest.cost), keys)
    count = len(sample.posts)
    return Cost(topic.id, sample.tried(keys), keys, met / count, count)


def _met(topics: Sequence[Topic], sample: Sample) -> dict[str, int]:
    matcher = Matcher()
    for topic in topics:
        matcher.add(topic)
    found: dict[str, int] = {}
    for post in sample.posts:
        for match in matcher.match(post, post.lang):
            found[match.topic] = found.get(match.topic, 0) + 1
    return found
