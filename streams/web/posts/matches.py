"""A post held against every topic: which it meets, and what each of the others wants for."""

import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from connectors.post import Post
from streams.criteria.closeness import closeness
from streams.criteria.explain import explain, texts
from streams.criteria.topics import Topic
from streams.errors import QueryError
from streams.records import Sentiment
from streams.sentiment.language import identify
from streams.sentiment.scorer import Explainer, Scorer

CLAUSES: Final = 6
"""Reasons that are told of one topic."""
WORDS: Final = 12
"""Different words of the post that are told as what met a topic."""


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a query that kept the post out, and why."""

    query: str
    reason: str


class TopicVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One topic's answer. `near` is 1 where it is met; `words` are those of the post that met it;
    `error` stands for a query that can't be tried. `explanation` is an `Explanation`."""

    topic: str
    met: bool = False
    near: float = 0.0
    words: list[str] = []
    failed: list[Clause] = []
    error: str = ""
    explanation: Any = None


class TopicVerdicts(msgspec.Struct, frozen=True, kw_only=True):
    """Nearest first. `left` topics were not tried in the time there was."""

    lang: str
    of: list[TopicVerdict]
    left: int = 0


def language_of(post: Post) -> str:
    """As the pipeline finds it."""
    return identify(post.text or post.title, post.lang).code


def verdicts(
    post: Post, topics: Iterable[Topic], *, first: Sequence[str] = (), seconds: float = 1.0
) -> TopicVerdicts:
    """Topics named in `first` are tried first; all that fit in the time, one at least. CPU work: to
    be run in a thread."""
    lang = language_of(post)
    deadline = time.monotonic() + seconds
    known = list(topics)
    queue = sorted(known, key=lambda topic: topic.id not in first)
    found: list[TopicVerdict] = []
    for topic in queue:
        if found and time.monotonic() > deadline:
            break
        found.append(verdict(post, topic, lang))
    found.sort(key=lambda one: (-one.near, one.topic))
    return TopicVerdicts(lang=lang, of=found, left=len(queue) - len(found))


def verdict(post: Post, topic: Topic, lang: str) -> TopicVerdict:
    try:
        told = explain(topic, post, lang)
    except QueryError as error:
        return TopicVerdict(topic=topic.id, error=str(error)[:500])
    return TopicVerdict(
        topic=topic.id,
        met=told.met,
        near=1.0 if told.met else min(0.99, closeness(told)),
        words=[word[:60] for word in dict.fromkeys(texts(told.spans, post)) if word][:WORDS],
        failed=[
            Clause(query=one.query[:300], reason=one.reason[:300]) for one in told.failed[:CLAUSES]
        ],
        explanation=told,
    )


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A word of the post that made its score: more than 0 for positive."""

    text: str
    weight: float
    note: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A sentiment, and the loudest words it is made of; none where the engine can't tell."""

    sentiment: Sentiment
    words: list[Spoken] = []


def judged(post: Post, lang: str, scorer: Scorer, target: Sequence[str] = ()) -> Judged:
    """What the engine of this installation says of the post now."""
    text = f"{post.title}\n{post.text}" if post.title else post.text
    if not isinstance(scorer, Explainer):
        return Judged(sentiment=scorer.score(text, lang, target))
    told = scorer.explain(text, lang, target)
    loud = sorted(told.contributions, key=lambda one: -abs(one.weight))[:WORDS]
    words = [
        Spoken(text=one.text[:60].strip(), weight=one.weight, note=one.note)
        for one in loud
        if abs(one.weight) >= 0.005
    ]
    return Judged(sentiment=told.sentiment, words=words)
