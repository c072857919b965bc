"""How an incident spread: its posts in the order of time, and how many people they had reached."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from streams.alerts.evidence import window_of
from streams.alerts.records import Incident
from streams.records import Mention
from streams.store.port import Store
from streams.store.rules import tone
from streams.web.cards import safe_url

READ: Final = 500
SHOWN: Final = 10


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A post of an incident: `followers` are its author's, `reach` those of all authors up to it,
    each once, and `posts` how many there were up to it."""

    mention_id: str
    at: datetime
    author: str
    source: str
    followers: int
    reach: int
    posts: int
    tone: str
    text: str
    url: str


class Spreading(msgspec.Struct, frozen=True, kw_only=True):
    """The first post and those that carried it farthest, in the order of time; of the first `read`
    posts, which are all of them where `whole`."""

    steps: list[Spread] = []
    read: int = 0
    whole: bool = True

    @property
    def reach(self) -> int:
        return self.steps[-1].reach if self.steps else 0


async def spreading(store: Store, one: Incident) -> Spreading:
    """Raises `StoreError`."""
    page = await store.search(window_of(one), limit=READ, order="oldest")
    return told(page.mentions, whole=not page.cursor)


def told(mentions: Iterable[Mention], *, whole: bool = True, shown: int = SHOWN) -> Spreading:
    """Of mentions in the order of time: pure."""
    steps: list[tuple[int, Spread]] = []
    followers: dict[str, int] = {}
    seen: set[str] = set()
    reach = 0
    for mention in mentions:
        if mention.post.id in seen:
            continue
        seen.add(mention.post.id)
        author = _author(mention)
        own = max(mention.post.author.followers or 0, 0)
        gained = max(0, own - followers.get(author, 0)) if author else own
        followers[author] = max(own, followers.get(author, 0))
        reach += gained
        steps.append((gained, _step(mention, own, reach, len(seen))))
    return Spreading(steps=_chosen(steps, shown), read=len(steps), whole=whole)


def _chosen(steps: Sequence[tuple[int, Spread]], shown: int) -> list[Spread]:
    """The first, the last, and those by which most people more were reached."""
    if len(steps) <= shown:
        return [step for _, step in steps]
    by_gain = sorted(range(1, len(steps) - 1), key=lambda at: (-steps[at][0], at))
    kept = sorted({0, len(steps) - 1, *by_gain[: shown - 2]})
    return [steps[at][1] for at in kept]


def _author(mention: Mention) -> str:
    author = mention.post.author
    name = author.handle or author.id
    return f"{mention.post.source}:{name}" if name else ""


def _step(mention: Mention, followers: int, reach: int, posts: int) -> Spread:
    post = mention.post
    text = f"{post.title} — {post.text}" if post.title and post.text else post.title or post.text
    return Spread(
        mention_id=mention.id,
        at=post.created_at,
        author=post.author.name or post.author.handle or post.author.id,
        source=post.source,
        followers=followers,
        reach=reach,
        posts=posts,
        tone=tone(mention),
        text=text,
        url=safe_url(post.url),
    )
