"""Which tables each view gives, the first of them what its CSV holds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from streams.alerts.records import Incident
from streams.exporting import rows as exporting
from streams.store.port import Bucket, Count, Dimension, Filter, Store
from streams.web import charts
from streams.web.exports import drawn
from streams.web.exports import given as reading
from streams.web.exports.given import Given
from streams.web.exports.tables import Column, Kind, Row, Table, fixed
from streams.web.filters import Pair
from streams.web.incident_words import what
from streams.web.pictures import Picture
from streams.web.visitor import Visitor

TOP: Final = 50
MOST_AUTHORS: Final = 1_000
_TOP_OF: Final[tuple[Dimension, ...]] = (
    "topic", "source", "author", "hashtag", "lang", "country", "kind",
)  # fmt: skip
_KINDS: Final[dict[str, Kind]] = {
    "created_at": "time",
    **dict.fromkeys(
        ("score", "confidence", "followers", "likes", "reposts", "replies", "views"), "number"
    ),
}
_WIDTHS: Final = {"id": 10, "created_at": 20, "title": 30, "text": 80, "url": 30}
_SPLIT: Final = tuple(
    Column(name, "number", 10)
    for name in ("mentions", "negative", "neutral", "positive", "unscored")
)
_SHARE: Final = Column("negative share", "share")


class View(NamedTuple):
    """A page that can be a file: the address it stands at, how its filters are read, its tables."""

    path: str
    read: Callable[[Store, Iterable[Pair], Visitor], Awaitable[Given]]
    tables: Callable[[Store, Given], list[Table]]
    picture: Callable[[Store, Given], Awaitable[Picture]]
    streams: bool = False
    """Whether it holds all mentions that fit, however many these are."""


def _asked(given: Given) -> Table:
    columns = (Column("what", width=16), Column("value", width=60))
    return Table(name="asked", columns=columns, rows=fixed(given.asked()))


def _mentions(store: Store, given: Given) -> list[Table]:
    return [
        _every_mention(store, given),
        _over_time(store, given),
        _top(store, given),
        _asked(given),
    ]


def _every_mention(store: Store, given: Given) -> Table:
    columns = [
        Column(name, _KINDS.get(name, "text"), _WIDTHS.get(name, 12)) for name in exporting.COLUMNS
    ]

    async def rows() -> AsyncIterator[Sequence[Row]]:
        async for page in exporting.pages(store, given.where):
            yield [exporting.values(mention) for mention in page]

    return Table(name="mentions", columns=columns, rows=rows)


def _over_time(store: Store, given: Given) -> Table:
    async def rows() -> AsyncIterator[Sequence[Row]]:
        found = await store.over_time(given.where, step=charts.step_for(given.until - given.since))
        yield [(each.start, *_split(each)) for each in found]

    return Table(name="over time", columns=(Column("from", "time", 20), *_SPLIT), rows=rows)


def _top(store: Store, given: Given) -> Table:
    async def rows() -> AsyncIterator[Sequence[Row]]:
        for by in _TOP_OF:
            found = await store.top(given.where, by, limit=TOP)
            yield [(by, each.value, *_split(each), _share(each)) for each in found]

    columns = (Column("by"), Column("value", width=30), *_SPLIT, _SHARE)
    return Table(name="top", columns=columns, rows=rows)


def _authors(store: Store, given: Given) -> list[Table]:
    async def rows() -> AsyncIterator[Sequence[Row]]:
        found = await store.top(given.where, "author", limit=MOST_AUTHORS)
        yield [(*_author(each.value), *_split(each), _share(each)) for each in found]

    columns = (Column("source"), Column("author", width=30), *_SPLIT, _SHARE)
    authors = Table(name="authors", columns=columns, rows=rows)
    return [authors, _over_time(store, given), _asked(given)]


def _author(value: str) -> tuple[str, str]:
    source, _, name = value.partition(":")
    return source, name


def _overview(store: Store, given: Given) -> list[Table]:
    return [_topics(store, given), _over_time(store, given), _top(store, given), _asked(given)]


def _topics(store: Store, given: Given) -> Table:
    async def rows() -> AsyncIterator[Sequence[Row]]:
        now, before = await asyncio.gather(
            store.top(given.where, "topic", limit=MOST_AUTHORS),
            store.top(the_one_before(given), "topic", limit=MOST_AUTHORS),
        )
        past = {each.value: each for each in before}
        yield [_topic(each, past.get(each.value, Count(value="", total=0))) for each in now]

    columns = (
        Column("topic", width=30), *_SPLIT, _SHARE, Column("mentions before", "number", 16),
        Column("change", "share"), Column("negative share before", "share", 20),
    )  # fmt: skip
    return Table(name="topics", columns=columns, rows=rows)


def _topic(now: Count, past: Count) -> Row:
    change = round((now.total - past.total) / past.total, 4) if past.total else None
    return (now.value, *_split(now), _share(now), past.total, change, _share(past))


def the_one_before(given: Given) -> Filter:
    """The same question of the equally long time before."""
    since = given.since - (given.until - given.since)
    return msgspec.structs.replace(given.where, since=since, until=given.since)


def _incidents(store: Store, given: Given) -> list[Table]:
    del store
    columns = (
        Column("id", width=24), Column("topic", width=20), Column("source"),
        Column("kind", width=16), Column("severity"), Column("state"), Column("began", "time", 20),
        Column("opened", "time", 20), Column("until", "time", 20), Column("over", "time", 20),
        Column("what happened", width=60), Column("observed", "number"),
        Column("usual", "number"), Column("at most usual", "number"), _SHARE,
        Column("usual negative share", "share", 20), Column("authors", "number"),
        Column("reach", "number"), Column("acknowledged by"), Column("resolved by"),
    )  # fmt: skip
    rows = fixed([_incident(one) for one in given.incidents])
    return [Table(name="incidents", columns=columns, rows=rows), _asked(given)]


def _incident(one: Incident) -> Row:
    return (
        one.id, one.topic, one.source, one.kind, one.severity, one.status, one.began_at,
        one.opened_at, one.until, one.resolved_at, what(one), one.observed, one.expected,
        one.high, one.share, one.usual_share, one.evidence.authors, one.evidence.reach,
        one.acknowledged_by, one.resolved_by,
    )  # fmt: skip


def _split(one: Bucket | Count) -> tuple[int, ...]:
    return one.total, one.neg, one.neu, one.pos, one.unscored


def _share(one: Count) -> float | None:
    return round(one.neg / one.total, 4) if one.total else None


VIEWS: Final = {
    "mentions": View("/mentions", reading.mentions, _mentions, drawn.over_time, streams=True),
    "authors": View("/authors", reading.mentions, _authors, drawn.authors),
    "overview": View("/overview", reading.mentions, _overview, drawn.topics),
    "incidents": View("/incidents", reading.incidents, _incidents, drawn.incidents),
}
