"""A mention as the queue shows it: harmless, short, with the reasons why it is worth a look."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from streams.records import Label, Mention, SentimentLabel
from streams.store.rules import label_time, tone
from streams.store.worth import Part, parts
from streams.web.cards import Piece, card, clip, excerpt, segments
from streams.web.i18n import N_

WHY: Final = {
    "negative": N_("negative"),
    "unscored": N_("not scored"),
    "uncertain": N_("unsure"),
    "reach": N_("followers"),
    "engagement": N_("engagement"),
}
"""What a mention may be worth a look for."""


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One mention of the queue. `title` and `text` come in pieces, each with whether it met the
    topic; all strings are plain text. `sentiment` counts, `computed` is the scorer's. `seen` is
    what a change of this row has to tell. `why` are the reasons for its place, in hours. In a
    second opinion nothing says what others decided."""

    id: str
    seen: int
    topic: str
    created_at: datetime
    source: str
    kind: str
    state: str
    sentiment: SentimentLabel | None
    computed: SentimentLabel | None
    scored: str
    reason: str
    author: str
    handle: str
    author_key: str
    followers: int | None
    title: list[Piece]
    text: list[Piece]
    cut: int
    lang: str
    place: str
    url: str
    story: str
    hashtags: list[str]
    counts: list[str]
    why: list[Part]
    label: Label | None
    blind: bool = False


def row(mention: Mention, *, blind: bool = False, reasons: bool = True) -> QueueRow:
    """The row of a mention; without `reasons` where the order is not by worth."""
    shown, post = card(mention), mention.post
    start, end = excerpt(post.text, mention.matched)
    return QueueRow(
        id=mention.id,
        seen=label_time(mention.label),
        topic=mention.topic,
        created_at=post.created_at,
        source=clip(post.source, 40),
        kind=post.kind,
        state=post.state,
        sentiment=None if blind else tone(mention),
        computed=None if blind else mention.sentiment.label,
        scored="" if blind else shown.scored,
        reason="" if blind else clip(mention.sentiment.reason, 160),
        author=shown.author,
        handle=shown.handle,
        author_key=_author_key(mention),
        followers=post.author.followers,
        title=segments(post.title, mention.matched, "title", end=300),
        text=segments(post.text, mention.matched, "text", start=start, end=end),
        cut=shown.cut,
        lang=mention.lang,
        place=shown.place,
        url=shown.url,
        story=mention.story,
        hashtags=shown.hashtags,
        counts=shown.counts,
        why=parts(mention) if reasons and not blind else [],
        label=None if blind else mention.label,
        blind=blind,
    )


def _author_key(mention: Mention) -> str:
    author = mention.post.author
    name = author.handle.removeprefix("@") or author.id
    return f"{mention.post.source}:{name}" if name else ""


def rows(
    mentions: Sequence[Mention], *, blind: bool = False, reasons: bool = True
) -> list[QueueRow]:
    return [row(mention, blind=blind, reasons=reasons) for mention in mentions]
