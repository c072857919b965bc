"""Every source Veille knows, by name. Registering a connector enrols it in the contract suite."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType

from connectors.base import Connector, Context
from connectors.bluesky import Bluesky
from connectors.errors import BadSettings
from connectors.file import File
from connectors.hackernews import HackerNews
from connectors.mastodon import Mastodon
from connectors.rss import Rss
from connectors.sample import Sample

_CLASSES: tuple[type[Connector], ...] = (
    Rss,
    Mastodon,
    Bluesky,
    HackerNews,
    File,
    Sample,
)

CONNECTORS: Mapping[str, type[Connector]] = MappingProxyType({c.spec.name: c for c in _CLASSES})
"""Name to class, in the order `veille sources list` shows them."""


def find(name: str) -> type[Connector]:
    """The connector called `name`. Raises `BadSettings` with the nearest names."""
    if name in CONNECTORS:
        return CONNECTORS[name]
    near = difflib.get_close_matches(name, CONNECTORS, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known sources: {', '.join(CONNECTORS)}"
    raise BadSettings(f"unknown source '{name:.80}'; {hint}")


def build(name: str, context: Context) -> Connector:
    """The connector called `name`, ready to be iterated. Raises `BadSettings`."""
    return find(name)(context)
