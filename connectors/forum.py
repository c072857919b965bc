"""Forums: topics and replies of phpBB, XenForo, vBulletin and their like, from their feeds.

See docs/connectors/forum.md.
"""

import re
from typing import ClassVar, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from connectors.base import Option, Spec
from connectors.errors import BadSettings
from connectors.feed_source import FEED_OPTIONS, FeedSource
from connectors.feeds import Entry, Feed
from connectors.options import Options
from connectors.post import Author, Post

_FEEDS: Final = {
    "phpbb": "/feed.php?mode=posts",
    "xenforo": "/forums/-/index.rss",
    "vbulletin": "/external.php?type=RSS2",
    "smf": "/index.php?action=.xml;type=rss2;sa=recent",
    "mybb": "/syndication.php",
    "feed": "",
}
_SESSIONS: Final = frozenset(("sid", "s", "phpsessid"))
_TOPIC = re.compile(r"(?:[?&;](?:t|tid|topic)=|/threads?/(?:[^/?#]*\.)?)(\d+)")
_POST = re.compile(r"(?:[?&;](?:p|pid)=|#p(?:ost-?|id)?|/posts?/|\.msg)(\d+)")
_REPLY = re.compile(r"^(?:re|aw|sv|ответ|отв)\s*:\s*", re.IGNORECASE)
_STATISTICS = re.compile(r"\n+(?:Statistics|Statistiques|Статистика|Statistik)\s*:\s*[^\n]*$")


class Forum(FeedSource):
    """What forums list as new: posts where the feed tells them, else topics."""

    spec: ClassVar[Spec] = Spec(
        name="forum",
        door="RSS, Atom",
        sees="new posts or topics of phpBB, XenForo, vBulletin, SMF, MyBB and other forums",
        needs="the forums' addresses",
        limits="what a feed lists, 10 to 50 posts; conditional requests at each feed's rhythm",
        options=(
            Option("urls", "Addresses of forums, or of their feeds with software: feed.", ()),
            Option("software", f"What runs them: {', '.join(_FEEDS)}.", "feed"),
            *FEED_OPTIONS,
        ),
        group="thematic",
        poll_seconds=15.0,
    )
    host_width = 1

    def addresses(self, options: Options) -> list[str]:
        suffix = _FEEDS[options.choice("software", tuple(_FEEDS))]
        base = options.url("base_url")
        given = options.many("urls") or ([base] if base else [])
        if not given:
            raise BadSettings("forum: set 'urls': addresses of forums, with commas between")
        whole = [f"{base}{url}" if base and url.startswith("/") else url for url in given]
        urls = [options.check_url("urls", url) for url in whole]
        return [url.rstrip("/") + suffix if suffix else url for url in urls]

    def shaped(self, post: Post, entry: Entry, feed: Feed) -> Post:
        """A post says in its address which topic it belongs to; a session's mark goes from it."""
        address = _without_session(post.url)
        host = urlsplit(address).hostname or ""
        topic, number = _TOPIC.search(address), _POST.search(address)
        titled = post.title.rpartition(" • ")[2]  # phpBB puts the section before
        reply = _REPLY.match(titled) is not None
        thread = f"forum:{host}:t{topic.group(1)}" if topic else ""
        if number:
            identity = f"forum:{host}:p{number.group(1)}"
        else:
            identity = thread or f"forum:{_without_session(post.id.removeprefix('forum:'))}"
        name = post.author.name
        author = Author(id=f"{name}@{host}" if name else "", handle=name, name=name)
        return msgspec.structs.replace(
            post,
            id=identity,
            kind="comment" if reply else "post",
            url=address,
            text=_STATISTICS.sub("", post.text),
            author=author,
            parent_id=thread if reply and identity != thread else "",
            thread_id=thread if identity != thread else "",
        )


def _without_session(address: str) -> str:
    parts = urlsplit(address)
    if not parts.query:
        return address
    pairs = parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name.lower() not in _SESSIONS]
    if len(kept) == len(pairs):
        return address
    return urlunsplit(parts._replace(query=urlencode(kept)))
