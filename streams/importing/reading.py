"""A file of an export, from its bytes to posts: how it is read is found out first, then shown, then
done."""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from connectors.errors import SkipItem
from connectors.lines import KEPT_BYTES
from streams.errors import ConfigError
from streams.importing.job import BATCH, Item
from streams.importing.layout import Layout, find_layout
from streams.importing.mapper import Mapper
from streams.importing.moments import Moments, order_of
from streams.importing.opening import encoding_of, text_of
from streams.importing.profiles import Profile, adapted, choose, generic, hits, zone_of
from streams.importing.table import Row, rows_of

_SAMPLE_ROWS: Final = 2_000
_HEAD: Final = 64 * 1024
_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SOME_TIME: Final = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of an export; empty is found out."""

    profile: str = "auto"
    maps: tuple[str, ...] = ()
    zone: str = ""
    formats: tuple[str, ...] = ()
    encoding: str = ""
    delimiter: str = ""
    source: str = ""

    def check(self) -> None:
        """Raises `ConfigError` for what no file could be read with."""
        if len(self.delimiter) > 1:
            raise ConfigError(
                f"--delimiter {self.delimiter!r:.40}: more than one character. Remedy: ',', ';', "
                "'|' or tab"
            )
        if self.source and not _SOURCE.fullmatch(self.source):
            raise ConfigError(
                f"--source {self.source!r:.80}: not a source's name. Remedy: letters, digits, '.', "
                "'_' and '-', such as vk"
            )
        for one in self.formats:
            try:
                datetime.strptime(_SOME_TIME.strftime(one), one)  # noqa: DTZ007 # only tried
            except ValueError as error:
                raise ConfigError(
                    f"--date-format {one!r:.80}: {error}. Remedy: as of strptime, such as "
                    "'%d/%m/%Y %H:%M'"
                ) from None


class Plan(msgspec.Struct, frozen=True):
    """How a file is read. `mapper` makes posts of its rows."""

    path: Path
    name: str
    encoding: str
    layout: Layout
    profile: Profile
    mapper: Mapper
    moments: Moments

    @property
    def key(self) -> str:
        """The same for the same file read in the same way."""
        with self.path.open("rb") as file:
            digest = hashlib.blake2b(file.read(_HEAD), digest_size=12)
        how = (self.path.stat().st_size, self.encoding, self.layout, self.profile)
        digest.update(msgspec.json.encode(how))
        return digest.hexdigest()


def plan(path: Path, name: str, wanted: Wanted, profiles: Mapping[str, Profile]) -> Plan:
    """Look at the beginning of the file. Raises `Fatal`, `BadSettings`, `ConfigError`."""
    encoding = wanted.encoding or encoding_of(path)
    asked = asked_for(wanted, profiles)
    knowing = [asked] if asked else [*profiles.values(), generic()]
    with contextlib.closing(text_of(path, encoding)) as stream:
        layout = find_layout(stream, lambda names: hits(knowing, names), delimiter=wanted.delimiter)
    profile = asked or choose(profiles, layout.columns) or generic()
    profile = settled(profile, wanted, layout.columns)
    zone = zone_of(profile.zone, "--zone" if wanted.zone else f"profile {profile.id}: zone")
    moments = Moments(profile.dates, zone)
    mapper = Mapper(profile, layout.columns, moments, source=wanted.source)
    found = Plan(path, name, encoding, layout, profile, mapper, moments)
    moments.order = order_of(_times(found))
    return found


def settled(profile: Profile, wanted: Wanted, columns: Sequence[str]) -> Profile:
    """The profile with what a person said put first. Raises `BadSettings`."""
    profile = adapted(profile, wanted.maps, columns)
    return msgspec.structs.replace(
        profile,
        zone=wanted.zone or profile.zone,
        dates=list(wanted.formats) or profile.dates,
        source=wanted.source or profile.source,
    )


def asked_for(wanted: Wanted, profiles: Mapping[str, Profile]) -> Profile | None:
    """The profile that is named; `None` where it is to be found out. Raises `ConfigError`."""
    if wanted.profile == "auto":
        return None
    if wanted.profile not in profiles:
        known = ", ".join(sorted(profiles))
        raise ConfigError(
            f"--profile {wanted.profile!r:.80}: no such profile. Remedy: auto, a file of YAML, or "
            f"one of {known}"
        )
    return profiles[wanted.profile]


def _times(one: Plan) -> Iterator[str]:
    """The times of the first rows, as they are written."""
    with contextlib.closing(text_of(one.path, one.encoding)) as stream:
        for row in islice(rows_of(stream, one.layout), _SAMPLE_ROWS):
            if not row.error:
                yield one.mapper.times(row.cells)


async def items_of(one: Plan, *, skip: int = 0) -> AsyncIterator[list[Item]]:
    """The posts of all rows after the first `skip`, in batches. Raises `Fatal`."""
    with contextlib.closing(text_of(one.path, one.encoding)) as stream:
        rows = rows_of(stream, one.layout, skip=skip)
        while some := await asyncio.to_thread(_batch, one, rows):
            yield some


def _batch(one: Plan, rows: Iterator[Row]) -> list[Item]:
    one.moments.tick()
    return [_item(one, row) for row in islice(rows, BATCH)]


def _item(one: Plan, row: Row) -> Item:
    place = f"{one.name}:{row.line}"
    if row.error:
        raw = row.raw[:KEPT_BYTES]
        return Item(row.number, dead=SkipItem(row.error, place=place, raw=raw))
    try:
        return Item(row.number, one.mapper.post(row.cells))
    except ValueError as error:
        raw = _written(row.cells, one.layout.delimiter)
        return Item(row.number, dead=SkipItem(f"{error}"[:300], place=place, raw=raw))


def _written(cells: Sequence[str], delimiter: str) -> bytes:
    return delimiter.join(cells).encode("utf-8", "replace")[:KEPT_BYTES]
