"""Feeds: RSS 0.9 to 2.0, Atom and JSON Feed, any number of them in one source.

See docs/connectors/rss.md.
"""

from typing import ClassVar

from connectors.base import Option, Spec
from connectors.errors import BadSettings
from connectors.feed_source import FEED_OPTIONS, FeedSource
from connectors.options import Options


class Rss(FeedSource):
    """The feeds named in `urls`."""

    spec: ClassVar[Spec] = Spec(
        name="rss",
        door="RSS, Atom, JSON Feed",
        sees="what each feed lists, edits included; a gap where entries scrolled out unseen",
        needs="the feeds' addresses",
        limits="conditional requests at each feed's rhythm; 24 at once, 2 to a host",
        options=(
            Option("urls", "Addresses of feeds: a list, or text with commas between.", ()),
            *FEED_OPTIONS,
        ),
        group="news",
        poll_seconds=15.0,
    )

    def addresses(self, options: Options) -> list[str]:
        base = options.url("base_url")
        given = options.many("urls") or ([base] if base else [])
        if not given:
            raise BadSettings("rss: set 'urls': addresses of feeds, with commas between")
        whole = [f"{base}{url}" if base and url.startswith("/") else url for url in given]
        return [options.check_url("urls", url) for url in whole]
