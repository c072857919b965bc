"""Mentions as rows of a file: columns, values, and lines of CSV that no spreadsheet runs."""

import csv
import io
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from streams.records import Mention
from streams.store.port import Filter, Order, Store
from streams.store.rules import tone

PAGE: Final = 500
COLUMNS: Final = (
    "id", "topic", "created_at", "source", "kind", "lang", "sentiment", "score", "confidence",
    "author_handle", "author_name", "followers", "country", "title", "text", "url", "likes",
    "reposts", "replies", "views",
)  # fmt: skip
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def pages(
    store: Store, where: Filter, *, limit: int | None = None, order: Order = "newest"
) -> AsyncIterator[list[Mention]]:
    """All that fit, page by page, so that memory stays flat. Raises `StoreError`."""
    cursor, left = "", limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        page = await store.search(where, limit=size, cursor=cursor, order=order)
        yield page.mentions
        cursor = page.cursor
        left = None if left is None else left - len(page.mentions)
        if not cursor:
            return


def values(mention: Mention) -> list[Any]:
    """The mention as the values of `COLUMNS`, each of its own type."""
    post, author, engagement = mention.post, mention.post.author, mention.post.engagement
    sentiment = mention.sentiment
    return [
        mention.id, mention.topic, post.created_at, post.source, post.kind,
        mention.lang, tone(mention), sentiment.score, sentiment.confidence,
        author.handle, author.name, author.followers, mention.country, post.title, post.text,
        post.url, engagement.likes, engagement.reposts, engagement.replies, engagement.views,
    ]  # fmt: skip


def flat(mention: Mention) -> list[Any]:
    """The same with times as text: RFC 3339, in UTC."""
    return [one.isoformat() if hasattr(one, "isoformat") else one for one in values(mention)]


def csv_rows(rows: Sequence[Sequence[Any]]) -> bytes:
    """Lines of CSV in UTF-8. A cell that a spreadsheet would run as a formula begins with an
    apostrophe."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([_safe(one) for one in row] for row in rows)
    return buffer.getvalue().encode("utf-8", "replace")


def _safe(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
