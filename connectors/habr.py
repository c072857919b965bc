"""Habr: articles by hub, author or search, from its feeds. See docs/connectors/habr.md."""

import re
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from connectors.base import Option, Spec
from connectors.feed_source import FEED_OPTIONS, FeedSource
from connectors.feeds import Entry, Feed
from connectors.options import Options
from connectors.post import Post

_SITE: Final = "https://habr.com"
_MORE = re.compile(r"\s*(?:Читать (?:далее|дальше)|Read more)\s*(?:→|…)?\s*$")


class Habr(FeedSource):
    """Articles in Russian or English, as excerpts with their addresses."""

    spec: ClassVar[Spec] = Spec(
        name="habr",
        door="RSS",
        sees="titles and excerpts of articles, by hub, author, search or all",
        needs="nothing",
        limits="20 to 40 articles a feed; conditional requests at each feed's rhythm",
        options=(
            Option("hubs", "Hubs to read, such as python.", ()),
            Option("users", "Authors to read.", ()),
            Option("queries", "What to search for.", ()),
            Option("lang", "ru or en.", "ru"),
            *FEED_OPTIONS,
        ),
        group="thematic",
        poll_seconds=15.0,
    )
    width = 2

    def addresses(self, options: Options) -> list[str]:
        lang = options.choice("lang", ("ru", "en"))
        start = f"{_SITE}/{lang}/rss"
        hubs = [f"{start}/hubs/{quote(name)}/articles/?fl={lang}" for name in options.many("hubs")]
        users = [f"{start}/users/{quote(n)}/articles/?fl={lang}" for n in options.many("users")]
        found = [
            f"{start}/search/?q={quote(text)}&order_by=date&target_type=posts&fl={lang}"
            for text in options.many("queries")
        ]
        return [*hubs, *users, *found] or [f"{start}/articles/?fl={lang}"]

    def shaped(self, post: Post, entry: Entry, feed: Feed) -> Post:
        """An article has the same name in every feed; its address loses what counts clicks."""
        address = _bare(entry.guid) or _bare(entry.link)
        author = msgspec.structs.replace(
            post.author,
            id=post.author.name,
            handle=post.author.name,
            url=post.author.url or _user(post.author.name),
        )
        return msgspec.structs.replace(
            post,
            id=f"habr:{address}" if address else post.id,
            url=address or post.url,
            text=_MORE.sub("", post.text),
            author=author,
        )


def _bare(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")) if parts.netloc else ""


def _user(name: str) -> str:
    return f"{_SITE}/ru/users/{quote(name)}/" if name else ""
