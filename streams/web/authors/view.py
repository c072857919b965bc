"""What is asked of the store for the list of authors, and for one of them."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

import msgspec

from connectors.post import Author
from streams.records import Mention
from streams.store.hiding import Hidden
from streams.store.port import Bucket, Count, Filter, Page, Store
from streams.store.rules import handle_key

Sort = Literal["mentions", "negative", "reach"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
SHOWN: Final = 50
CANDIDATES: Final = 1_000
"""The most frequent authors of the period, of whom the list is made."""
REACHES: Final = (1_000_000, 100_000, 10_000, 1_000, 0)
"""Followers: who reaches most is looked for from the top down."""
DAYS: Final = 90
"""Of one author, what charts and counts look back."""
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MENTIONS: Final = 20
POINTS: Final = 100


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One author of the list, as last seen in the period."""

    source: str
    handle: str
    count: Count
    author: Author = Author()
    last: datetime | None = None

    @property
    def negative(self) -> float:
        """Share of the mentions that have a sentiment."""
        scored = self.count.total - self.count.unscored
        return self.count.neg / scored if scored else 0.0


class Authors(msgspec.Struct, frozen=True, kw_only=True):
    """The list; `most` has as many authors as are looked at, so that there may be more."""

    sort: Sort
    rows: list[Listed]
    of: int
    most: bool = False


async def authors(store: Store, where: Filter, sort: Sort) -> Authors:
    """The first fifty in that order. Raises `StoreError`."""
    counts = await _candidates(store, where, sort)
    if sort == "negative":
        counts.sort(key=lambda one: (-one.neg, -one.total, one.value))
    shown = counts[: SHOWN if sort != "reach" else 2 * SHOWN]
    rows = await asyncio.gather(*(_row(store, where, one) for one in shown))
    ordered = list(rows)
    if sort == "reach":
        ordered.sort(key=lambda row: (-(row.author.followers or 0), -row.count.total, row.handle))
    return Authors(sort=sort, rows=ordered[:SHOWN], of=len(counts), most=len(counts) >= CANDIDATES)


async def _candidates(store: Store, where: Filter, sort: Sort) -> list[Count]:
    if sort != "reach":
        return await store.top(where, "author", limit=CANDIDATES)
    found: dict[str, Count] = {}
    for least in REACHES:
        far = msgspec.structs.replace(where, least_followers=least)
        counts = await store.top(far, "author", limit=2 * SHOWN)
        found |= {one.value: one for one in counts if one.value not in found}
        if len(found) >= SHOWN:
            break
    return list(found.values())


async def _row(store: Store, where: Filter, count: Count) -> Listed:
    source, _, handle = count.value.partition(":")
    theirs = msgspec.structs.replace(where, author=handle, sources=(source,))
    page = await store.search(theirs, limit=1)
    last = page.mentions[0] if page.mentions else None
    return Listed(
        source=source,
        handle=handle,
        count=count,
        author=last.post.author if last else Author(),
        last=last.post.created_at if last else None,
    )


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Followers as a mention of that moment had them."""

    at: datetime
    followers: int


class AuthorView(msgspec.Struct, frozen=True, kw_only=True):
    """One author. `count` is of all time; `hours` and what is most frequent are of the last ninety
    days, or of the ninety before their last mention."""

    source: str
    handle: str
    author: Author
    count: Count
    first: Mention | None
    last: Mention
    page: Page
    since: datetime
    until: datetime
    hours: list[Bucket]
    topics: list[Count]
    langs: list[Count]
    countries: list[Count]
    hashtags: list[Count]
    reach: list[Reach]
    hidden: Hidden | None

    @property
    def days(self) -> list[Bucket]:
        """The same by day, in UTC."""
        return by_day(self.hours)


async def author_view(
    store: Store, source: str, handle: str, *, now: datetime, cursor: str = ""
) -> AuthorView | None:
    """`None` for who has no mention. Raises `StoreError`."""
    hidden = _hidden(await store.hidden(), source, handle)
    where = Filter(author=handle, sources=(source,), hidden="any" if hidden else "no")
    count, oldest, newest, page = await asyncio.gather(
        store.count(where),
        store.search(where, limit=1, order="oldest"),
        store.search(where, limit=1),
        store.search(where, limit=MENTIONS, cursor=cursor),
    )
    if not newest.mentions:
        return None
    last = newest.mentions[0].post
    until = _up(min(now, last.created_at + HOUR))
    if now - last.created_at < DAYS * DAY:
        until = _up(now)
    lately = msgspec.structs.replace(where, since=until - DAYS * DAY, until=until)
    most = asyncio.gather(
        store.top(lately, "topic", limit=8),
        store.top(lately, "lang", limit=6),
        store.top(lately, "country", limit=6),
        store.top(lately, "hashtag", limit=12),
    )
    seen = asyncio.gather(
        store.over_time(lately, step=HOUR),
        store.search(lately, limit=POINTS, order="sample"),
    )
    await asyncio.gather(most, seen)
    (topics, langs, countries, hashtags), (hours, sample) = most.result(), seen.result()
    return AuthorView(
        source=source,
        handle=handle,
        author=last.author,
        count=count,
        first=oldest.mentions[0] if oldest.mentions else None,
        last=newest.mentions[0],
        page=page,
        since=until - DAYS * DAY,
        until=until,
        hours=hours,
        topics=topics,
        langs=langs,
        countries=countries,
        hashtags=hashtags,
        reach=_reach([*sample.mentions, *newest.mentions]),
        hidden=hidden,
    )


def _hidden(ledger: Sequence[Hidden], source: str, handle: str) -> Hidden | None:
    """The entry that hides them: their own, or that of their source."""
    keys = {source, f"{source}:{handle_key(handle)}"}
    found = [one for one in ledger if _key(one.key) in keys]
    return max(found, key=lambda one: len(one.key), default=None)


def _key(key: str) -> str:
    source, colon, author = key.partition(":")
    return f"{source}:{handle_key(author)}" if colon else source


def _reach(mentions: Iterable[Mention]) -> list[Reach]:
    """In the order of time, where followers are told at all."""
    found = {
        m.post.created_at: Reach(at=m.post.created_at, followers=m.post.author.followers)
        for m in mentions
        if m.post.author.followers is not None
    }
    return [found[at] for at in sorted(found)]


def _up(at: datetime) -> datetime:
    """The next full hour."""
    whole = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return whole + HOUR


def by_day(hours: Iterable[Bucket]) -> list[Bucket]:
    """Buckets of an hour put together by the day in UTC, oldest first."""
    found: dict[datetime, Bucket] = {}
    for one in hours:
        day = one.start.replace(hour=0)
        before = found.get(day, Bucket(start=day, total=0))
        found[day] = Bucket(
            start=day,
            total=before.total + one.total,
            pos=before.pos + one.pos,
            neg=before.neg + one.neg,
            neu=before.neu + one.neu,
            unscored=before.unscored + one.unscored,
        )
    return [found[day] for day in sorted(found)]


def week(hours: Sequence[Bucket], zone: ZoneInfo) -> list[list[float]]:
    """Mean mentions an hour by weekday, Monday first, and hour of that zone's clock."""
    sums = [[0.0] * 24 for _ in range(7)]
    for one in hours:
        if one.total:
            there = one.start.astimezone(zone)
            sums[there.weekday()][there.hour] += one.total
    weeks = max(1.0, len(hours) / 168)
    return [[n / weeks for n in day] for day in sums]


def sorted_by(given: str) -> Sort:
    """What the address asks for; by mentions where it asks for nothing that is known."""
    return next((one for one in SORTS if one == given), "mentions")
