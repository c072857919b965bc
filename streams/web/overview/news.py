"""What is new in a period against the four weeks before: words, stories, authors.

Some seconds of work at most, on a bounded number of posts: so it is asked behind the readers' backs
(`streams.web.recent.Behind`) and says of how many posts it speaks.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from streams.alerts.authors import WEEKS
from streams.alerts.key_posts import Read, read
from streams.alerts.records import Term
from streams.alerts.terms import Counted, count, new_terms
from streams.records import Mention
from streams.store.port import Filter, Store
from streams.store.rules import tone
from streams.web.cards import safe_url
from streams.web.overview.past import WEEK

READ: Final = 1_000
"""The latest mentions of a period that are read,"""
PAST: Final = 250
"""and of each week before."""
TERMS: Final = 10
STORIES: Final = 5
LEAST_COPIES: Final = 3
"""A story is one that so many posts tell."""
AUTHORS: Final = 6
LEAST_FOLLOWERS: Final = 1_000
_LOOKED_UP: Final = 12


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """Near-copies of one text: how many of those read, by how many authors, how many of them
    negative, and the one that reaches farthest."""

    id: str
    posts: int
    authors: int
    negative: int
    reach: int
    since: datetime
    topic: str
    mention_id: str
    text: str
    tone: str
    url: str
    source: str


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Someone far-reaching who had not written of these topics in the weeks before."""

    handle: str
    source: str
    name: str
    followers: int
    posts: int
    negative: int
    topic: str
    text: str


class News(msgspec.Struct, frozen=True, kw_only=True):
    """All that is new; `read` posts of the period were looked at, `whole` says that these are all,
    and `past` how many of the weeks before they were held against."""

    terms: list[Term] = []
    stories: list[Story] = []
    authors: list[Author] = []
    read: int = 0
    whole: bool = True
    past: int = 0
    looked_up: bool = True
    """Whether each author was looked for in the weeks before, not only among the posts read."""

    @property
    def empty(self) -> bool:
        return not (self.terms or self.stories or self.authors)


async def news(
    store: Store,
    topics: Sequence[str],
    since: datetime,
    until: datetime,
    *,
    own: Collection[str] = (),
    every: bool = False,
    look_up: bool = True,
) -> News:
    """`own` are the topics' own words, which are news to nobody; `every` says that these are all
    topics there are. With `look_up` each author is looked for in the weeks before; else those are
    new whom the posts read do not know. Raises `StoreError`."""
    asked = () if every else tuple(topics)
    mentions, whole = await _latest(store, asked, since, until, READ)
    if not mentions:
        return News()
    weeks = [await _latest(store, asked, *_week(since, n), PAST) for n in range(WEEKS)]
    past = [mention for week, _ in weeks for mention in week]
    here, before = ([one for one in some if one.topic in topics] for some in (mentions, past))
    found, loud = await asyncio.to_thread(told, here, before, own)
    authors = loud[:_LOOKED_UP]
    if look_up:
        authors = [one for one in authors if await _is_new(store, topics, since, one)]
    return msgspec.structs.replace(found, authors=authors[:AUTHORS], whole=whole, looked_up=look_up)


def _week(since: datetime, back: int) -> tuple[datetime, datetime]:
    return since - (back + 1) * WEEK, since - back * WEEK


async def _latest(
    store: Store, topics: Sequence[str], since: datetime, until: datetime, most: int
) -> tuple[list[Mention], bool]:
    """The latest mentions, and whether they are all. Topic by topic, each its part: the order of
    one topic's posts stands in an index, that of several does not."""
    each = max(1, most // max(1, len(topics)))
    asked: list[tuple[str, ...]] = [(one,) for one in topics] or [()]
    pages = [
        await store.search(Filter(topics=one, since=since, until=until), limit=each)
        for one in asked
    ]
    found = [mention for page in pages for mention in page.mentions]
    found.sort(key=lambda one: (one.post.created_at, one.id), reverse=True)
    return found, not any(page.cursor for page in pages)


async def _is_new(store: Store, topics: Sequence[str], since: datetime, one: Author) -> bool:
    where = Filter(
        topics=tuple(topics),
        author=f"{one.source}:{one.handle}",
        since=since - WEEKS * WEEK,
        until=since,
    )
    return not (await store.search(where, limit=1)).mentions


def told(
    mentions: Sequence[Mention], past: Sequence[Mention], own: Collection[str]
) -> tuple[News, list[Author]]:
    """Terms and stories, and the far-reaching authors that the past read does not know: pure, some
    50 µs a post."""
    reads = [read(one, own) for one in mentions]
    before = [read(one, own) for one in past]
    terms = new_terms(_count(reads), _count(before), most=TERMS)
    known = {one.story for one in before}
    found = News(
        terms=terms,
        stories=_stories(one for one in reads if one.story not in known),
        read=len(reads),
        past=len(before),
    )
    return found, _authors(reads, {one.author for one in before})


def _count(reads: Iterable[Read]) -> Counted:
    return count((one.story, one.terms) for one in reads)


def _stories(reads: Iterable[Read]) -> list[Story]:
    """The largest groups."""
    groups: dict[str, list[Read]] = defaultdict(list)
    for one in reads:
        groups[one.story].append(one)
    told = [some for some in groups.values() if _copies(some) >= LEAST_COPIES]
    large = sorted(told, key=lambda some: (-len(some), some[0].story))
    return [_story(some) for some in large[:STORIES]]


def _copies(some: Iterable[Read]) -> int:
    """Posts: one that met two topics is one."""
    return len({one.mention.post.id for one in some})


def _story(some: Sequence[Read]) -> Story:
    posts = {one.mention.post.id: one for one in some}
    best = max(posts.values(), key=lambda one: (one.reach, one.mention.id)).mention
    followers = {one.author: max(one.mention.post.author.followers or 0, 0) for one in some}
    return Story(
        id=some[0].story,
        posts=len(posts),
        authors=len({one.author for one in some if one.author}),
        negative=sum(tone(one.mention) == "neg" for one in posts.values()),
        reach=sum(followers.values()),
        since=min(one.mention.post.created_at for one in some),
        topic=Counter(one.mention.topic for one in some).most_common(1)[0][0],
        mention_id=best.id,
        text=_words(best),
        tone=tone(best),
        url=safe_url(best.post.url),
        source=best.post.source,
    )


def _authors(reads: Sequence[Read], known: Collection[str]) -> list[Author]:
    """Those who reach farthest first."""
    by_author: dict[str, list[Read]] = defaultdict(list)
    for one in reads:
        if one.author and one.author not in known:
            by_author[one.author].append(one)
    found = [_author(some) for some in by_author.values()]
    loud = [one for one in found if one.followers >= LEAST_FOLLOWERS]
    return sorted(loud, key=lambda one: (-one.followers, one.source, one.handle))


def _author(some: Sequence[Read]) -> Author:
    last = some[0].mention
    author = last.post.author
    return Author(
        handle=author.handle or author.id,
        source=last.post.source,
        name=author.name or author.handle or author.id,
        followers=max(max(one.mention.post.author.followers or 0, 0) for one in some),
        posts=len({one.mention.post.id for one in some}),
        negative=sum(tone(one.mention) == "neg" for one in some),
        topic=last.topic,
        text=_words(last),
    )


def _words(mention: Mention) -> str:
    post = mention.post
    return f"{post.title} — {post.text}" if post.title and post.text else post.title or post.text
