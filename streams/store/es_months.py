"""Which index holds which month: writers name a month, the server knows what it is.

A month begins as the index `<prefix>-mentions-2026.03`. Once it was made anew (`es_remake`), it is
`<prefix>-month-2026.03-<n>`, a name that the index template does not match, behind the alias
`<prefix>-mentions-2026.03`: whoever writes or asks by the month's name sees no difference.
"""

import re
from typing import Any, Final

import msgspec

from streams.errors import StoreError
from streams.store.es_ledger import Ask

Body = dict[str, Any]
LIVE: Final[Body] = {"bool": {"must_not": [{"term": {"deleted": True}}]}}
"""The filter of the readers' alias."""


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """A month as the server holds it: `name` for writers, `index` in truth, `uuid` of that index.

    `copies` are indices made for the month that nobody reads or writes yet.
    """

    name: str
    index: str
    uuid: str
    mappings: Body
    settings: Body
    shown: bool
    blocked: bool
    copies: tuple[str, ...] = ()

    @property
    def shards(self) -> int:
        return int(self.settings["number_of_shards"])


class Months:
    """The months of one prefix, asked of the server each time."""

    def __init__(self, ask: Ask, prefix: str) -> None:
        self._ask = ask
        self._readers = f"{prefix}-mentions"
        self._copies = f"{prefix}-month"

    @property
    def readers(self) -> str:
        """The alias of all months."""
        return self._readers

    async def all(self) -> list[Month]:
        """By name. Raises `StoreError`."""
        path = f"/{self._readers}-*,{self._copies}-*?allow_no_indices=true"
        return months(await self._ask("GET", path), self._readers, self._copies)

    async def one(self, name: str) -> Month:
        """Raises `StoreError` where there is none of the name."""
        for month in await self.all():
            if month.name == name:
                return month
        raise StoreError(f"{name}: no such month. Remedy: `veille store check` names what is there")

    def next_copy(self, month: Month) -> str:
        """A name that no index has."""
        key = month.name.removeprefix(f"{self._readers}-")
        taken = [_number(name) for name in (month.index, *month.copies)]
        return f"{self._copies}-{key}-{max(taken) + 1}"


def months(found: Body, readers: str, copies: str) -> list[Month]:
    """Of an answer to `GET /index`: each month with the copies that are in no use."""
    live: dict[str, str] = {}
    idle: dict[str, list[str]] = {}
    for index, told in found.items():
        name = month_name(index, readers, copies)
        if index == name or name in told.get("aliases", {}):
            live[name] = index
        else:
            idle.setdefault(name, []).append(index)
    return [
        _month(name, index, found[index], readers, idle.get(name, []))
        for name, index in sorted(live.items())
    ]


def month_name(index: str, readers: str, copies: str) -> str:
    """The name by which writers know the month of an index."""
    key = index.removeprefix(f"{copies}-")
    return index if key == index else f"{readers}-{key.rpartition('-')[0]}"


def _month(name: str, index: str, told: Body, readers: str, copies: list[str]) -> Month:
    settings = told["settings"]["index"]
    return Month(
        name=name,
        index=index,
        uuid=settings["uuid"],
        mappings=told["mappings"],
        settings=settings,
        shown=readers in told.get("aliases", {}),
        blocked=str(settings.get("blocks", {}).get("write")) == "true",
        copies=tuple(sorted(copies)),
    )


def _number(index: str) -> int:
    found = re.search(r"-month-.+-(\d+)$", index)
    return int(found.group(1)) if found else 0
