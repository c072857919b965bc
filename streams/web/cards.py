"""A mention as the feed shows it: every outside string made harmless, matched words marked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec
from markupsafe import Markup, escape

from connectors.post import Engagement, Post
from streams.records import Mention, SentimentLabel, Span
from streams.store.rules import tone
from streams.web.i18n import N_, NN_, Signs, Words, _, ngettext, number

EXCERPT: Final = 700
"""Characters of a text that the feed shows; the whole is at its source and in the API."""
LEAD: Final = 160
"""Characters before the first match that an excerpt keeps for context."""
MAX_URL: Final = 2_000
SAMPLE: Final = "sample"

Piece = tuple[str, bool]
"""A stretch of a text, and whether it met the topic."""

SENTIMENTS: Final[Mapping[SentimentLabel, tuple[str, str]]] = Signs(
    {
        "neg": (N_("negative"), "▼"),
        "neu": (N_("neutral"), "■"),
        "pos": (N_("positive"), "▲"),
        "unscored": (N_("unscored"), "?"),
    }
)
"""Word and symbol of each: colour is only the third sign."""
KINDS: Final[Mapping[str, str]] = Words(
    {
        "post": N_("post"),
        "comment": N_("comment"),
        "review": N_("review"),
        "article": N_("article"),
        "message": N_("message"),
        "video": N_("video"),
        "edit": N_("edit"),
    }
)


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One article of the feed. `title` and `text` are markup, all else is text to escape."""

    id: str
    at: int
    created: datetime
    topic: str
    title: Markup
    text: Markup
    cut: int
    sentiment: SentimentLabel
    reason: str
    scored: str
    corrected: bool
    author: str
    handle: str
    author_key: str
    source: str
    sample: bool
    lang: str
    place: str
    country: str
    url: str
    state: str
    kind: str
    hashtags: list[str]
    counts: list[str]


def card(mention: Mention) -> Card:
    post = mention.post
    start, end = excerpt(post.text, mention.matched)
    return Card(
        id=mention.id,
        at=int(post.created_at.timestamp() * 1000),
        created=post.created_at,
        topic=mention.topic,
        title=marked(post.title, mention.matched, "title", end=300),
        text=marked(post.text, mention.matched, "text", start=start, end=end),
        cut=len(post.text) - (end - start),
        sentiment=tone(mention),
        reason=mention.sentiment.reason,
        scored=_scored(mention),
        corrected=bool(mention.label and mention.label.sentiment),
        author=clip(post.author.name or post.author.handle or post.author.id),
        handle=clip(post.author.handle),
        author_key=post.author.handle or post.author.id,
        source=post.source,
        sample=post.source == SAMPLE,
        lang=mention.lang,
        place=clip(_place(post)),
        country=mention.country or (post.place.country if post.place else ""),
        url=safe_url(post.url),
        state=post.state,
        kind=post.kind,
        hashtags=_hashtags(post),
        counts=_engagement(post.engagement),
    )


def _scored(mention: Mention) -> str:
    found = mention.sentiment
    if found.label == "unscored":
        return ""
    score, confidence = f"{found.score:+.2f}", f"{found.confidence:.2f}"
    if found.scope == "target":
        said = _(
            "score %(score)s, confidence %(confidence)s, towards the topic's target",
            score=score,
            confidence=confidence,
        )
    else:
        said = _(
            "score %(score)s, confidence %(confidence)s, of the whole post",
            score=score,
            confidence=confidence,
        )
    return f"{said} ({found.engine})" if found.engine else said


def _place(post: Post) -> str:
    return (post.place.name if post.place else "") or post.author.location


def _hashtags(post: Post) -> list[str]:
    tags = (clip(tag.removeprefix("#"), 60) for tag in post.hashtags[:8])
    return list(dict.fromkeys(tag for tag in tags if tag))


def _engagement(seen: Engagement) -> list[str]:
    counts = (
        (NN_("%(n)s like", "%(n)s likes"), seen.likes),
        (NN_("%(n)s repost", "%(n)s reposts"), seen.reposts),
        (NN_("%(n)s reply", "%(n)s replies"), seen.replies),
        (NN_("%(n)s view", "%(n)s views"), seen.views),
    )
    return [ngettext(*words, n, n=number(n)) for words, n in counts if n]


def clip(text: str, most: int = 80) -> str:
    """One line of at most `most` characters."""
    line = " ".join(text[: most * 4].split())
    return line if len(line) <= most else line[: most - 1] + "…"


def safe_url(url: str) -> str:
    """The URL if it is plain http(s) with a host and no credentials, else nothing: never linked."""
    if len(url) > MAX_URL or any(letter <= " " or letter == "\x7f" for letter in url):
        return ""
    try:
        parts = urlsplit(url)
        fine = (
            parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        )
    except ValueError:
        return ""
    return url if fine else ""


def excerpt(text: str, spans: Sequence[Span]) -> tuple[int, int]:
    """Which stretch of a long text to show: from a little before its first match."""
    if len(text) <= EXCERPT:
        return 0, len(text)
    first = min(
        (s.start for s in spans if s.field == "text" and 0 <= s.start < len(text)), default=0
    )
    if first <= EXCERPT - LEAD:
        return 0, EXCERPT
    start = min(first - LEAD, len(text) - EXCERPT)
    return start, start + EXCERPT


def marked(
    text: str,
    spans: Sequence[Span],
    field: Literal["title", "text"],
    *,
    start: int = 0,
    end: int | None = None,
) -> Markup:
    """`text[start:end]` escaped, its matched stretches in `<mark>`. Overlapping, reversed and
    out-of-range spans are harmless."""
    pieces = segments(text, spans, field, start=start, end=end)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(piece) if met else escape(piece) for piece, met in pieces
    )


def segments(
    text: str,
    spans: Sequence[Span],
    field: Literal["title", "text"],
    *,
    start: int = 0,
    end: int | None = None,
) -> list[Piece]:
    """`text[start:end]` in pieces, each with whether it was matched; plain text."""
    stop = len(text) if end is None else min(end, len(text))
    pieces: list[Piece] = [("…", False)] if start > 0 else []
    at = start
    for left, right in _merged(spans, field, start, stop):
        pieces += [(text[at:left], False), (text[left:right], True)]
        at = right
    pieces.append((text[at:stop], False))
    if stop < len(text):
        pieces.append(("…", False))
    return [piece for piece in pieces if piece[0]]


def _merged(spans: Sequence[Span], field: str, start: int, stop: int) -> list[tuple[int, int]]:
    clipped = sorted((max(s.start, start), min(s.end, stop)) for s in spans if s.field == field)
    merged: list[tuple[int, int]] = []
    for left, right in clipped:
        if right <= left:
            continue
        if merged and left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(right, merged[-1][1]))
        else:
            merged.append((left, right))
    return merged
