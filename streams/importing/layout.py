"""Where a table begins: exports put lines of their own before the names of the columns, and each
has its separator."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from connectors.errors import BadSettings
from connectors.lines import CHUNK_BYTES, MAX_LINE_BYTES, Readable

_SAMPLE: Final = 512 * 1024
_ROWS: Final = 50
"""Among so many records the names of the columns are looked for."""
_DELIMITERS: Final = (",", ";", "\t", "|")
_DECLARED: Final = re.compile(r'"?sep=(.)"?\s*')
_NUMBER: Final = re.compile(r"[\d\s.,:/+-]+")

Known = Callable[[Sequence[str]], int]
"""How many of these names are those of columns that somebody knows."""


class Layout(msgspec.Struct, frozen=True):
    """`skip` lines come before the first row, the names of the columns among them."""

    delimiter: str
    columns: tuple[str, ...]
    skip: int


def find_layout(stream: Readable, known: Known, *, delimiter: str = "") -> Layout:
    """The layout of a table: the record with most known names, else the first that is as wide as
    most others. Raises `BadSettings` where there is no table."""
    lines = _lines(stream)
    said = _DECLARED.fullmatch(lines[0].rstrip("\r\n")) if lines else None
    choices = (delimiter or (said.group(1) if said else ""),)
    best: tuple[int, int, Layout] | None = None
    for each in choices if choices[0] else _DELIMITERS:
        records = list(_records(lines, each))
        for hits, width, layout in _candidates(records, each, known):
            if best is None or (hits, width) > best[:2]:
                best = (hits, width, layout)
    if best is None:
        raise BadSettings("no table: nothing but empty lines. Remedy: check the file")
    return best[2]


def _lines(stream: Readable) -> list[str]:
    sample = b""
    while len(sample) < _SAMPLE and (chunk := stream.read1(CHUNK_BYTES)):
        sample += chunk
    text = sample[:_SAMPLE].decode("utf-8", "replace").removeprefix("\ufeff")
    return [f"{line}\n" for line in text.split("\n")]


def _records(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Records with the number of lines up to their end."""
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        for _, fields in zip(range(_ROWS), reader, strict=False):
            if any(field.strip() for field in fields):
                yield reader.line_num, fields
    except csv.Error:
        return


def _candidates(
    records: Sequence[tuple[int, list[str]]], delimiter: str, known: Known
) -> Iterator[tuple[int, int, Layout]]:
    """What may be the names: how many are known, how much of the table is as wide, and where."""
    widths = Counter(len(fields) for _, fields in records)
    for line, fields in records:
        names = unique(fields)
        if hits := known(names):
            yield hits, widths[len(fields)], Layout(delimiter, names, line)
    usual = max(widths, key=lambda width: (width > 1) * width * widths[width], default=0)
    for line, fields in records:
        if len(fields) == usual and not _NUMBER.fullmatch("".join(fields)):
            share = usual * widths[usual] if usual > 1 else 0
            yield 0, share, Layout(delimiter, unique(fields), line)
            return


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Names of columns, each once: the second `Country` is `Country (2)`; one without a name is
    `column 7`."""
    found: list[str] = []
    seen: Counter[str] = Counter()
    for number, raw in enumerate(names, 1):
        name = " ".join(raw.strip().strip("\ufeff").split()) or f"column {number}"
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)
