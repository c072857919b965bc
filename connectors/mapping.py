"""From a row of named values to a `Post`: declared columns first, then the common names.

The plan for a set of column names is made once and kept, so that a row costs a few microseconds.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

import msgspec

from connectors import times
from connectors.errors import BadSettings
from connectors.post import Author, Engagement, Kind, Place, Post, Rating, State, decode
from connectors.text import line, link, plain, tag

Row = Mapping[str, Any]

_TOP: Final = (
    "id", "text", "title", "created_at", "updated_at", "url", "lang", "kind", "state",
    "parent_id", "thread_id", "repost_of", "hashtags", "media",
)  # fmt: skip
_PARTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "author": Author, "engagement": Engagement, "place": Place, "rating": Rating,
}  # fmt: skip
FIELDS: Final = (
    frozenset(_TOP)
    | {"author", "rating"}
    | {f"{part}.{name}" for part, kind in _PARTS.items() for name in kind.__struct_fields__}
)
"""What `columns` and `defaults` may name."""

COMMON: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "_id", "post_id", "tweet_id"),
    "text": ("text", "content", "body", "message", "full_text"),
    "title": ("title", "headline", "subject"),
    "created_at": ("created_at", "date", "timestamp", "time", "datetime", "published"),
    "updated_at": ("updated_at",),
    "url": ("url", "link"),
    "lang": ("lang", "language"),
    "author": ("author", "user"),
    "author.handle": ("username", "author_handle", "screen_name"),
    "author.name": ("author_name",),
    "author.id": ("author_id", "user_id"),
    "author.followers": ("followers", "followers_count"),
    "author.location": ("location",),
    "engagement.likes": ("likes", "like_count"),
    "engagement.reposts": ("reposts", "retweets", "shares"),
    "engagement.replies": ("replies", "comments_count"),
    "engagement.views": ("views", "view_count"),
    "place.country": ("country",),
    "place.lat": ("lat", "latitude"),
    "place.lon": ("lon", "lng", "longitude"),
    "rating": ("rating", "stars"),
    "hashtags": ("hashtags",),
}
"""The names a column may have to need no mapping, by field; compared without case."""

_AUTHOR_PARTS: Final = {
    "id": "id", "handle": "handle", "username": "handle", "screen_name": "handle",
    "acct": "handle", "name": "name", "display_name": "name", "followers": "followers",
    "followers_count": "followers", "location": "location", "url": "url", "bio": "bio",
    "verified": "verified",
}  # fmt: skip

_RECORD: Final = frozenset(("id", "source", "created_at", "collected_at"))
_NO_TEXT: Final = ("", False)
_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HASHTAG = re.compile(r"#(\w{1,100})")
_NO_TAG_AFTER: Final = frozenset("&/#=?_")
_SEPARATORS = re.compile(r"[\s,;|]+")
_LONGEST_ID: Final = 400
_MOST_ITEMS: Final = 50
_MOST_PLANS: Final = 256

Task = tuple[str, str, Callable[[Any], Any]]
"""Field (empty: a mapping of several), column, converter."""


@dataclass(slots=True)
class Plan:
    """How rows with one set of columns become posts."""

    top: list[Task] = field(default_factory=list)
    parts: dict[str, list[Task]] = field(default_factory=dict)
    created: str = ""
    """The column of `created_at`, if there is one."""
    is_record: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How rows are read. `columns` maps post fields to columns; `defaults` fill what is missing.

    `collected` is the time posts bear as collected: the present, or their own (`created`), so
    that reading twice gives equal records.
    """

    source: str = "file"
    columns: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    collected: Literal["now", "created"] = "now"
    html: bool = False


class Mapper:
    """Turns rows into posts. `note` hears, once each, of columns that are ignored."""

    def __init__(self, rules: Rules, note: Callable[[str], None] = lambda _: None) -> None:
        check_rules(rules)
        self.now = datetime.now(UTC)
        """The present moment, set by the reader once a block: the clock is slow to ask."""
        self._rules, self._note = rules, note
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._ignored: set[str] = set()
        self._as_created = rules.collected == "created"
        self._defaults: dict[str, Any] = {}
        self._part_defaults: dict[str, dict[str, Any]] = {}
        for name, value in rules.defaults.items():
            self._set_default(name, value)

    def post(self, row: Row, raw: bytes = b"") -> Post:
        """The post a row holds; `raw` is its JSON, read as it is where it is a `Post` record.

        Raises `ValueError` (`msgspec.ValidationError` is one) naming the field and the value.
        """
        plan = self._plans.get(tuple(row)) or self.plan(tuple(row))
        if plan.is_record and raw and ":" in str(row["id"]):
            return self._record(raw)
        values = self._defaults.copy()
        column = ""
        try:
            for name, column, convert in plan.top:
                value = row[column]
                if value is not None and value != "":
                    values[name] = convert(value)
            for part, tasks in plan.parts.items():
                fields = dict(self._part_defaults.get(part, ()))
                for name, column, convert in tasks:
                    value = row[column]
                    if value is None or value == "":
                        continue
                    if name:
                        fields[name] = convert(value)
                    else:
                        fields |= convert(value)
                if fields:
                    values[part] = _PARTS[part](**fields)
        except ValueError as error:
            raise ValueError(f"{column}: {error}") from None
        return self._compose(values, row, plan)

    def plan(self, columns: tuple[str, ...]) -> Plan:
        """The plan for these columns, remembered."""
        if len(self._plans) >= _MOST_PLANS:
            self._plans.clear()
        plan = Plan(is_record=not self._rules.columns and set(columns) >= _RECORD)
        found = assign(columns, self._rules.columns)
        plan.created = found.get("created_at", "")
        for part in self._part_defaults:
            plan.parts[part] = []
        for name, column in found.items():
            part, short = _split(name)
            task = (short, column, self._converter(name))
            (plan.parts.setdefault(part, []) if part else plan.top).append(task)
        self._plans[columns] = plan
        if not plan.is_record:
            self._tell(set(columns) - set(found.values()))
        return plan

    def _tell(self, ignored: set[str]) -> None:
        new = ignored - self._ignored
        if new and len(self._ignored) < _MOST_ITEMS:
            self._ignored |= new
            names = ", ".join(sorted(f"{name:.40}" for name in new)[:_MOST_ITEMS])
            self._note(f"{len(new)} columns are ignored: {names}")

    def _compose(self, values: dict[str, Any], row: Row, plan: Plan) -> Post:
        text, truncated = values.get("text", _NO_TEXT)
        if not text and "title" not in values and values.get("state") != "deleted":
            raise ValueError(f"no text among the columns {_names(row)}")
        values["text"] = text
        if truncated:
            values["truncated"] = True
        if "created_at" not in values:
            values["created_at"] = self.now
        if "#" in text and "hashtags" not in values:
            values["hashtags"] = hashtags_in(text)
        source = self._rules.source
        native = values.pop("id", "") or _digest(source, values, row.get(plan.created))
        return Post(
            id=native if native.startswith(source + ":") else f"{source}:{native}",
            source=source,
            collected_at=values["created_at"] if self._as_created else self.now,
            **values,
        )

    def _set_default(self, name: str, value: object) -> None:
        try:
            converted = self._converter(name)(value)
        except ValueError as error:
            raise BadSettings(f"defaults: {name}: {error}") from None
        part, short = _split(name)
        if not part:
            self._defaults[name] = converted
        elif short:
            self._part_defaults.setdefault(part, {})[short] = converted
        else:
            self._part_defaults.setdefault(part, {}).update(converted)

    def _record(self, raw: bytes) -> Post:
        """A `Post` as someone wrote it: its times must make sense and its text be clean."""
        post = decode(raw)
        _native_id(post.id)
        for moment in (post.created_at, post.updated_at, post.collected_at):
            if moment is not None:
                times.parse(moment, now=self.now)
        text, cut = plain(post.text, html=False)
        title = line(post.title) if post.title else ""
        if text == post.text and title == post.title:
            return post
        truncated = cut or post.truncated
        return msgspec.structs.replace(post, text=text, title=title, truncated=truncated)

    def _converter(self, name: str) -> Callable[[Any], Any]:
        if name == "text":
            return self._text
        if name in ("created_at", "updated_at"):
            return self._moment
        return _CONVERTERS.get(name, _line)

    def _text(self, value: object) -> tuple[str, bool]:
        if not isinstance(value, str):
            raise _wrong(value, "a text")
        return plain(value, html=self._rules.html)

    def _moment(self, value: object) -> datetime:
        if isinstance(value, str) and len(value) == 20 and value[19] == "Z":
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                pass
            else:
                if _FIRST <= moment <= self.now:
                    return moment
        return times.parse(value, now=self.now)


def assign(columns: tuple[str, ...], declared: Mapping[str, str]) -> dict[str, str]:
    """Which column feeds which field: the declared ones, then common names not yet taken."""
    found = {name: column for name, column in declared.items() if column in columns}
    taken = set(found.values())
    lower = {column.lower(): column for column in reversed(columns)}
    for name, common in COMMON.items():
        if name in declared:
            continue
        column = next((lower[c] for c in common if c in lower and lower[c] not in taken), None)
        if column is not None:
            found[name] = column
            taken.add(column)
    return found


def hashtags_in(text: str) -> list[str]:
    """The hashtags written in a text; not the fragments of addresses."""
    # A look-behind in the expression would keep it from leaping to the next `#`.
    return [
        found[1]
        for found in _HASHTAG.finditer(text)
        if found.start() == 0 or _may_precede(text[found.start() - 1])
    ][:_MOST_ITEMS]


def _may_precede(character: str) -> bool:
    return not character.isalnum() and character not in _NO_TAG_AFTER


def check_rules(rules: Rules) -> None:
    """Raises `BadSettings` for a field that no post has, or a source's name that is none."""
    for option in ("columns", "defaults"):
        for name in getattr(rules, option):
            if name not in FIELDS:
                raise BadSettings(
                    f"{option}: a post has no field {name!r:.60}. "
                    f"Remedy: one of {', '.join(sorted(FIELDS))}"
                )
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]{0,31}", rules.source):
        raise BadSettings(
            f"source: {rules.source!r:.60} is not a short name. Remedy: lower-case letters, digits"
        )


def _split(name: str) -> tuple[str, str]:
    """Part of the post and field in it: `author` fills several fields of one part."""
    if name == "author":
        return "author", ""
    part, _, short = name.rpartition(".")
    return ("rating", "value") if name == "rating" else (part, short)


def _names(row: Row) -> str:
    return ", ".join(f"{name:.40}" for name in list(row)[:20]) or "(none)"


def _digest(source: str, values: Row, stamp: object) -> str:
    """An id for a row that has none: the same row always gets the same one. `stamp` is its time
    as it is written there."""
    author = values.get("author") or Author()
    who = author.handle or author.id
    what = values["text"] or values.get("title", "")
    whole = "\0".join((source, who, str(stamp)[:64], what)).encode("utf-8", "replace")
    return hashlib.blake2b(whole, digest_size=12).hexdigest()


def _wrong(value: object, expected: str) -> ValueError:
    shown = f"{value!r:.60}" if isinstance(value, str | float | bool) else type(value).__name__
    return ValueError(f"expected {expected}, found {shown}")


def _native_id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else ""
    if not isinstance(value, str):
        raise _wrong(value, "a text or a number")
    if len(value) > _LONGEST_ID or not value.isprintable():
        raise _wrong(value, f"at most {_LONGEST_ID} printable characters")
    return value


def _line(value: object) -> str:
    if isinstance(value, str):
        if len(value) <= _LONGEST_ID and value.isascii() and value.isprintable():
            return value.strip()
        return line(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**30:
        return str(value)
    raise _wrong(value, "a text")


def _number(value: object) -> float:
    if isinstance(value, str) and len(value) <= 40:
        try:
            value = float(value)
        except ValueError:
            raise _wrong(value, "a number") from None
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15:
        return float(value)
    raise _wrong(value, "a number")


def _count(value: object) -> int:
    if type(value) is int and 0 <= value < 10**15:
        return value
    number = _number(value)
    if number < 0 or number != int(number):
        raise _wrong(value, "a whole number, zero or more")
    return int(number)


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    found = known.get(str(value)[:8].lower())
    if found is None:
        raise _wrong(value, "true or false")
    return found


def _latitude(value: object) -> float:
    return _within(value, 90.0)


def _longitude(value: object) -> float:
    return _within(value, 180.0)


def _within(value: object, bound: float) -> float:
    number = _number(value)
    if not -bound <= number <= bound:
        raise _wrong(value, f"degrees between {-bound:.0f} and {bound:.0f}")
    return number


def _items(value: object) -> list[str]:
    if isinstance(value, str):
        value = _SEPARATORS.split(value)
    if not isinstance(value, list):
        raise _wrong(value, "a list")
    return [item for item in value[:_MOST_ITEMS] if isinstance(item, str) and item]


def _tags(value: object) -> list[str]:
    return [name for name in map(tag, _items(value)) if name]


def _links(value: object) -> list[str]:
    return [address for address in map(link, _items(value)) if address]


def _author(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {"handle": _line(value)}
    parts: dict[str, Any] = {}
    for name, inner in value.items():
        short = _AUTHOR_PARTS.get(name)
        if short and inner not in (None, ""):
            parts.setdefault(short, _CONVERTERS.get(f"author.{short}", _line)(inner))
    return parts


def _one_of(choices: tuple[str, ...]) -> Callable[[object], str]:
    def convert(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise _wrong(value, f"one of {', '.join(choices)}")
        return value

    return convert


_CONVERTERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "id": _native_id,
    "url": link,
    "author": _author,
    "author.url": link,
    "author.followers": _count,
    "author.verified": _flag,
    "engagement.likes": _count,
    "engagement.reposts": _count,
    "engagement.replies": _count,
    "engagement.views": _count,
    "kind": _one_of(get_args(Kind)),
    "state": _one_of(get_args(State)),
    "rating": _number,
    "rating.value": _number,
    "rating.best": _number,
    "place.lat": _latitude,
    "place.lon": _longitude,
    "hashtags": _tags,
    "media": _links,
}
