"""Contracts held to those of the last release: what programs that read or write them rely on.

Fields, records, topics and values of enumerations may be added. Nothing may be removed, change its
type, its default or its bounds, and no field may become required, or stop being so. Pure: parsed
JSON in, sentences out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

Schema = Mapping[str, Any]

_AT_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_AT_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_SAME: Final = ("format", "pattern", "contentEncoding")
_ABSENT: Final = object()


def last_release(released: Path) -> Path | None:
    """The folder of the highest version, `<released>/<major>.<minor>.<patch>`."""
    found = [path for path in released.glob("*") if re.fullmatch(r"\d+(\.\d+)*", path.name)]
    return max(found, key=lambda path: [int(part) for part in path.name.split(".")], default=None)


def broken(released: Path, contracts: Path) -> list[str]:
    """What the files in `contracts` no longer keep of the last release in `released`, one sentence
    each; nothing where there is no release."""
    before = last_release(released)
    if before is None:
        return []
    told: list[str] = []
    for path in sorted(before.glob("*.json")):
        now = contracts / path.name
        if not now.is_file():
            told.append(f"{path.name} is gone")
            continue
        old, new = (json.loads(one.read_text("utf-8")) for one in (path, now))
        told += broken_topics(old, new) if "asyncapi" in old else broken_record(old, new)
    return [f"{one} (released in {before.name})" for one in told]


def broken_record(old: Schema, new: Schema) -> list[str]:
    """What a record's JSON Schema no longer keeps."""
    return list(_Pair(old, new).compare(_name_of(old), old, new))


def broken_topics(old: Schema, new: Schema) -> list[str]:
    """What an AsyncAPI document no longer keeps: topics, their records, and who may do what."""
    told: list[str] = []
    for name, before in old.get("channels", {}).items():
        now = new.get("channels", {}).get(name)
        if now is None:
            told.append(f"topic {before['address']} is gone")
            continue
        if now["address"] != before["address"]:
            told.append(f"topic {before['address']} is named {now['address']}")
        gone = before["messages"].keys() - now["messages"].keys()
        told += [f"topic {before['address']} no longer has {record}" for record in sorted(gone)]
        told += _broken_key(before, now)
    ended = old.get("operations", {}).keys() - new.get("operations", {}).keys()
    return told + [f"operation {name} is gone" for name in sorted(ended)]


def _broken_key(before: Schema, now: Schema) -> Iterator[str]:
    old, new = (re.search(r"Key: (.*)", one["description"]) for one in (before, now))
    if old and (new is None or old[1] != new[1]):
        yield f"topic {before['address']} has another key: {new[1] if new else 'none'}"


class _Pair:
    """Two schemas that are walked side by side; references are looked up in each."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._roots = old, new
        self._seen: set[tuple[str, str]] = set()

    def compare(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        pair = old.get("$ref", ""), new.get("$ref", "")
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        root, root_now = self._roots
        old, new = _resolved(root, old), _resolved(root_now, new)
        yield from _broken_values(place, old, new)
        if _kind(old) != _kind(new):
            yield f"{place}: is {_said(_kind(new))}, and was {_said(_kind(old))}"
            return
        yield from self._options(place, old, new)
        yield from self._fields(place, old, new)
        yield from self._items(place, old, new)

    def _options(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        root, root_now = self._roots
        before = {_kind(_resolved(root, one)): one for one in old.get("anyOf", ())}
        now = {_kind(_resolved(root_now, one)): one for one in new.get("anyOf", ())}
        for kind in before.keys() & now.keys():
            yield from self.compare(place, before[kind], now[kind])
        for kind in before.keys() - now.keys():
            yield f"{place}: can no longer be {_said(kind)}"
        for kind in now.keys() - before.keys():
            yield f"{place}: may be {_said(kind)}, which it never was"

    def _fields(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        before, now = old.get("properties", {}), new.get("properties", {})
        for name, field in before.items():
            if name in now:
                yield from self.compare(f"{place}.{name}", field, now[name])
            else:
                yield f"{place}.{name}: the field is gone"
        needed, needed_now = set(old.get("required", ())), set(new.get("required", ()))
        for name in sorted(needed_now - needed):
            yield f"{place}.{name}: is required, which it was not"
        for name in sorted((needed - needed_now) & now.keys()):
            yield f"{place}.{name}: may be missing, and was always there"
        yield from self._others(place, old, new)

    def _others(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        """Fields that have no name in the schema."""
        before, now = (one.get("additionalProperties", True) for one in (old, new))
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            yield from self.compare(f"{place}.*", before, now)
        elif now is False and before is not False:
            yield f"{place}: takes no other fields any more"
        elif isinstance(before, Mapping) != isinstance(now, Mapping):
            yield f"{place}: other fields are of another type"

    def _items(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        before, now = old.get("items"), new.get("items")
        if isinstance(before, Mapping) and isinstance(now, Mapping):
            yield from self.compare(f"{place}[]", before, now)
        elif isinstance(before, Mapping) != isinstance(now, Mapping):
            yield f"{place}[]: items are of another type"
        first, first_now = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(first) > len(first_now):
            yield f"{place}: has {len(first_now)} places, and had {len(first)}"
        for number, (one, other) in enumerate(zip(first, first_now, strict=False)):
            yield from self.compare(f"{place}[{number}]", one, other)


def _broken_values(place: str, old: Schema, new: Schema) -> Iterator[str]:
    """What holds for a value whatever its type: values, default, bounds."""
    if "enum" in old and "enum" in new:
        for value in old["enum"]:
            if value not in new["enum"]:
                yield f"{place}: the value {value!r} is gone"
    if old.get("default", _ABSENT) != new.get("default", _ABSENT):
        yield f"{place}: a missing field means another value than it did"
    for names, narrower in ((_AT_LEAST, float.__gt__), (_AT_MOST, float.__lt__)):
        for name in names:
            now, before = new.get(name), old.get(name)
            if now is not None and (before is None or narrower(float(now), float(before))):
                yield f"{place}: {name} is {now}, and was {'none' if before is None else before}"
    for name in _SAME:
        if old.get(name) != new.get(name):
            yield f"{place}: {name} is {new.get(name)}, and was {old.get(name)}"


def _resolved(root: Schema, schema: Schema) -> Schema:
    """What a reference leads to; what stands beside it (a default) holds, too."""
    while reference := schema.get("$ref"):
        found: Any = root
        for step in str(reference).removeprefix("#/").split("/"):
            found = found[step]
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        schema = {**found, **beside}
    return schema


def _kind(schema: Schema) -> str:
    """Its type, or that it is one of several types or values."""
    if "anyOf" in schema:
        return "anyOf"
    if "type" in schema:
        return str(schema["type"])
    return "enum" if "enum" in schema else ""


def _said(kind: str) -> str:
    words = {"anyOf": "of several types", "enum": "one of a few values", "": "of any type"}
    return words.get(kind, f"of type {kind}")


def _name_of(schema: Schema) -> str:
    return str(schema.get("$ref", "record")).rsplit("/", 1)[-1]
