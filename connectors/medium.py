"""Medium: stories of authors, publications and tags, from its feeds. See docs/connectors/medium.md.

Medium has no API for reading.
"""

from typing import ClassVar, Final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from connectors.base import Option, Spec
from connectors.errors import BadSettings
from connectors.feed_source import FEED_OPTIONS, FeedSource
from connectors.feeds import Entry, Feed
from connectors.options import Options
from connectors.post import Post
from connectors.text import link

_SITE: Final = "https://medium.com"


class Medium(FeedSource):
    """The ten newest stories of each author, publication and tag."""

    spec: ClassVar[Spec] = Spec(
        name="medium",
        door="RSS",
        sees="the ten newest stories of each author, publication or tag",
        needs="their names",
        limits="10 stories a feed; conditional requests at each feed's rhythm",
        options=(
            Option("users", "Authors to read, with or without @.", ()),
            Option("publications", "Publications to read.", ()),
            Option("tags", "Tags to read.", ()),
            *FEED_OPTIONS,
        ),
        group="thematic",
        poll_seconds=15.0,
    )

    def addresses(self, options: Options) -> list[str]:
        users = [f"{_SITE}/feed/@{quote(name.lstrip('@'))}" for name in options.many("users")]
        named = [f"{_SITE}/feed/{quote(name)}" for name in options.many("publications")]
        tags = [f"{_SITE}/feed/tag/{quote(_slug(name))}" for name in options.many("tags")]
        if not (urls := [*users, *named, *tags]):
            raise BadSettings("medium: set 'users', 'publications' or 'tags'")
        return urls

    def shaped(self, post: Post, entry: Entry, feed: Feed) -> Post:
        """A story has the same guid in every feed; its address loses the mark of the feed."""
        parts = urlsplit(entry.link)
        address = link(urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")))
        return msgspec.structs.replace(post, url=address or post.url)


def _slug(name: str) -> str:
    return "-".join(name.lstrip("#").lower().split())
