"""Values as they are written in YAML: as people write them where that reads back the same."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

import yaml

from streams.topics.yaml_tree import load

WIDTH: Final = 96
"""Columns that a line of a folded text takes."""
WIDEST: Final = 110
"""Columns that a line may grow to, so that a word more does not move all lines after it."""


class Place(NamedTuple):
    """Where a value is to stand: `column` is that of its name. `style` is how the old value was
    quoted, `lines` are the lines that it was folded into."""

    column: int
    flow: bool = False
    style: str | None = None
    lines: Sequence[str] = ()


def text(value: str, place: Place) -> str:
    """What goes after the `:` of a name, with the blank or break before it."""
    for written in _ways(value, place):
        if _read(f"k:{written}\n", flow=place.flow) == value:
            return written
    return " " + quoted(value, '"', flow=place.flow)


def _ways(value: str, place: Place) -> Sequence[str]:
    inside = "\n" + " " * (place.column + 2)
    found = []
    if not place.flow:
        if "\n" in value:
            found.append(" |-" + "".join(_indented(line, inside) for line in value.split("\n")))
        elif place.style == ">" or len(value) > WIDTH - place.column - len("query: "):
            width = (WIDEST if place.lines else WIDTH) - place.column - 2
            found.append(" >-" + "".join(inside + line for line in folded(value, place, width)))
    style = {None: None, '"': '"'}.get(place.style, "'")
    if "\n" not in value:
        found.append(" " + quoted(value, style, flow=place.flow))
    return found


def _indented(line: str, inside: str) -> str:
    return inside + line if line else "\n"


def folded(value: str, place: Place, width: int) -> list[str]:
    """The lines of a text of one line: broken where the old ones were, and where they are too
    long."""
    old = [line.split(" ") for line in place.lines]
    words = value.split(" ")
    starts, at = set(), 0
    for line in old:
        starts.add(at)
        at += len(line)
    match = SequenceMatcher(None, [word for line in old for word in line], words)
    breaks = {
        b + n for a, b, size in match.get_matching_blocks() for n in range(size) if a + n in starts
    }
    lines: list[str] = []
    for number, word in enumerate(words):
        if not lines or number in breaks or len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] += f" {word}"
    return lines


def quoted(value: str, style: str | None, *, flow: bool) -> str:
    """In one line."""
    return _dumped([value], style)[1:-1] if flow else _single(value, style)


def _single(value: str, style: str | None) -> str:
    return _dumped(value, style).removesuffix("\n...")


class _Dumper(yaml.SafeDumper):
    """Writes every text in one line, and what is there twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _in_one_line(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if len(value.splitlines()) > 1 or value.endswith("\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style)


_Dumper.add_representer(str, _in_one_line)


def _dumped(value: Any, style: str | None = None) -> str:
    return yaml.dump(
        value,
        Dumper=_Dumper,
        default_style=style,
        default_flow_style=True,
        allow_unicode=True,
        sort_keys=False,
        width=float("inf"),
    ).removesuffix("\n")


def items(values: Sequence[Any], place: Place, *, rows: bool) -> str:
    """A list: a row each, or all in one line."""
    if place.flow or not rows:
        return " [" + ", ".join(item(value, None) for value in values) + "]"
    inside = "\n" + " " * (place.column + 2)
    return "".join(f"{inside}- {item(value, None, flow=False)}" for value in values)


def item(value: Any, style: str | None, *, flow: bool = True) -> str:
    """One of a list, in one line."""
    if isinstance(value, str):
        style = '"' if "\n" in value else style
        return quoted(value, style if style in ("'", '"') else None, flow=flow)
    return _dumped(value)


def switch(value: bool) -> str:
    return " true" if value else " false"


def _read(text: str, *, flow: bool) -> Any:
    given = "{" + text.rstrip("\n") + "}" if flow else text
    try:
        return load(given)["k"]
    except (yaml.YAMLError, KeyError, TypeError, ValueError):
        return None
