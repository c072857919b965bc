"""Profiles: which column of a tool's export is which field of a post. One YAML file each."""

import zoneinfo
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec
import yaml

from connectors.errors import BadSettings
from connectors.mapping import COMMON, FIELDS
from connectors.post import Kind
from streams.errors import ConfigError
from streams.settings import shipped_config

Markup = Literal["plain", "entities", "html"]

MAPPED: Final = (FIELDS | {"source"}) - {"state", "author", "repost_of", "rating"} | {
    "rating.value"
}
"""What a profile's columns may feed."""
JOIN: Final = " + "
_ALIKE: Final = 3
"""So many known names at least make a header that of a profile without marks of its own."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a tool's export is read.

    `columns` names, for each field of a post, the columns that may hold it: the first that holds
    something counts, and `A + B` is both with a space between. `recognise` are sets of names, one
    of which an export of this tool has whole. `values` translate cells, in lower case, of the
    fields `kind`, `source` and `lang`. `native_ids` says that the column `id` has the platform's
    own ids. Columns that feed nothing are kept as the post's `extra`, those of `ignore` are not.
    `documented` and `guessed` say what is known of the columns, and from where.
    """

    id: str
    name: str = ""
    documented: list[str] = []
    guessed: list[str] = []
    recognise: list[list[str]] = []
    columns: dict[str, list[str]] = {}
    values: dict[str, dict[str, str]] = {}
    ignore: list[str] = []
    dates: list[str] = []
    zone: str = "UTC"
    markup: Markup = "entities"
    source: str = ""
    native_ids: bool = False

    @property
    def default_source(self) -> str:
        return self.source or self.id

    def known(self) -> frozenset[str]:
        """All names of columns, in lower case."""
        named = (part for names in self.columns.values() for one in names for part in parts(one))
        marks = (one for each in self.recognise for one in each)
        return frozenset(one.casefold() for one in (*named, *marks, *self.ignore))

    def fits(self, columns: Iterable[str]) -> bool:
        """Whether these are the columns of its export."""
        here = {one.casefold() for one in columns}
        return any(all(one.casefold() in here for one in each) for each in self.recognise)


def parts(name: str) -> list[str]:
    """The columns that a name in a profile stands for."""
    return [one.strip() for one in name.split(JOIN)]


def generic(source: str = "import") -> Profile:
    """For a table whose columns have the names that most programs give them."""
    columns = {
        {"author": "author.handle", "rating": "rating.value"}.get(field, field): list(names)
        for field, names in COMMON.items()
    }
    columns["author.handle"] = [*COMMON["author.handle"], *COMMON["author"]]
    return Profile(id=source, name="names that speak for themselves", columns=columns)


def load_profile(path: Path) -> Profile:
    """Raises `ConfigError` that names the file and what is wrong in it."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        profile = msgspec.convert(raw, Profile)
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read: {error.strerror or error}. Remedy: check the name"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}. Remedy: see docs/import.md") from None
    check_profile(profile, path)
    return profile


def check_profile(profile: Profile, place: Path | str) -> None:
    """Raises `ConfigError` for a field that no post has, a zone or a kind that is none."""
    for field in profile.columns:
        if field not in MAPPED:
            known = ", ".join(sorted(MAPPED))
            raise ConfigError(
                f"{place}: columns: a post has no field {field!r:.60}. Remedy: one of {known}"
            )
    for field in profile.values:
        if field not in ("kind", "source", "lang"):
            raise ConfigError(f"{place}: values: {field!r:.60}. Remedy: kind, source or lang")
    for kind in profile.values.get("kind", {}).values():
        if kind not in get_args(Kind):
            known = ", ".join(get_args(Kind))
            raise ConfigError(f"{place}: values: no kind {kind!r:.60}. Remedy: one of {known}")
    zone_of(profile.zone, f"{place}: zone")


def zone_of(name: str, place: str) -> zoneinfo.ZoneInfo:
    """Raises `ConfigError`."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"{place} {name!r:.60}: no time zone. Remedy: Europe/Paris, Europe/Moscow, UTC …"
        ) from None


def profiles_in(*folders: Path) -> dict[str, Profile]:
    """Those that come with Veille, and those of these folders, which win. Raises `ConfigError`."""
    found: dict[str, Profile] = {}
    for folder in (shipped_config() / "import", *folders):
        for path in sorted(folder.glob("*.yaml")):
            profile = load_profile(path)
            found[profile.id] = profile
    return found


def choose(profiles: Mapping[str, Profile], columns: Sequence[str]) -> Profile | None:
    """The profile whose export has these columns; of several the one that knows most of them."""
    here = {one.casefold() for one in columns}
    fitting = [one for one in profiles.values() if one.fits(columns)]
    return max(fitting, key=lambda one: (len(here & one.known()), one.id), default=None)


def hits(profiles: Iterable[Profile], names: Sequence[str]) -> int:
    """How many of these names the profile knows that knows most; 0 where that says nothing."""
    here = {one.casefold() for one in names}
    best = max((len(here & one.known()) for one in profiles), default=0)
    return best if best >= min(_ALIKE, len(here)) else 0


def adapted(profile: Profile, maps: Sequence[str], columns: Sequence[str]) -> Profile:
    """The profile with `FIELD=COLUMN` pairs put first. Raises `BadSettings` for a column that is
    not there or a field that no post has."""
    if not maps:
        return profile
    here = {one.casefold(): one for one in columns}
    changed = dict(profile.columns)
    for pair in maps:
        field, _, column = pair.partition("=")
        if not column or field not in MAPPED:
            known = ", ".join(sorted(MAPPED))
            raise BadSettings(f"--map {pair!r:.80}: FIELD=COLUMN. Remedy: a field of {known}")
        wanted = [column] if column.casefold() in here else parts(column)
        if missing := [one for one in wanted if one.casefold() not in here]:
            found = ", ".join(f"{one:.40}" for one in columns[:60])
            raise BadSettings(
                f"--map {pair!r:.80}: no column {missing[0]!r:.60}. Remedy: one of {found}"
            )
        changed[field] = [column]
    return msgspec.structs.replace(profile, columns=changed)


def save_profile(profile: Profile, path: Path) -> None:
    """Raises `ConfigError` where it can't be written."""
    told = {name: value for name, value in msgspec.to_builtins(profile).items() if value}
    text = yaml.safe_dump(told, allow_unicode=True, sort_keys=False, width=100)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: can't be written: {error.strerror or error}") from None
