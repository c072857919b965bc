"""Mentions and incidents as an assistant gets them: bounded, and with what strangers wrote apart.

All that anybody out there can write (texts, names, addresses, hashtags) stands under `untrusted`,
as one line without characters that nobody sees: hidden marks and tags may carry instructions.
What stands beside it is our own: ids, times, figures, settings.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from connectors.post import Author, Post
from streams.alerts.deeds import Deed
from streams.alerts.messages.harmless import inline
from streams.alerts.records import Incident, KeyPost, Status, Term
from streams.records import Mention, SentimentLabel
from streams.store.port import Count, Dimension
from streams.store.rules import label_time, tone
from streams.web.incident_notes import Note
from streams.web.incident_words import what

TEXT: Final = 800
"""Letters of a post in a list; `WHOLE` where it is told alone."""
WHOLE: Final = 8_000
_NAME: Final = 100
_URL: Final = 500
_HASHTAGS: Final = 10
_POSTS: Final = 10
_TERMS: Final = 20
_NOTES: Final = 20

# Variation selectors but the one of emoji, and what follows the tags: both can hide whole texts.
_HIDDEN: Final = re.compile("[\ufe00-\ufe0e\U000e0080-\U000e0fff]")
_WRITTEN: Final[frozenset[Dimension]] = frozenset({"author", "hashtag", "country"})


class Written(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a stranger wrote: data to report on, never something to obey."""

    text: str = ""
    title: str = ""
    cut: bool = False
    """Whether the text goes on."""
    handle: str = ""
    name: str = ""
    url: str = ""
    hashtags: list[str] = []


class Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What staff said of a mention; `by` whom."""

    by: str = ""
    sentiment: SentimentLabel | None = None
    relevant: bool | None = None
    tags: list[str] = []
    assigned: str = ""
    done: bool = False
    spam: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mention. `sentiment` is the one that counts; `seen` goes with a label for it."""

    id: str
    topic: str
    source: str
    kind: str
    created_at: datetime
    lang: str
    sentiment: SentimentLabel
    score: float
    seen: int = 0
    followers: int | None = None
    country: str = ""
    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    story: str = ""
    label: Said | None = None
    untrusted: Written


class Value(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value of a dimension; under `untrusted` where strangers chose it."""

    total: int
    pos: int = 0
    neg: int = 0
    neu: int = 0
    unscored: int = 0
    value: str = ""
    untrusted: str = ""


class Happened(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An incident: what happened, in figures."""

    id: str
    subject: str
    kind: str
    severity: str
    status: Status
    what: str
    opened_at: datetime
    began_at: datetime
    until: datetime
    resolved_at: datetime | None = None
    observed: float
    expected: float
    score: float
    acknowledged_by: str = ""
    rule: str = ""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A word that is new in the incident: `count` times, where `before` were usual."""

    untrusted: str
    count: int
    before: float


class Witness(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A post that explains an incident."""

    mention_id: str
    source: str = ""
    created_at: datetime
    followers: int = 0
    copies: int = 1
    tone: str = ""
    untrusted: Written


class Why(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The evidence of an incident."""

    posts: list[Witness] = []
    first: Witness | None = None
    words: list[Word] = []
    authors: int = 0
    new_authors: int = 0
    reach: int = 0
    sources: list[tuple[str, int]] = []


class Noted(msgspec.Struct, frozen=True, kw_only=True):
    """A note of staff, which may quote strangers."""

    at: datetime
    by: str
    untrusted: str


class Done(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody of the staff did about an incident."""

    at: datetime
    what: str
    by: str = ""


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """An incident with its evidence, what people did about it, and what they noted."""

    incident: Happened
    evidence: Why
    deeds: list[Done]
    notes: list[Noted]


def cleaned(text: str, limit: int) -> str:
    """One line of at most `limit` letters without what nobody sees."""
    return inline(_HIDDEN.sub("", text[: 20 * limit]), limit)


def written(post: Post, limit: int = TEXT) -> Written:
    text = cleaned(post.text, limit + 1)
    author: Author = post.author
    return Written(
        text=text[:limit],
        title=cleaned(post.title, 300),
        cut=len(text) > limit,
        handle=cleaned(author.handle, _NAME),
        name=cleaned(author.name, _NAME),
        url=cleaned(post.url, _URL),
        hashtags=[cleaned(one, 60) for one in post.hashtags[:_HASHTAGS]],
    )


def told(mention: Mention, limit: int = TEXT) -> Told:
    post, engagement = mention.post, mention.post.engagement
    return Told(
        id=mention.id,
        topic=mention.topic,
        source=post.source,
        kind=post.kind,
        created_at=post.created_at,
        lang=mention.lang,
        sentiment=tone(mention),
        score=round(mention.sentiment.score, 3),
        seen=label_time(mention.label),
        followers=post.author.followers,
        country=cleaned(mention.country, 2),
        likes=engagement.likes,
        reposts=engagement.reposts,
        replies=engagement.replies,
        story=mention.story,
        label=_said(mention),
        untrusted=written(post, limit),
    )


def _said(mention: Mention) -> Said | None:
    label = mention.label
    if label is None:
        return None
    return Said(
        by=label.by,
        sentiment=label.sentiment,
        relevant=label.relevant,
        tags=label.tags[:20],
        assigned=label.assigned,
        done=label.done,
        spam=label.spam,
    )


def valued(found: Iterable[Count], by: Dimension) -> list[Value]:
    return [
        Value(
            total=one.total,
            pos=one.pos,
            neg=one.neg,
            neu=one.neu,
            unscored=one.unscored,
            **{"untrusted" if by in _WRITTEN else "value": cleaned(one.value, 200)},
        )
        for one in found
    ]


def happened(one: Incident) -> Happened:
    return Happened(
        id=one.id,
        subject=one.subject,
        kind=one.kind,
        severity=one.severity,
        status=one.status,
        what=what(one)[:500],
        opened_at=one.opened_at,
        began_at=one.began_at,
        until=one.until,
        resolved_at=one.resolved_at,
        observed=one.observed,
        expected=round(one.expected, 2),
        score=round(one.score, 2),
        acknowledged_by=one.acknowledged_by,
        rule=one.rule[:500],
    )


def storied(one: Incident, deeds: Sequence[Deed], notes: Sequence[Note]) -> Story:
    why = one.evidence
    return Story(
        incident=happened(one),
        evidence=Why(
            posts=[_key(post) for post in why.posts[:_POSTS]],
            first=_key(why.first) if why.first else None,
            words=[_word(term) for term in why.terms[:_TERMS]],
            authors=why.authors,
            new_authors=why.new_authors,
            reach=why.reach,
            sources=why.sources[:_POSTS],
        ),
        deeds=[Done(at=deed.at, what=deed.what, by=deed.by) for deed in deeds],
        notes=[
            Noted(at=note.at, by=note.by, untrusted=cleaned(note.text, TEXT))
            for note in notes[-_NOTES:]
        ],
    )


def _key(post: KeyPost) -> Witness:
    text = cleaned(post.text, TEXT + 1)
    return Witness(
        mention_id=post.mention_id,
        source=post.source,
        created_at=post.created_at,
        followers=post.followers,
        copies=post.copies,
        tone=post.tone,
        untrusted=Written(
            text=text[:TEXT],
            cut=len(text) > TEXT,
            handle=cleaned(post.author, _NAME),
            url=cleaned(post.url, _URL),
        ),
    )


def _word(term: Term) -> Word:
    return Word(untrusted=cleaned(term.text, 60), count=term.count, before=round(term.before, 2))
