"""LiveJournal and sites of its code: public entries of journals, from their feeds.

See docs/connectors/livejournal.md.
"""

import re
from collections.abc import Sequence
from typing import ClassVar, Final
from urllib.parse import urlsplit

import msgspec

from connectors.base import Context, Option, Spec
from connectors.errors import BadSettings
from connectors.feed_source import FEED_OPTIONS, FeedSource
from connectors.feeds import Entry, Feed
from connectors.options import Options
from connectors.post import Author, Post

_JOURNAL = re.compile(r"[A-Za-z0-9_-]{1,40}")
_KEPT_OUT: Final = re.compile(rb"""\bindex\s*=\s*["']no["']""", re.IGNORECASE)
_OPENING: Final = re.compile(rb"<(?:rss|feed|channel)\b[^<>]{0,1000}>", re.IGNORECASE)
_ENTRY: Final = re.compile(rb"<(?:item|entry)\b([^<>]{0,1000})>", re.IGNORECASE)
_META: Final = re.compile(rb"""<meta\b[^<>]{0,200}\bnoindex\b""", re.IGNORECASE)


class LiveJournal(FeedSource):
    """The newest public entries of the journals and communities named."""

    spec: ClassVar[Spec] = Spec(
        name="livejournal",
        door="RSS",
        sees="public entries of named journals and communities, with their number of comments",
        needs="a contact address, which LiveJournal asks robots for",
        limits="25 entries a journal; one request at a time",
        options=(
            Option("journals", "Journals and communities to read.", ()),
            Option("host", "Where journals are: a domain, after the journal's name.", ""),
            Option("latest", "Read the site's latest entries of all as well: yes or no.", "no"),
            *FEED_OPTIONS,
        ),
        group="networks",
        poll_seconds=15.0,
    )
    width = 1
    host_width = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        if not self._contact and not self._base:
            raise BadSettings(
                "livejournal: set 'contact' to your mail address: LiveJournal refuses robots that "
                "name none in their User-Agent"
            )

    def addresses(self, options: Options) -> list[str]:
        host = options.text("host") or "livejournal.com"
        names = options.many("journals")
        for name in names:
            if not _JOURNAL.fullmatch(name):
                raise BadSettings(
                    f"livejournal: 'journals' has {name!r:.60}; give a journal's name"
                )
        urls = [f"https://{name.replace('_', '-')}.{host}/data/rss" for name in names]
        if options.switch("latest"):
            urls.append(f"https://www.{host}/stats/latest-rss.bml")
        if not urls:
            raise BadSettings("livejournal: set 'journals', or 'latest' to yes")
        return [options.check_url("host", url) for url in urls]

    def allowed(self, body: bytes, feed: Feed) -> Sequence[Entry]:
        """Who asks not to be indexed is left out: a whole journal, or single entries."""
        head = body[: first.start() if (first := _ENTRY.search(body)) else len(body)]
        if _META.search(head) or any(_KEPT_OUT.search(tag) for tag in _OPENING.findall(head)):
            self._context.on_note("a journal asks not to be indexed, and is left out")
            return []
        marks = [bool(_KEPT_OUT.search(attributes)) for attributes in _ENTRY.findall(body)]
        if not any(marks):
            return feed.entries
        if len(marks) != len(feed.entries):
            self._context.on_note("entries ask not to be indexed; which ones can't be told")
            return []
        return [entry for entry, out in zip(feed.entries, marks, strict=True) if not out]

    def shaped(self, post: Post, entry: Entry, feed: Feed) -> Post:
        name = entry.author or (urlsplit(post.url).hostname or "").partition(".")[0]
        author = Author(id=name, handle=name, name=name, url=entry.author_url)
        return msgspec.structs.replace(post, kind="post", author=author)
