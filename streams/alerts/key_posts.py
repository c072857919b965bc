"""The posts that explain an incident: which say best what it is about, and which came first."""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from connectors.text import line, link
from streams.alerts.records import KeyPost
from streams.alerts.terms import Counted, terms_of
from streams.records import Mention
from streams.store.rules import tone

KEY_POSTS: Final = 3
MOST_TEXT: Final = 600
MOST_ALIKE: Final = 0.5
BESIDE_THE_POINT: Final = 0.25
"""A post worth less than so much of the best one explains nothing."""


class Read(msgspec.Struct, frozen=True, gc=False):
    """A mention with what is asked of it again and again."""

    mention: Mention
    story: str
    author: str
    terms: frozenset[str]
    reach: int


def read(mention: Mention, own: Collection[str]) -> Read:
    """The mention read; `own` words are not among its terms."""
    post = mention.post
    author = post.author.handle or post.author.id
    text = f"{post.title}\n{post.text}" if post.title else post.text
    spread = (post.engagement.reposts or 0) * 10 + (post.engagement.likes or 0)
    return Read(
        mention=mention,
        story=mention.story or post.repost_of or post.id,
        author=f"{post.source}:{author}" if author else "",
        terms=terms_of(text, own) | {f"#{tag.casefold()}" for tag in post.hashtags[:20]},
        reach=max(post.author.followers or 0, 0) + max(spread, 0),
    )


def chosen_posts(reads: Sequence[Read], window: Counted, past: Counted) -> list[Read]:
    """The posts that say best what the window is about: full of its words that the past had not,
    and far-reaching; one a story, and no two that say the same. One of `reads` there must be."""
    stories: dict[str, list[Read]] = defaultdict(list)
    for each in reads:
        stories[each.story].append(each)
    weights = {
        term: math.log1p(seen) * math.log1p((past.posts + 1) / (past.counts.get(term, 0) + 1))
        for term, seen in window.counts.items()
        if seen > 1
    }
    farthest = math.log1p(max(each.reach for each in reads)) or 1.0

    def worth(each: Read) -> float:
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
    chosen: list[Read] = []
    for each in best:
        if worth(each) < least:
            break
        if all(_alike(each.terms, other.terms) <= MOST_ALIKE for other in chosen):
            chosen.append(each)
        if len(chosen) == KEY_POSTS:
            break
    return chosen


def first_post(reads: Sequence[Read], sizes: Counter[str], terms: Sequence[str]) -> Read | None:
    """The earliest post of the largest story; where none is told twice, the earliest that has the
    surest new term."""
    story, copies = sizes.most_common(1)[0]
    if copies > 1:
        told = [each for each in reads if each.story == story]
    else:
        told = [each for each in reads if terms and terms[0] in each.terms]
    return min(told, key=lambda each: (each.mention.post.created_at, each.mention.id), default=None)


def key_post(each: Read, copies: int) -> KeyPost:
    """The post as evidence keeps it; `copies` is how many tell its story."""
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


def _alike(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one | other) or 1)
