"""Which connector reads a web address: for telling people what would have found a post."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlsplit

from connectors.base import Source

_HOSTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bsky.app": "bluesky", "livejournal.com": "livejournal", "x.com": "x", "twitter.com": "x",
        "t.me": "telegram", "telegram.me": "telegram", "reddit.com": "reddit", "redd.it": "reddit",
        "tumblr.com": "tumblr", "vk.com": "vk", "vk.ru": "vk", "ok.ru": "ok",
        "matrix.to": "matrix", "njump.me": "nostr", "discord.com": "discord",
        "facebook.com": "facebook", "fb.com": "facebook", "instagram.com": "instagram",
        "threads.net": "threads", "threads.com": "threads", "youtube.com": "youtube",
        "youtu.be": "youtube", "twitch.tv": "twitch", "flickr.com": "flickr",
        "vimeo.com": "vimeo", "dailymotion.com": "dailymotion", "rutube.ru": "rutube",
        "deviantart.com": "deviantart", "pinterest.com": "pinterest", "last.fm": "lastfm",
        "stackoverflow.com": "stackexchange", "stackexchange.com": "stackexchange",
        "superuser.com": "stackexchange", "serverfault.com": "stackexchange",
        "askubuntu.com": "stackexchange", "habr.com": "habr",
        "news.ycombinator.com": "hackernews", "medium.com": "medium", "wikipedia.org": "wikipedia",
        "wikimedia.org": "wikipedia", "wordpress.com": "wordpress",
        "play.google.com": "googleplay", "apps.apple.com": "appstore",
        "trustpilot.com": "trustpilot", "market.yandex.ru": "yandexmarket",
        "maps.google.com": "googlebusiness",
    }
)  # fmt: skip
ANY_SITE: Final = ("rss", "sitemap", "page")
"""What reads a site that has no connector of its own: its feed, its news sitemap, its pages."""


def host_of(url: str) -> str:
    """In lower case and without `www.`; empty for what is no web address."""
    try:
        found = urlsplit(url if "://" in url else f"https://{url}")
        host = found.hostname or ""
    except ValueError:
        return ""
    fine = found.scheme in ("http", "https") and "@" not in found.netloc
    return host.removeprefix("www.") if fine else ""


def connector_of(host: str) -> str:
    """The connector made for that host, or for one that it is a part of; empty where none is."""
    parts = host.split(".")
    return next(
        (found for at in range(len(parts)) if (found := _HOSTS.get(".".join(parts[at:])))), ""
    )


def covers(source: Source, host: str) -> bool:
    """Whether a source may give posts of that host: its connector is made for it, or its settings
    name it."""
    if source.connector == connector_of(host) and connector_of(host):
        return True
    named = {host_of(word) for word in _words(source.options) if "." in word}
    return any(one and (host == one or host.endswith(f".{one}")) for one in named)


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from value.replace(",", " ").split()
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _words(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _words(one)
