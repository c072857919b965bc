"""Files of topics in YAML: where each topic and each of its fields stands, by the parser's marks.

Only what changes is written; comments, quotes, anchors and the order of all else stay. An alias
stands for what its anchor says: it is written over where it stands.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any, Final

import msgspec
import yaml

from streams.criteria.topics import Topic
from streams.topics import yaml_values
from streams.topics.layout import (
    FIELDS,
    Block,
    Changes,
    Splice,
    Value,
    indented,
    line_end,
    line_start,
    newline_of,
    outdented,
    spliced,
)
from streams.topics.yaml_tree import Tree, dashes, load, tree_of
from streams.topics.yaml_values import Place

_ONE_LINE: Final = 60
_COMMENT: Final = re.compile(r"[ \t]*#")
_HEADER: Final = re.compile(r"[ \t]+#.*")
_USUAL: Final = Topic(id="", query="")


class YamlLayout:
    """`text` is YAML that `load_topics` takes, without a byte order mark."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._newline = newline_of(text)
        topics = tree_of(text).under("topics")
        if topics is None:
            raise ValueError("there is no list named topics")
        self._flow = topics.flow
        self._items = list(topics.children)
        self._dashes = [] if self._flow else self._found_dashes()
        self.blocks = [self._block(number) for number in range(len(self._items))]
        self._at = {block.start: number for number, block in enumerate(self.blocks)}

    def _found_dashes(self) -> list[int]:
        """Where the dash of each topic is: the last one before it."""
        found = [_dash(self._text, item.start) for item in self._items]
        if None not in found:
            return [at for at in found if at is not None]
        entries = dashes(self._text)
        return [max(at for at in entries if at < item.start) for item in self._items]

    def _block(self, number: int) -> Block:
        item = self._items[number]
        start = item.start if self._flow else self._dashes[number]
        end = item.end if self._flow else self._with_remarks(item.end, self._column(start))
        name = item.under("id")
        raw = outdented(self._text[start:end], 0 if self._flow else self._column(start))
        return Block(name.value if name else "", start, end, raw)

    def _with_remarks(self, end: int, column: int) -> int:
        """After the comments that follow the topic and stand deeper than its dash."""
        at = line_end(self._text, end)
        last = end + len(self._text[end:at].rstrip())
        while found := _COMMENT.match(self._text, at):
            if found.end() - at - 1 <= column:
                break
            after = line_end(self._text, at)
            last = at + len(self._text[at:after].rstrip())
            at = after
        return last

    def _column(self, at: int) -> int:
        return at - line_start(self._text, at)

    def changed(self, block: Block, changes: Changes) -> str:
        item = self._items[self._at[block.start]]
        splices = []
        gone = {name for name, value in changes.items() if value is None}
        for name, value in changes.items():
            old = item.under(name)
            if old is None:
                continue
            if value is None:
                splices.append(self._without(item, name, gone))
            else:
                splices += self._rewritten(item, name, old, value)
        new = {
            name: _usual(name) if changes[name] is None else changes[name]
            for name in FIELDS
            if name in changes and item.under(name) is None
        }
        if new:
            splices += self._inserted(item, {n: v for n, v in new.items() if v is not None}, gone)
        return spliced(self._text, splices)

    def _rewritten(self, item: Tree, name: str, old: Tree, value: Value) -> list[Splice]:
        key = next(key for key, one in item.pairs if one is old)
        column = self._column(key.start)
        if isinstance(value, list) and old.kind == "list" and not old.flow and not item.flow:
            rows = [_dash(self._text, one.start) for one in old.children]
            if all(at is not None and self._begins_line(at) for at in rows):
                with contextlib.suppress(yaml.YAMLError):  # an alias whose anchor is elsewhere
                    return self._rows(old, [at for at in rows if at is not None], value)
        place = Place(column, item.flow, old.style, self._lines(old))
        start = key.end + self._text[key.end : max(old.start, key.end + 1)].index(":") + 1
        return [self._with_remark(start, old, self._value(name, value, place, old))]

    def _with_remark(self, start: int, old: Tree, text: str) -> Splice:
        """A value in the place of another; the remark on its line stays on its first line."""
        end = max(old.end, start)
        rest = self._text[end : line_end(self._text, end)].rstrip()
        header = self._text[old.start : line_end(self._text, old.start)].rstrip()
        remark = ""
        if old.style in (">", "|") and (found := _HEADER.search(header)):
            remark = found[0]
        elif rest.lstrip(" \t").startswith("#"):
            remark, end = rest, end + len(rest)
        if not remark:
            return Splice(start, end, text)
        first, newline, more = text.partition(self._newline)
        return Splice(start, end, first + remark + newline + more)

    def _lines(self, old: Tree) -> Sequence[str]:
        """Those that a folded text was written in."""
        if old.style != ">":
            return ()
        return [line.strip() for line in self._text[old.start : old.end].splitlines()[1:]]

    def _value(self, name: str, value: Value, place: Place, old: Tree | None = None) -> str:
        if isinstance(value, bool):
            return yaml_values.switch(value)
        if isinstance(value, str):
            if name == "query" and (old is None or old.style):  # a # after a bare one is refused
                place = place._replace(style=place.style or "'")
            return self._broken(yaml_values.text(value, place))
        in_line = old.flow if old and old.kind == "list" else _short(name, value)
        return self._broken(yaml_values.items(value, place, rows=not in_line))

    def _broken(self, text: str) -> str:
        return text.replace("\n", self._newline)

    def _begins_line(self, at: int) -> bool:
        return not self._text[line_start(self._text, at) : at].strip(" ")

    def _rows(self, old: Tree, at: list[int], new: list[Any]) -> list[Splice]:
        """Rows of a list that change; those that stay keep their quotes and comments."""
        known = load(self._text[line_start(self._text, at[0]) : old.end])
        same = SequenceMatcher(None, [*map(_key, known)], [*map(_key, new)], autojunk=False)
        indent = " " * self._column(at[0])
        splices = []
        for kind, a, b, c, d in same.get_opcodes():
            if kind == "equal":
                continue
            rows = [f"{indent}- {yaml_values.item(one, None, flow=False)}" for one in new[c:d]]
            text = "".join(row + self._newline for row in rows)
            if a < b:
                start = line_start(self._text, at[a])
                end = line_end(self._text, old.children[b - 1].end)
                splices.append(Splice(start, end, text))
            elif a:
                splices.append(self._below(old.children[a - 1].end, text))
            else:
                start = line_start(self._text, at[0])
                splices.append(Splice(start, start, text))
        return splices

    def _below(self, end: int, text: str) -> Splice:
        """Lines after the line that holds `end`."""
        at = line_end(self._text, end)
        if self._text[at - 1 : at] != "\n":
            text = self._newline + text.removesuffix(self._newline)
        return Splice(at, at, text)

    def _without(self, item: Tree, name: str, gone: set[str]) -> Splice:
        """Its whole line where it has one, else it with the comma beside it."""
        pairs = item.pairs
        number = next(n for n, (key, _) in enumerate(pairs) if key.value == name)
        key, value = pairs[number]
        if not item.flow and self._begins_line(key.start):
            end = max(key.end, value.end)
            return Splice(line_start(self._text, key.start), line_end(self._text, end), "")
        if item.flow and any(key.value not in gone for key, _ in pairs[:number]):
            return Splice(pairs[number - 1][1].end, value.end, "")
        return Splice(key.start, pairs[number + 1][0].start, "")

    def _inserted(self, item: Tree, fields: Mapping[str, Value], gone: set[str]) -> list[Splice]:
        """Each after the last of the fields that stay and go before it."""
        kept = [(key, one) for key, one in item.pairs if key.value not in gone]
        by_end: dict[int, str] = {}
        column = self._column(item.children[0].start)
        for name, value in fields.items():
            before = [
                (key.start, max(key.end, one.end))
                for key, one in kept
                if key.value in FIELDS and FIELDS.index(key.value) < FIELDS.index(name)
            ]
            end = max(before)[1] if before else kept[-1][1].end
            written = f"{name}:{self._value(name, value, Place(column, item.flow))}"
            by_end[end] = by_end.get(end, "") + (
                f", {written}" if item.flow else f"{' ' * column}{written}{self._newline}"
            )
        if item.flow:
            return [Splice(end, end, text) for end, text in by_end.items()]
        return [self._below(end, text) for end, text in by_end.items()]

    def added(self, fields: Mapping[str, Value]) -> str:
        if self._flow:
            rows = (
                f"{name}:{self._value(name, value, Place(0, flow=True))}"
                for name, value in fields.items()
            )
            return self.added_text("{" + ", ".join(rows) + "}")
        rows = (f"{name}:{self._value(name, value, Place(2))}" for name, value in fields.items())
        written = "\n  ".join(rows).replace(self._newline, "\n")
        return self.added_text(f"- {written}")

    def added_text(self, text: str) -> str:
        last = self.blocks[-1]
        if self._flow:
            return spliced(self._text, [Splice(last.end, last.end, f", {text}")])
        column = self._column(last.start)
        written = indented(text, column, self._newline)
        gap = self._newline if self._apart() else ""
        return spliced(
            self._text, [self._below(last.end, f"{gap}{' ' * column}{written}{self._newline}")]
        )

    def _apart(self) -> bool:
        """Whether blank lines stand between topics."""
        if len(self.blocks) == 1:
            return True
        between = self._text[self.blocks[-2].end : self.blocks[-1].start]
        return any(not line.strip() for line in between.splitlines()[1:-1])

    def removed(self, block: Block) -> str:
        number = self._at[block.start]
        if self._flow:
            others = self._items
            if number + 1 < len(others):
                return spliced(self._text, [Splice(block.start, others[number + 1].start, "")])
            start = others[number - 1].end if number else block.start
            return spliced(self._text, [Splice(start, block.end, "")])
        start, end = line_start(self._text, block.start), line_end(self._text, block.end)
        after = line_end(self._text, end)
        if not self._text[end:after].strip():
            end = after  # the blank line between it and the next
        if not self._begins_line(block.start):
            start = block.start
        return spliced(self._text, [Splice(start, end, "")])

    def replaced(self, block: Block, text: str) -> str:
        written = (
            self._broken(text)
            if self._flow
            else indented(text, self._column(block.start), self._newline)
        )
        return spliced(self._text, [Splice(block.start, block.end, written)])


def _dash(text: str, start: int) -> int | None:
    """Where the dash of an item is, if nothing but blanks stands between them."""
    before = text[:start].rstrip() if start < 200 else text[start - 200 : start].rstrip()
    at = start - (min(start, 200) - len(before)) - 1
    return at if before.endswith("-") else None


def _usual(name: str) -> Value:
    usual: Value = getattr(_USUAL, name)
    return usual


def _short(name: str, values: list[Any]) -> bool:
    """Whether a list is written in one line: names and languages, few of them."""
    plain = name in ("languages", "target") and all(isinstance(one, str) for one in values)
    return plain and sum(len(one) + 2 for one in values) <= _ONE_LINE


def _key(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")
