"""Entries of feeds as posts, with names that last. Pure."""

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from connectors import feeds, times
from connectors.base import Gap
from connectors.feed_memory import Memory, Seen
from connectors.local_dates import read_date
from connectors.post import Author, Engagement, Post
from connectors.text import line, link

_LONGEST_ID: Final = 400
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S")


def entry_post(
    source: str, url: str, named: tuple[str, feeds.Entry], before: Seen | None, now: datetime
) -> Post:
    """An entry and its name in the feed at `url`, as a post of `source`. A post's creation time
    stays what it was at the first sight, to the second."""
    name, entry = named
    first = before.created if before else entry.published or entry.updated
    created = (moment_of(first, now) or now).replace(microsecond=0)
    changed = moment_of(entry.updated, now) or now
    if changed <= created:  # the text differs, so this version must be the newer one
        changed = now
    return Post(
        id=f"{source}:{_native_id(url, name)}",
        source=source,
        kind="article",
        state="edited" if before else "live",
        created_at=created,
        collected_at=now,
        updated_at=changed if before else None,
        url=entry.link or link(entry.guid),
        title=entry.title,
        text=entry.text,
        truncated=entry.truncated,
        lang=entry.lang,
        author=Author(name=entry.author, url=entry.author_url),
        engagement=Engagement(replies=entry.replies),
        hashtags=entry.categories,
        media=entry.media,
    )


def moment_of(value: object, now: datetime) -> datetime | None:
    """The time that a feed tells, however it is written; None where it tells none."""
    if isinstance(value, str):
        return read_date(value, now)
    return times.parse_or(value, now, now=now) if value is not None else None


def _native_id(url: str, name: str) -> str:
    """A guid that is an address is unique; any other only within its feed."""
    clean = line(name, limit=_LONGEST_ID + 1)
    if len(clean) > _LONGEST_ID or not clean:
        clean = feeds.short_digest(name)
    if _ABSOLUTE.match(clean):
        return clean
    parts = urlsplit(url)
    return f"{feeds.short_digest(f'{parts.hostname}{parts.path}?{parts.query}')}:{clean}"


def conditions(memory: Memory) -> dict[str, str]:
    """As the server wrote them, weak marks and quotes included."""
    conditions = {"if-none-match": memory.etag, "if-modified-since": memory.modified}
    return {name: value for name, value in conditions.items() if value.isascii() and value}


def overflow(memory: Memory, entries: list[feeds.Entry], place: str, now: datetime) -> Gap:
    moments = [moment_of(entry.published or entry.updated, now) or now for entry in entries]
    since = datetime.fromtimestamp(memory.newest, UTC) if memory.newest else now
    return Gap(
        since=since.isoformat(),
        until=min(moments).isoformat(),
        reason=f"{place} lists nothing seen before: entries may have scrolled out unseen",
    )
