"""Why an incident is one: what stored posts say of it. Nothing is invented.

At most 2,000 posts of the window and 2,000 of the four weeks before it are read.
"""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from connectors.text import line, link
from streams.alerts.records import BUCKET_SECONDS, Evidence, Incident, KeyPost, Kind, Term
from streams.alerts.terms import Counted, count, new_terms, own_words, terms_of
from streams.criteria.topics import Topic
from streams.records import Mention, SentimentLabel
from streams.store.port import Filter, Page, Store
from streams.store.rules import tone

PAGE: Final = 1_000
"""So many of the window's first posts are read, and as many of its last."""
PAST_PAGE: Final = 500
WEEKS: Final = 4
FEW: Final = 50
"""With fewer past posts of the same tone, the window is held against all of them."""
MOST_AUTHORS: Final = 1_000
LOOKED_UP: Final = 200
KEY_POSTS: Final = 3
MOST_TEXT: Final = 600
MOST_ALIKE: Final = 0.5
BESIDE_THE_POINT: Final = 0.25
"""A post worth less than so much of the best one explains nothing."""

_TONES: Final[dict[Kind, tuple[SentimentLabel, ...]]] = {
    "negative-spike": ("neg",),
    "rating-drop": ("neg",),
    "story": ("neg",),
    "positive-spike": ("pos",),
}


class _Read(msgspec.Struct, frozen=True, gc=False):
    """A mention with what is asked of it again and again."""

    mention: Mention
    story: str
    author: str
    terms: frozenset[str]
    reach: int


async def evidence(store: Store, incident: Incident, *, own: Collection[str] = ()) -> Evidence:
    """What explains `incident`. `own` are the topic's own words, which are news to nobody
    (`streams.alerts.terms.own_words`). Raises `StoreError`."""
    where = window_of(incident)
    mentions = await _window(store, where)
    if not mentions and where.sentiments:
        where = msgspec.structs.replace(where, sentiments=())
        mentions = await _window(store, where)
    if not mentions:
        return Evidence()
    past = msgspec.structs.replace(where, since=None, until=None)
    before = await _past(store, past, incident.began_at)
    if len(before) < FEW and past.sentiments:
        past = msgspec.structs.replace(past, sentiments=())
        before = await _past(store, past, incident.began_at)
    # Some 50 µs a post, in a thread so that a worker's loop goes on meanwhile.
    said = await asyncio.to_thread(_said, mentions, before, own)
    authors, new = await _authors(store, where, incident.began_at, said)
    sources, countries = await asyncio.gather(
        store.top(where, "source", limit=5), store.top(where, "country", limit=5)
    )
    return Evidence(
        posts=said.posts,
        terms=said.terms,
        stories=said.stories,
        authors=authors,
        new_authors=new,
        first=said.first,
        sources=[(each.value, each.total) for each in sources if each.value],
        countries=[(each.value, each.total) for each in countries if each.value],
        reach=said.reach,
    )


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the posts alone tell; `authors` and `known` are those read, of now and of the past."""

    posts: list[KeyPost]
    terms: list[Term]
    stories: int
    first: KeyPost | None
    reach: int
    authors: frozenset[str]
    known: frozenset[str]


def _said(mentions: Sequence[Mention], before: Sequence[Mention], own: Collection[str]) -> _Said:
    reads, past = ([_read(each, own) for each in some] for some in (mentions, before))
    window = count((each.story, each.terms) for each in reads)
    history = count((each.story, each.terms) for each in past)
    terms = new_terms(window, history)
    sizes = Counter(each.story for each in reads)
    first = _first(reads, sizes, [term.text for term in terms])
    return _Said(
        posts=[_key_post(each, sizes[each.story]) for each in _chosen(reads, window, history)],
        terms=terms,
        stories=len(sizes),
        first=_key_post(first, sizes[first.story]) if first else None,
        reach=_reach(reads),
        authors=frozenset(each.author for each in reads if each.author),
        known=frozenset(each.author for each in past if each.author),
    )


class Explainer:
    """`evidence` for topics as they are now: what the watch calls when an incident opens."""

    def __init__(self, store: Store, topics: Callable[[], Mapping[str, Topic]]) -> None:
        self._store = store
        self._topics = topics

    async def __call__(self, incident: Incident) -> Evidence:
        topic = self._topics().get(incident.topic)
        return await evidence(self._store, incident, own=own_words(topic) if topic else ())


def window_of(incident: Incident) -> Filter:
    """The mentions that an incident is about; what is unusual may still be filling its bucket."""
    until = max(incident.until, incident.began_at + timedelta(seconds=BUCKET_SECONDS))
    return Filter(
        topics=(incident.topic,),
        sentiments=_TONES.get(incident.kind, ()),
        author=incident.author,
        since=incident.began_at,
        until=until,
    )


async def _window(store: Store, where: Filter) -> list[Mention]:
    """All of it, or its first and its last thousand."""
    first = await store.search(where, limit=PAGE, newest_first=False)
    if not first.cursor:
        return first.mentions
    last = await store.search(where, limit=PAGE)
    known = {each.id for each in first.mentions}
    return first.mentions + [each for each in reversed(last.mentions) if each.id not in known]


async def _past(store: Store, where: Filter, began: datetime) -> list[Mention]:
    """The latest posts of each of the weeks before."""
    week = timedelta(days=7)
    pages: list[Page] = await asyncio.gather(
        *(
            store.search(
                msgspec.structs.replace(
                    where, since=began - week * (back + 1), until=began - week * back
                ),
                limit=PAST_PAGE,
            )
            for back in range(WEEKS)
        )
    )
    return [each for page in pages for each in page.mentions]


async def _authors(store: Store, where: Filter, began: datetime, said: _Said) -> tuple[int, int]:
    """How many wrote, and how many of them had not in four weeks, in any tone.

    Told apart are those read and a thousand more. Where the past has too many authors to list,
    each is looked up, at most `LOOKED_UP`: one that was not is not called new.
    """
    past = Filter(topics=where.topics, since=began - timedelta(weeks=WEEKS), until=began)
    now, then = await asyncio.gather(
        store.top(where, "author", limit=MOST_AUTHORS),
        store.top(past, "author", limit=MOST_AUTHORS),
    )
    names = said.authors | {each.value for each in now if each.value}
    fresh = sorted(names - {each.value for each in then} - said.known)
    if len(then) < MOST_AUTHORS:
        return len(names), len(fresh)
    return len(names), sum([await _is_new(store, past, name) for name in fresh[:LOOKED_UP]])


async def _is_new(store: Store, past: Filter, name: str) -> bool:
    where = msgspec.structs.replace(past, author=name)
    return not (await store.search(where, limit=1)).mentions


def _read(mention: Mention, own: Collection[str]) -> _Read:
    post = mention.post
    author = post.author.handle or post.author.id
    text = f"{post.title}\n{post.text}" if post.title else post.text
    spread = (post.engagement.reposts or 0) * 10 + (post.engagement.likes or 0)
    return _Read(
        mention=mention,
        story=mention.story or post.repost_of or post.id,
        author=f"{post.source}:{author}" if author else "",
        terms=terms_of(text, own) | {f"#{tag.casefold()}" for tag in post.hashtags[:20]},
        reach=max(post.author.followers or 0, 0) + max(spread, 0),
    )


def _chosen(reads: Sequence[_Read], window: Counted, past: Counted) -> list[_Read]:
    """The posts that say best what the window is about: full of its words that the past had not,
    and far-reaching; one a story, and no two that say the same."""
    stories: dict[str, list[_Read]] = defaultdict(list)
    for each in reads:
        stories[each.story].append(each)
    weights = {
        term: math.log1p(seen) * math.log1p((past.posts + 1) / (past.counts.get(term, 0) + 1))
        for term, seen in window.counts.items()
        if seen > 1
    }
    farthest = math.log1p(max(each.reach for each in reads)) or 1.0

    def worth(each: _Read) -> float:
        central = sum(weights.get(term, 0.0) for term in each.terms) / math.sqrt(
            len(each.terms) + 4
        )
        told = math.log2(1 + len(stories[each.story]))
        return (
            (central + 0.1) * (0.6 + 0.4 * math.log1p(each.reach) / farthest) * (0.8 + 0.2 * told)
        )

    best = [
        max(copies, key=lambda each: (each.reach, -each.mention.post.created_at.timestamp()))
        for copies in stories.values()
    ]
    best.sort(key=lambda each: (-worth(each), each.mention.post.created_at, each.mention.id))
    least = worth(best[0]) * BESIDE_THE_POINT
    chosen: list[_Read] = []
    for each in best:
        if worth(each) < least:
            break
        if all(_alike(each.terms, other.terms) <= MOST_ALIKE for other in chosen):
            chosen.append(each)
        if len(chosen) == KEY_POSTS:
            break
    return chosen


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one | other) or 1)


def _first(reads: Sequence[_Read], sizes: Counter[str], terms: Sequence[str]) -> _Read | None:
    """The earliest post of the largest story; where none is told twice, the earliest that has the
    surest new term."""
    story, copies = sizes.most_common(1)[0]
    if copies > 1:
        told = [each for each in reads if each.story == story]
    else:
        told = [each for each in reads if terms and terms[0] in each.terms]
    return min(told, key=lambda each: (each.mention.post.created_at, each.mention.id), default=None)


def _reach(reads: Sequence[_Read]) -> int:
    """Followers of each author once."""
    followers: dict[str, int] = {}
    for each in reads:
        many = max(each.mention.post.author.followers or 0, 0)
        if each.author:
            followers[each.author] = max(followers.get(each.author, 0), many)
    return sum(followers.values())


def _key_post(each: _Read, copies: int) -> KeyPost:
    post = each.mention.post
    text = f"{post.title} — {post.text}" if post.title and post.text else post.title or post.text
    return KeyPost(
        mention_id=each.mention.id,
        url=link(post.url),
        source=post.source,
        author=line(post.author.handle or post.author.name or post.author.id, limit=100),
        followers=max(post.author.followers or 0, 0),
        text=line(text[: MOST_TEXT * 4], limit=MOST_TEXT),
        created_at=post.created_at,
        copies=copies,
        tone=tone(each.mention),
    )
