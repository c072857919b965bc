"""Files of topics in JSON: where each topic and each of its fields stands."""

import json
import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, Final, NamedTuple

from streams.topics.layout import (
    FIELDS,
    Block,
    Changes,
    Splice,
    Value,
    indented,
    line_start,
    newline_of,
    outdented,
    spliced,
)

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


class _Member(NamedTuple):
    """A name and its value in an object, or a value in a list, whose name is empty."""

    name: str
    start: int
    value: int
    end: int


class JsonLayout:
    """`text` is JSON that `load_topics` takes, without a byte order mark."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = newline_of(text)
        outer = {one.name: one for one in _members(text, _blank(text, 0))}
        self._items = list(_members(text, outer["topics"].value))
        self.blocks = [self._block(item) for item in self._items]

    def _block(self, item: _Member) -> Block:
        text, _ = _DECODER.raw_decode(self._text, item.start)
        written = outdented(self._text[item.start : item.end], self._column(item.start))
        return Block(text["id"], item.start, item.end, written)

    def _column(self, at: int) -> int:
        """How far the line that holds `at` is indented."""
        start = line_start(self._text, at)
        return len(self._text[start:at]) - len(self._text[start:at].lstrip(" "))

    def changed(self, block: Block, changes: Changes) -> str:
        members = list(_members(self._text, block.start))
        known = {one.name: number for number, one in enumerate(members)}
        gone = {name for name, value in changes.items() if value is None}
        splices = []
        for name, value in changes.items():
            if value is None:
                if name in known:
                    splices.append(_without(members, known[name], gone))
            elif name in known:
                old = members[known[name]]
                splices.append(Splice(old.value, old.end, self._written(value, old.value, old.end)))
        new = [name for name in FIELDS if name not in known and changes.get(name) is not None]
        last = next(one for one in reversed(members) if one.name not in gone)
        gap = self._gap(block.start, members[0].start)
        text = "".join(f",{gap}{_json(name)}: {_json(changes[name])}" for name in new)
        return spliced(self._text, [*splices, Splice(last.end, last.end, text)])

    def _gap(self, opening: int, first: int) -> str:
        """What stands between two members: as before the first one, or a space."""
        gap = self._text[opening + 1 : first]
        return gap if "\n" in gap else " "

    def _written(self, value: Value, start: int, end: int) -> str:
        """One value a line where the old list had it so."""
        old = list(_members(self._text, start)) if self._text[start] == "[" else []
        gap = self._gap(start, old[0].start) if old else " "
        if not isinstance(value, list) or "\n" not in gap:
            return _json(value)
        closing = self._text[old[-1].end : end - 1]
        return "[" + gap + f",{gap}".join(map(_json, value)) + closing + "]"

    def added(self, fields: Mapping[str, Value]) -> str:
        rows = [f"{_json(name)}: {_json(value)}" for name, value in fields.items()]
        if "\n" in self.blocks[-1].text:
            return self.added_text("{\n  " + ",\n  ".join(rows) + "\n}")
        return self.added_text("{" + ", ".join(rows) + "}")

    def added_text(self, text: str) -> str:
        last = self._items[-1]
        before = self._items[-2].end if len(self._items) > 1 else None
        gap = self._text[before + 1 : last.start] if before else self._lead()
        if gap.strip(" \t\r\n,"):
            gap = self._newline
        written = indented(text, self._column(last.start), self._newline)
        return spliced(self._text, [Splice(last.end, last.end, "," + gap.lstrip(",") + written)])

    def _lead(self) -> str:
        """What stands before the only topic."""
        start = self._items[0].start
        return self._text[self._text.rindex("[", 0, start) + 1 : start] or " "

    def removed(self, block: Block) -> str:
        number = next(n for n, item in enumerate(self._items) if item.start == block.start)
        if len(self._items) == 1:
            return spliced(self._text, [Splice(block.start, block.end, "")])
        return spliced(self._text, [_without(self._items, number)])

    def replaced(self, block: Block, text: str) -> str:
        written = indented(text, self._column(block.start), self._newline)
        return spliced(self._text, [Splice(block.start, block.end, written)])


def _without(members: list[_Member], number: int, gone: Set[str] = frozenset()) -> Splice:
    """One of several, with the comma beside it."""
    if number and any(one.name not in gone for one in members[:number]):
        return Splice(members[number - 1].end, members[number].end, "")
    return Splice(members[number].start, members[number + 1].start, "")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _blank(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _members(text: str, at: int) -> Iterator[_Member]:
    """Those of the object or list that begins at `at`, which is well formed."""
    named = text[at] == "{"
    at = _blank(text, at + 1)
    while text[at] not in "}]":
        start, name = at, ""
        if named:
            name, at = _DECODER.raw_decode(text, at)
            at = _blank(text, _blank(text, at) + 1)
        value = at
        _, at = _DECODER.raw_decode(text, at)
        yield _Member(name, start, value, at)
        at = _blank(text, at)
        if text[at] == ",":
            at = _blank(text, at + 1)
