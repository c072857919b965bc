"""Why an incident is one: what stored posts say of it. Nothing is invented.

At most 2,000 posts of the window and 2,000 of the four weeks before it are read.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from streams.alerts.authors import WEEKS, authors_of
from streams.alerts.key_posts import Read, chosen_posts, first_post, key_post, read
from streams.alerts.records import BUCKET_SECONDS, Evidence, Incident, KeyPost, Kind, Term
from streams.alerts.terms import count, new_terms, own_words
from streams.criteria.topics import Topic
from streams.records import Mention, SentimentLabel
from streams.store.port import Filter, Page, Store

PAGE: Final = 1_000
"""So many of the window's first posts are read, and as many of its last."""
PAST_PAGE: Final = 500
FEW: Final = 50
"""With fewer past posts of the same tone, the window is held against all of them."""

_TONES: Final[dict[Kind, tuple[SentimentLabel, ...]]] = {
    "negative-spike": ("neg",),
    "rating-drop": ("neg",),
    "story": ("neg",),
    "positive-spike": ("pos",),
}


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
    authors, new = await authors_of(store, where, incident.began_at, said.authors, said.known)
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
    reads, past = ([read(each, own) for each in some] for some in (mentions, before))
    window = count((each.story, each.terms) for each in reads)
    history = count((each.story, each.terms) for each in past)
    terms = new_terms(window, history)
    sizes = Counter(each.story for each in reads)
    first = first_post(reads, sizes, [term.text for term in terms])
    return _Said(
        posts=[key_post(each, sizes[each.story]) for each in chosen_posts(reads, window, history)],
        terms=terms,
        stories=len(sizes),
        first=key_post(first, sizes[first.story]) if first else None,
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


def subject_of(incident: Incident) -> Filter:
    """All mentions of its topic or, over all topics, of its source."""
    if incident.source:
        return Filter(sources=(incident.source,))
    return Filter(topics=(incident.topic,))


def window_of(incident: Incident) -> Filter:
    """The mentions that an incident is about; what is unusual may still be filling its bucket."""
    until = max(incident.until, incident.began_at + timedelta(seconds=BUCKET_SECONDS))
    return msgspec.structs.replace(
        subject_of(incident),
        sentiments=_TONES.get(incident.kind, ()),
        author=incident.author,
        since=incident.began_at,
        until=until,
    )


async def _window(store: Store, where: Filter) -> list[Mention]:
    """All of it, or its first and its last thousand."""
    first = await store.search(where, limit=PAGE, order="oldest")
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


def _reach(reads: Sequence[Read]) -> int:
    """Followers of each author once."""
    followers: dict[str, int] = {}
    for each in reads:
        many = max(each.mention.post.author.followers or 0, 0)
        if each.author:
            followers[each.author] = max(followers.get(each.author, 0), many)
    return sum(followers.values())
