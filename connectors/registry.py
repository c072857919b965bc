"""Every source Veille knows, by name. Registering a connector enrols it in the contract suite.

A class is imported when it is asked for: a command that needs one source does not load them all.
"""

import difflib
import importlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from connectors.base import Connector, Context
from connectors.closed import CLOSED
from connectors.errors import BadSettings
from connectors.receiving import Receiver

_WHERE: Final[Mapping[str, str]] = {
    # Mass networks
    "bluesky": "connectors.bluesky:Bluesky",
    "livejournal": "connectors.livejournal:LiveJournal",
    "mastodon": "connectors.mastodon:Mastodon",
    "x": "connectors.x:X",
    "telegram": "connectors.telegram:Telegram",
    "reddit": "connectors.reddit:Reddit",
    "tumblr": "connectors.tumblr:Tumblr",
    "vk": "connectors.vk:Vk",
    "ok": "connectors.ok:Ok",
    "matrix": "connectors.matrix:Matrix",
    "nostr": "connectors.nostr:Nostr",
    "discord": "connectors.discord:Discord",
    # Video, photo, live
    "youtube": "connectors.youtube:YouTube",
    "twitch": "connectors.twitch:Twitch",
    "flickr": "connectors.flickr:Flickr",
    "vimeo": "connectors.vimeo:Vimeo",
    "dailymotion": "connectors.dailymotion:Dailymotion",
    "rutube": "connectors.rutube:Rutube",
    "deviantart": "connectors.deviantart:DeviantArt",
    "facebook": "connectors.facebook:Facebook",
    "instagram": "connectors.instagram:Instagram",
    "threads": "connectors.threads:Threads",
    # Video, photo, live
    "pinterest": "connectors.pinterest:Pinterest",
    # Thematic
    "discourse": "connectors.discourse:Discourse",
    "lastfm": "connectors.lastfm:LastFm",
    "lemmy": "connectors.lemmy:Lemmy",
    "stackexchange": "connectors.stackexchange:StackExchange",
    "forum": "connectors.forum:Forum",
    "habr": "connectors.habr:Habr",
    "hackernews": "connectors.hackernews:HackerNews",
    "medium": "connectors.medium:Medium",
    "wordpress": "connectors.wordpress:WordPress",
    # News and co-edited
    "rss": "connectors.rss:Rss",
    "gdelt": "connectors.gdelt:Gdelt",
    "sitemap": "connectors.sitemap:Sitemap",
    "websub": "connectors.websub:WebSub",
    "wikipedia": "connectors.wikipedia:Wikipedia",
    # Reviews
    "googleplay": "connectors.googleplay:GooglePlay",
    "googlebusiness": "connectors.googlebusiness:GoogleBusiness",
    "appstore": "connectors.appstore:AppStore",
    "trustpilot": "connectors.trustpilot:Trustpilot",
    "yandexmarket": "connectors.yandexmarket:YandexMarket",
    # Open doors
    "kafka": "connectors.kafka_source:KafkaSource",
    "imap": "connectors.imap:Imap",
    "page": "connectors.page:Page",
    "file": "connectors.file:File",
    "webhook": "connectors.webhook:Webhook",
    "sample": "connectors.sample:Sample",
}


class _Registered(Mapping[str, type[Connector]]):
    def __getitem__(self, name: str) -> type[Connector]:
        module, _, kind = _WHERE[name].partition(":")
        found: type[Connector] = getattr(importlib.import_module(module), kind)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(_WHERE)

    def __len__(self) -> int:
        return len(_WHERE)


CONNECTORS: Final[Mapping[str, type[Connector]]] = _Registered()
"""Name to class, in the order `veille sources list` shows them."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "twitter": "x",
        "vkontakte": "vk",
        "odnoklassniki": "ok",
        "email": "imap",
        "hn": "hackernews",
        "fb": "facebook",
        "ig": "instagram",
        "lj": "livejournal",
        "phpbb": "forum",
        "vbulletin": "forum",
        "xenforo": "forum",
        "stackoverflow": "stackexchange",
        "last.fm": "lastfm",
        "pubsubhubbub": "websub",
    }
)
"""Other names that people write."""


def receivers() -> list[str]:
    """The connectors that are sent their posts."""
    return [name for name, kind in CONNECTORS.items() if issubclass(kind, Receiver)]


def find(name: str) -> type[Connector]:
    """The connector called `name`. Raises `BadSettings` with the nearest names, and for a place
    without a lawful door with the way that there is."""
    name = ALIASES.get(name, name)
    if name in CONNECTORS:
        return CONNECTORS[name]
    if closed := CLOSED.get(name):
        raise BadSettings(f"{name}: {closed.why} Instead: {closed.instead}")
    near = difflib.get_close_matches(name, CONNECTORS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known sources: {', '.join(CONNECTORS)}"
    raise BadSettings(f"unknown source '{name:.80}'; {hint}")


def build(name: str, context: Context) -> Connector:
    """The connector called `name`, ready to be iterated. Raises `BadSettings`."""
    return find(name)(context)
