"""What is asked of the store for the list of authors, and for one of them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from connectors.post import Author
from streams.records import Mention
from streams.store.hiding import Hidden
from streams.store.port import Bucket, Count, Filter, Page, Store
from streams.store.rules import handle_key
from streams.web.authors import sums

Sort = Literal["mentions", "negative", "reach"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
SHOWN: Final = 40
CANDIDATES: Final = 1_000
"""The most frequent authors of the period, of whom the list is made."""
REACHES: Final = (1_000_000, 100_000, 10_000, 1_000, 0)
"""Followers: who reaches most is looked for from the top down."""
DAYS: Final = 90
"""Of one author, what charts and counts look back."""
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MENTIONS: Final = 20
READ: Final = 1_000
"""Mentions that are read: those who write more are shown by their newest."""
COUNTED: Final = 5_000
"""Mentions that the chart counts, give or take: it looks back less for who writes more."""
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
    """The first forty in that order. Raises `StoreError`."""
    counts = await _candidates(store, where, sort)
    if sort == "negative":
        counts.sort(key=lambda one: (-one.neg, -one.total, one.value))
    shown = counts[: SHOWN if sort != "reach" else 2 * SHOWN]
    met = await store.of_authors(where, [one.value for one in shown], order="newest")
    ordered = [_row(one, met.get(one.value)) for one in shown]
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


def _row(count: Count, last: Mention | None) -> Listed:
    """`last` is their newest mention, if it is still there."""
    source, _, handle = count.value.partition(":")
    return Listed(
        source=source,
        handle=handle,
        count=count,
        author=last.post.author if last else Author(),
        last=last.post.created_at if last else None,
    )


class AuthorView(msgspec.Struct, frozen=True, kw_only=True):
    """One author. `count` is of all time. `hours` are of the `days` before `until`, the present or
    their last mention; what is most frequent is of the newest `read` mentions in ninety days."""

    source: str
    handle: str
    author: Author
    count: Count
    first: Mention | None
    last: Mention
    page: Page
    until: datetime
    days: int
    read: int
    whole: bool
    """Whether those are all of ninety days."""
    hours: list[Bucket]
    topics: list[Count]
    langs: list[Count]
    countries: list[Count]
    hashtags: list[Count]
    reach: list[sums.Reach]
    hidden: Hidden | None

    @property
    def since(self) -> datetime:
        return self.until - self.days * DAY


async def author_view(
    store: Store, source: str, handle: str, *, now: datetime, cursor: str = ""
) -> AuthorView | None:
    """`None` for who has no mention. Raises `StoreError`."""
    hidden = _hidden(await store.hidden(), source, handle)
    where = Filter(author=handle, sources=(source,), hidden="any" if hidden else "no")
    count, oldest, newest, page = await asyncio.gather(
        store.count(where),
        store.search(where, limit=1, order="oldest"),
        store.search(where, limit=READ),
        store.search(where, limit=MENTIONS, cursor=cursor),
    )
    if not newest.mentions:
        return None
    last = newest.mentions[0]
    silent = now - last.post.created_at >= DAYS * DAY
    until = _up(last.post.created_at if silent else now)
    read = [one for one in newest.mentions if one.post.created_at >= until - DAYS * DAY]
    whole = len(read) < READ
    days, hours = DAYS, sums.by_hour(read)
    if not whole:
        a_day = len(read) * DAY / max(HOUR, until - read[-1].post.created_at)
        days = max(1, min(DAYS, int(COUNTED / a_day)))
        lately = msgspec.structs.replace(where, since=until - days * DAY, until=until)
        hours = await store.over_time(lately, step=HOUR)
    return AuthorView(
        source=source,
        handle=handle,
        author=last.post.author,
        count=count,
        first=oldest.mentions[0] if oldest.mentions else None,
        last=last,
        page=page,
        until=until,
        days=days,
        read=len(read),
        whole=whole,
        hours=hours,
        topics=sums.most(read, sums.topics, 8),
        langs=sums.most(read, sums.langs, 6),
        countries=sums.most(read, sums.countries, 6),
        hashtags=sums.most(read, sums.hashtags, 12),
        reach=sums.reach(read, POINTS),
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


def _up(at: datetime) -> datetime:
    """The next full hour."""
    whole = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return whole + HOUR


def sorted_by(given: str) -> Sort:
    """What the address asks for; by mentions where it asks for nothing that is known."""
    return next((one for one in SORTS if one == given), "mentions")
