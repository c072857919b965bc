"""How each index of Veille looks: `config/elasticsearch/*.json`, fitted to settings and server."""

import functools
import json
from collections.abc import Iterator
from typing import Any, Final

from streams.errors import StoreError
from streams.settings import Store as StoreSettings
from streams.settings import shipped_config

Body = dict[str, Any]

MONTHLY: Final = "mentions"
SMALL: Final = (
    "retractions", "state", "dead-letters", "labels", "journal", "alerts", "health",
)  # fmt: skip
STANDARD: Final = "standard"


def body(what: str, settings: StoreSettings, *, analyzers: bool) -> Body:
    """Settings and mappings of `<prefix>-what`. Without `analyzers`, those of languages, which
    are a module that a server may lack, give way to the standard one."""
    found: Body = json.loads(_text(what))
    index = found["settings"]["index"]
    index["number_of_replicas"] = settings.replicas
    if what == MONTHLY:
        index["refresh_interval"] = f"{round(settings.refresh_seconds * 1000)}ms"
        if not analyzers:
            for field in _words(found).values():
                field["analyzer"] = STANDARD
    return found


@functools.cache
def languages() -> frozenset[str]:
    """ISO 639-1 codes that have a field `words.<code>`."""
    return frozenset(_words(json.loads(_text(MONTHLY))))


def wanted_analyzers() -> list[str]:
    """The analyzers that `words` asks for, each once."""
    return sorted({field["analyzer"] for field in _words(json.loads(_text(MONTHLY))).values()})


def lacking(wanted: Body, have: Body) -> Body:
    """The part of `wanted` that `have` has no field for: properties, to be put."""
    found: Body = {}
    for name, field in wanted.items():
        if name not in have:
            found[name] = field
        elif "properties" in field:
            inner = lacking(field["properties"], have[name].get("properties", {}))
            if inner:
                found[name] = {"properties": inner}
    return found


def differing(wanted: Body, have: Body) -> list[str]:
    """Fields that `have` has in another way than `wanted`: only a new index can mend them."""
    known = dict(fields(have))
    return [
        name
        for name, field in fields(wanted)
        if name in known and _plain(known[name]) != _plain(field)
    ]


def foreign(wanted: Body, have: Body) -> list[str]:
    """Fields of `have` that are none of ours."""
    ours = dict(fields(wanted))
    return [name for name, _ in fields(have) if name not in ours]


def _plain(field: Body) -> Body:
    """Without what is so anyway."""
    usual = {"index": True, "doc_values": True, "analyzer": STANDARD, "position_increment_gap": 100}
    return {key: value for key, value in field.items() if usual.get(key) != value}


def fields(properties: Body, path: str = "") -> Iterator[tuple[str, Body]]:
    """Every field that holds something, by its full name, without the objects around it."""
    for name, field in properties.items():
        if "properties" in field:
            yield from fields(field["properties"], f"{path}{name}.")
        else:
            yield f"{path}{name}", field


def _words(found: Body) -> Body:
    words: Body = found["mappings"]["properties"]["words"]["properties"]
    return words


@functools.cache
def _text(what: str) -> str:
    path = shipped_config() / "elasticsearch" / f"{what}.json"
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: {error}. Remedy: install Veille again") from None
    return text
