"""A post as a few lines: what met the query, with marks, and some words around."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

import msgspec

from connectors.post import Post
from streams.records import Span

_LENGTH: Final = 280
_BEFORE: Final = 80


class Excerpt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`title` and `text` are pieces in order; `true` says that a piece met the query. `more` says
    that the text is longer, before or after."""

    id: str
    source: str
    author: str
    url: str
    lang: str
    created_at: datetime
    title: list[tuple[str, bool]] = []
    text: list[tuple[str, bool]] = []
    hashtags: list[str] = []
    before: bool = False
    after: bool = False


def excerpt(post: Post, lang: str, spans: Sequence[Span] = ()) -> Excerpt:
    """The stretch of the text that holds the first mark."""
    first = min((span.start for span in spans if span.field == "text"), default=0)
    start = max(0, first - _BEFORE)
    if start:
        space = post.text.find(" ", start, first)
        start = space + 1 if space >= 0 else start
    end = min(len(post.text), start + _LENGTH)
    tags = [post.hashtags[span.start] for span in spans if span.field == "hashtags"]
    return Excerpt(
        id=post.id,
        source=post.source,
        author=post.author.name or post.author.handle,
        url=post.url if post.url.startswith(("http://", "https://")) else "",
        lang=lang,
        created_at=post.created_at,
        title=list(_pieces(post.title, "title", spans, 0, min(len(post.title), _LENGTH))),
        text=list(_pieces(post.text, "text", spans, start, end)),
        hashtags=[tag[:80] for tag in tags[:5]],
        before=start > 0,
        after=end < len(post.text),
    )


def _pieces(
    text: str, field: str, spans: Sequence[Span], start: int, end: int
) -> Iterator[tuple[str, bool]]:
    at = start
    for span in spans:
        a, b = max(span.start, at), min(span.end, end)
        if span.field != field or a >= b:
            continue
        if a > at:
            yield text[at:a], False
        yield text[a:b], True
        at = b
    if at < end:
        yield text[at:end], False
