"""News sitemaps: what a site published in the last two days, for sites without whole feeds.

See docs/connectors/sitemap.md.
"""

from typing import ClassVar

from connectors.base import Option, Spec
from connectors.errors import BadSettings
from connectors.feed_source import FEED_OPTIONS, FeedSource
from connectors.feeds import Feed
from connectors.options import Options
from connectors.sitemaps import parse_sitemap


class Sitemap(FeedSource):
    """The sitemaps named in `urls`, and those that these name."""

    spec: ClassVar[Spec] = Spec(
        name="sitemap",
        door="news sitemaps",
        sees="title, address and date of a site's articles of the last two days",
        needs="the sitemap's, the index's or the robots.txt's address",
        limits="conditional requests at each sitemap's rhythm; 2 to a host",
        options=(
            Option("urls", "Sitemaps, indexes of them, or robots.txt files that name them.", ()),
            *FEED_OPTIONS,
        ),
        group="news",
        poll_seconds=15.0,
    )

    def addresses(self, options: Options) -> list[str]:
        base = options.url("base_url")
        given = options.many("urls") or ([base] if base else [])
        if not given:
            raise BadSettings("sitemap: set 'urls': addresses of sitemaps, with commas between")
        whole = [f"{base}{url}" if base and url.startswith("/") else url for url in given]
        return [options.check_url("urls", url) for url in whole]

    def parse(self, body: bytes, content_type: str, url: str) -> Feed:
        return parse_sitemap(body, content_type, url)
