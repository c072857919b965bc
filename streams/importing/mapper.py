"""A row of an export as a post, by a profile.

A cell that can't be read as what its field asks for costs the row nothing: it is kept, as it is,
among the post's `extra`. Without a text, or a time, there is no post.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple, cast

from connectors.errors import BadSettings
from connectors.mapping import hashtags_in
from connectors.post import Author, Engagement, Kind, Place, Post, Rating
from connectors.text import extra as kept_extra
from connectors.text import line, link, plain, tag
from streams.importing import cells
from streams.importing.identity import Identity, identity_of
from streams.importing.moments import Moments
from streams.importing.profiles import JOIN, Profile, parts
from streams.store.rules import url_key

_TEXTS: Final = frozenset(("text", "title"))
_LONGEST_ID: Final = 300
_MOST_ITEMS: Final = 50
_SPLIT: Final = str.maketrans({",": " ", ";": " ", "|": " ", "\n": " "})

Found = dict[str, str]
"""What the cells of a row say, by field: cleaned, and never empty."""


class _Choice(NamedTuple):
    """Columns that together may say a field's value."""

    columns: tuple[int, ...]


class Mapper:
    """Turns rows with these columns into posts. Raises `BadSettings` where none of them holds a
    text, or none a time."""

    def __init__(
        self, profile: Profile, columns: Sequence[str], moments: Moments, *, source: str = ""
    ) -> None:
        self._profile, self._moments = profile, moments
        self._source = source
        self._entities = profile.markup == "entities"
        here = {name.casefold(): number for number, name in enumerate(columns)}
        self.fields: dict[str, list[str]] = {}
        self._choices: list[tuple[str, list[_Choice]]] = []
        for field, names in profile.columns.items():
            found = list(dict.fromkeys(one for name in names if (one := _choice(name, here))))
            if found:
                self._choices.append((field, found))
                self.fields[field] = [
                    JOIN.join(columns[number] for number in one.columns) for one in found
                ]
        self._columns = tuple(columns)
        self._check()
        used = {number for _, some in self._choices for one in some for number in one.columns}
        dropped = {here[one.casefold()] for one in profile.ignore if one.casefold() in here}
        kept = [number for number in range(len(columns)) if number not in used | dropped]
        self.extra = [columns[number] for number in kept]
        self._kept = [(number, columns[number]) for number in kept]

    def _check(self) -> None:
        found = ", ".join(f"{name:.40}" for name in self._columns[:60])
        if not {"text", "title"} & self.fields.keys():
            raise BadSettings(f"no column holds the text. Remedy: --map text=COLUMN, of {found}")
        if "created_at" not in self.fields:
            raise BadSettings(
                f"no column holds the time. Remedy: --map created_at=COLUMN, of {found}"
            )

    def times(self, row: Sequence[str]) -> str:
        """What the row says of its time, as it is written; empty where it says nothing."""
        choices = next(some for field, some in self._choices if field == "created_at")
        return self._said("created_at", choices, row)

    def post(self, row: Sequence[str]) -> Post:
        """Raises `ValueError` that names the column and what it holds."""
        found, extra = self._found(row)
        text, cut = self._text(found)
        created = self._moment(found, "created_at")
        url = link(found.get("url"))
        known = identity_of(found.get("url", "")) or identity_of(found.get("id", ""))
        source = known.source if known else self._source_of(found)
        title = line(found.get("title"), html=self._profile.markup == "html")
        author, engagement = _author(found, extra), _engagement(found, extra)
        rating, place = _rating(found, extra), _place(found, extra)
        lang = _language(found, extra, self._profile.values.get("lang", {}))
        return Post(
            id=known.id if known else self._id(source, url, created, f"{title}\n{text}", found),
            source=source,
            kind=self._kind(found, known),
            url=url,
            title=title,
            text=text,
            truncated=cut,
            lang=lang,
            created_at=created,
            collected_at=self._moments.now,
            author=author,
            engagement=engagement,
            rating=rating,
            parent_id=self._relative(source, found.get("parent_id", ""), ""),
            thread_id=self._relative(source, found.get("thread_id", ""), found.get("id", "")),
            hashtags=_tags(found, text),
            media=[one for item in _items(found.get("media", "")) if (one := link(item))],
            place=place,
            extra=kept_extra(extra) if extra else {},
        )

    def _found(self, row: Sequence[str]) -> tuple[Found, dict[str, str]]:
        found: Found = {}
        for field, choices in self._choices:
            if value := self._said(field, choices, row):
                found[field] = value
        extra = {name: self._cell("text", row[number]) for number, name in self._kept}
        return found, extra

    def _said(self, field: str, choices: Sequence[_Choice], row: Sequence[str]) -> str:
        for choice in choices:
            if len(choice.columns) == 1:
                said = self._cell(field, row[choice.columns[0]])
            else:
                said = self._joined(field, choice, row)
            if said:
                return said
        return ""

    def _cell(self, field: str, cell: str) -> str:
        """A cell that says something, cleaned; empty for any other."""
        if not cell:
            return ""
        if cell[0] in "'=" or (self._entities and "&" in cell):
            cell = cells.clean(cell, entities=self._entities)
        cell = cell.strip()
        if len(cell) <= cells.LONGEST_NOTHING and field not in _TEXTS and cells.is_nothing(cell):
            return ""
        return cell

    def _joined(self, field: str, choice: _Choice, row: Sequence[str]) -> str:
        """What several cells say together, each but once: an excerpt is not told beside what it is
        from, a time of day not beside a date that has its own. All of them must say something,
        but of texts and times."""
        said: list[str] = []
        empty = False
        for number in choice.columns:
            cell = self._cell(field, row[number])
            empty |= not cell
            if not cell or any(cell in one for one in said):
                continue
            if field == "created_at" and said and ":" in said[0]:
                continue
            said.append(cell)
        if empty and field != "created_at" and field not in _TEXTS:
            return ""
        return (" … " if field in _TEXTS else " ").join(said)

    def _text(self, found: Found) -> tuple[str, bool]:
        text, cut = plain(found.get("text", ""), html=self._profile.markup == "html")
        if not text and not found.get("title"):
            names = [*self.fields.get("text", []), *self.fields.get("title", [])]
            raise ValueError(f"no text in {', '.join(names)}")
        return text, cut

    def _moment(self, found: Found, field: str) -> datetime:
        try:
            return self._moments.read(found[field])
        except KeyError:
            raise ValueError(f"no time in {', '.join(self.fields[field])}") from None
        except ValueError as error:
            raise ValueError(f"{', '.join(self.fields[field])}: {error}") from None

    def _source_of(self, found: Found) -> str:
        if self._source:
            return self._source
        names = self._profile.values.get("source", {})
        said = found.get("source", "").casefold()
        return _valued(said, names) or self._profile.default_source

    def _kind(self, found: Found, known: Identity | None) -> Kind:
        if known and known.comment:
            return "comment"
        kinds = self._profile.values.get("kind", {})
        said = _valued(found.get("kind", "").casefold(), kinds) or "post"
        kind = cast("Kind", said)  # `check_profile` has seen to it
        return "video" if kind == "post" and known and known.source == "youtube" else kind

    def _id(self, source: str, url: str, created: datetime, text: str, found: Found) -> str:
        native = found.get("id", "")
        if native and len(native) <= _LONGEST_ID and native.isprintable():
            return f"{source}:{native if self._native else f'{self._profile.id}/{native}'}"
        who = found.get("author.id") or found.get("author.handle", "")
        whole = "\0".join((url_key(url), who, created.isoformat(), text))
        digest = hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=12).hexdigest()
        return f"{source}:{digest}"

    @property
    def _native(self) -> bool:
        return self._profile.native_ids or bool(self._source)

    def _relative(self, source: str, said: str, own: str) -> str:
        """The id of another post that a cell names by its address or its id."""
        if not said or said == own:
            return ""
        known = identity_of(said)
        if known:
            return known.id
        fit = self._native and len(said) <= _LONGEST_ID and said.isprintable() and "://" not in said
        return f"{source}:{said}" if fit else ""


def _choice(name: str, here: Mapping[str, int]) -> _Choice | None:
    """The columns of a name in a profile, where all of them are there."""
    wanted = [name] if name.casefold() in here else parts(name)
    if any(one.casefold() not in here for one in wanted):
        return None
    return _Choice(tuple(here[one.casefold()] for one in wanted))


def _valued(said: str, values: Mapping[str, str]) -> str:
    """The value of a cell, or of the first of several with commas that has one."""
    if said in values:
        return values[said]
    several = (one.strip() for one in reversed(said.split(",")))
    return next((values[one] for one in several if one in values), "")


def _language(found: Found, extra: dict[str, str], names: Mapping[str, str]) -> str:
    said = found.get("lang", "")
    value = names.get(said.casefold()) or cells.language(said)
    if said and not value:
        _keep(extra, "lang", said)
    return value


def _keep(extra: dict[str, str], field: str, said: str) -> None:
    extra.setdefault(field, said)


def _author(found: Found, extra: dict[str, str]) -> Author:
    verified = found.get("author.verified", "")
    return Author(
        id=line(found.get("author.id")),
        handle=line(found.get("author.handle")).removeprefix("@"),
        name=line(found.get("author.name")),
        bio=line(found.get("author.bio")),
        followers=_count(found, extra, "author.followers"),
        location=line(found.get("author.location")),
        url=link(found.get("author.url")),
        verified=cells.flag(verified) if verified else None,
    )


def _count(found: Found, extra: dict[str, str], field: str) -> int | None:
    said = found.get(field, "")
    if not said:
        return None
    value = cells.count(said)
    if value is None:
        _keep(extra, field, said)
    return value


def _engagement(found: Found, extra: dict[str, str]) -> Engagement:
    names = ("likes", "reposts", "replies", "views")
    return Engagement(**{name: _count(found, extra, f"engagement.{name}") for name in names})


def _rating(found: Found, extra: dict[str, str]) -> Rating | None:
    said = found.get("rating.value", "")
    value = cells.number(said) if said else None
    best = cells.number(found.get("rating.best", "")) or 5.0
    if value is None or not 0 < value <= best:
        if said:
            _keep(extra, "rating", said)
        return None
    return Rating(value, best)


def _place(found: Found, extra: dict[str, str]) -> Place | None:
    name = line(found.get("place.name"))
    said = found.get("place.country", "")
    country = cells.country(said) if said else ""
    if said and not country:
        _keep(extra, "country", said)
    lat = cells.number(found.get("place.lat", "")) if "place.lat" in found else None
    lon = cells.number(found.get("place.lon", "")) if "place.lon" in found else None
    if lat is None or lon is None or not (-90 <= lat <= 90 and -180 <= lon <= 180):
        lat = lon = None
    if not (name or country or lat is not None):
        return None
    return Place(name=name, country=country, lat=lat, lon=lon)


def _tags(found: Found, text: str) -> list[str]:
    if "hashtags" in found:
        return [one for item in _items(found["hashtags"]) if (one := tag(item))]
    return hashtags_in(text) if "#" in text else []


def _items(said: str) -> list[str]:
    return said.translate(_SPLIT).replace("[", " ").replace("]", " ").split()[:_MOST_ITEMS]
