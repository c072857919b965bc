"""What a query would catch of the latest posts: hits, what changes, near misses, cost; pure."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from connectors.post import Post
from streams.criteria.check import Finding, Tried, check, tried_samples
from streams.criteria.cost import Cost, Sample, cost
from streams.criteria.keys import Frequency, guessed_frequency
from streams.criteria.matcher import Matcher, anchored
from streams.criteria.topics import Topic
from streams.errors import QueryError
from streams.sentiment.language import identify
from streams.topics.excerpts import Excerpt, excerpt
from streams.topics.near import Kind, variants

NEAR_SECONDS: Final = 0.35
"""How long near misses are looked for: among the newest posts first, and it is told how far."""
_CHUNK: Final = 100
_SAMPLES: Final = 12
_FEW: Final = 4
_NEAR_SHARE: Final = 0.1
"""A clause without which more of the posts are met is no border: it is what the query is about."""
_MOST_PATTERNS: Final = 20
_LONGEST: Final = 4_000
_NEW: Final = "new"
_OLD: Final = "old"


class Some(msgspec.Struct, frozen=True):
    """How many posts, and the newest of them."""

    total: int = 0
    posts: list[Excerpt] = []


class Miss(msgspec.Struct, frozen=True):
    """Posts that one change of the query would let in. `what` is the part of the query."""

    kind: Kind
    what: str
    total: int
    posts: list[Excerpt] = []


class Day(msgspec.Struct, frozen=True):
    """Posts of one day (UTC), and how many of them the query meets."""

    day: str
    posts: int
    hits: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """The answer for one topic. `gained` and `lost` are against the topic as it is saved; `near` is
    of the newest `near_posts` posts. `error` says why the query can't be watched."""

    posts: int
    since: datetime | None = None
    until: datetime | None = None
    hits: Some = Some()
    before: int | None = None
    gained: Some = Some()
    lost: Some = Some()
    days: list[Day] = []
    near: list[Miss] = []
    near_posts: int = 0
    cost: Cost | None = None
    findings: list[Finding] = []
    samples: list[Tried] = []
    error: str = ""
    at: int = 0
    """Where the error is, as an offset in the query."""
    where: Literal["archive", "mentions", ""] = ""
    """Where the posts are from; those of mentions all met some topic."""
    seconds: float = 0.0


class Known(msgspec.Struct, frozen=True, gc=False):
    """A post and its language."""

    post: Post
    lang: str


def known(post: Post) -> Known:
    return Known(post, identify(post.text or post.title, post.lang).code)


class Previewer:
    """The posts, newest first, and what is worked out about them once."""

    def __init__(self, posts: Iterable[Known]) -> None:
        self.posts: Sequence[Known] = sorted(posts, key=lambda one: _age(one.post))
        self._sample: Sample | None = None
        self._days = Counter(_day(one.post) for one in self.posts)

    @property
    def sample(self) -> Sample:
        """For costs and checks; made when it is first needed."""
        if self._sample is None:
            self._sample = Sample(
                msgspec.structs.replace(one.post, lang=one.lang) for one in self.posts
            )
        return self._sample

    def preview(self, topic: Topic, saved: Topic | None = None) -> Preview:
        """`saved` is the topic as it is watched now."""
        began = time.perf_counter()
        base = Preview(
            posts=len(self.posts),
            since=self.posts[-1].post.created_at if self.posts else None,
            until=self.posts[0].post.created_at if self.posts else None,
            findings=self._findings(topic),
        )
        sample = self._sample_for(topic)
        frequency = sample.frequency if sample else guessed_frequency
        try:
            tree, _ = anchored(topic, frequency)
        except QueryError as error:
            wrong = msgspec.structs.replace(base, error=str(error), at=error.at)
            return _timed(wrong, began)
        matcher = _matcher(topic, saved, frequency)
        met = [(one, matcher.met(one.post, one.lang)) for one in self.posts]
        new = [one for one, names in met if _NEW in names]
        near, looked = self._near(topic, {one.post.id for one in new}, frequency)
        return _timed(
            msgspec.structs.replace(
                base,
                hits=_some(matcher, new, _SAMPLES),
                before=sum(_OLD in names for _, names in met) if saved else None,
                gained=_some(matcher, _only(met, _NEW), _FEW) if saved else Some(),
                lost=_some(matcher, _only(met, _OLD), _FEW) if saved else Some(),
                days=self._per_day(new),
                near=near,
                near_posts=looked,
                samples=list(tried_samples(topic)),
                cost=cost(topic, tree, sample, len(new)),
            ),
            began,
        )

    def _findings(self, topic: Topic) -> list[Finding]:
        """Weak spots; what keeps the query from being read, and samples, are told elsewhere."""
        found = check([topic], self._sample_for(topic), advice=True)
        return [one for one in found if one.code not in {"query", "sample"}]

    def _sample_for(self, topic: Topic) -> Sample | None:
        """The sample, unless counting the query's patterns in it would take seconds."""
        patterns = sum(map(topic.query.count, "*?~/"))
        few = patterns <= _MOST_PATTERNS and len(topic.query) <= _LONGEST
        return self.sample if self.posts and few else None

    def _per_day(self, hits: Sequence[Known]) -> list[Day]:
        met = Counter(_day(one.post) for one in hits)
        return [Day(day, self._days[day], met[day]) for day in sorted(self._days)]

    def _near(self, topic: Topic, hits: set[str], frequency: Frequency) -> tuple[list[Miss], int]:
        """Near misses of the newest posts, as far as the time allows."""
        until = time.perf_counter() + NEAR_SECONDS
        matcher = Matcher(frequency=frequency)
        tried = []
        for number, variant in enumerate(variants(topic)):
            matcher.add(msgspec.structs.replace(variant.topic, id=f"{number:02}"), variant.tree)
            tried.append(variant)
        found: dict[int, list[Known]] = {}
        looked = 0
        for start in range(0, len(self.posts) if tried else 0, _CHUNK):
            if time.perf_counter() > until:
                break
            for one in self.posts[start : start + _CHUNK]:
                looked += 1
                names = [] if one.post.id in hits else matcher.met(one.post, one.lang)
                if names:  # they come by their ids: the first changes least
                    found.setdefault(int(names[0]), []).append(one)
        misses = [
            Miss(tried[number].kind, tried[number].what, len(some), _excerpts(matcher, some[:_FEW]))
            for number, some in sorted(found.items())
            if tried[number].kind != "clause" or len(some) <= _NEAR_SHARE * looked
        ]
        return misses, looked


def _matcher(topic: Topic, saved: Topic | None, frequency: Frequency) -> Matcher:
    matcher = Matcher(frequency=frequency)
    matcher.add(msgspec.structs.replace(topic, id=_NEW))
    if saved:
        matcher.add(msgspec.structs.replace(saved, id=_OLD))
    return matcher


def _excerpts(matcher: Matcher, some: Sequence[Known]) -> list[Excerpt]:
    """With what met the first of the topics: a query before its looser variants."""
    found = ((one, matcher.match(one.post, one.lang)) for one in some)
    return [excerpt(one.post, one.lang, matches[0].spans) for one, matches in found]


def _some(matcher: Matcher, found: Sequence[Known], most: int) -> Some:
    return Some(len(found), _excerpts(matcher, found[:most]))


def _only(met: Sequence[tuple[Known, list[str]]], topic: str) -> list[Known]:
    """What one of the two meets and the other does not."""
    return [one for one, names in met if names == [topic]]


def _timed(preview: Preview, began: float) -> Preview:
    return msgspec.structs.replace(preview, seconds=round(time.perf_counter() - began, 3))


def _age(post: Post) -> float:
    return -post.created_at.timestamp()


def _day(post: Post) -> str:
    return post.created_at.astimezone(UTC).date().isoformat()
