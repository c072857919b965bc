"""The largest sheet of an Excel workbook (.xlsx) as a CSV file: most tools export no other way.

Read as a stream: memory grows with the texts that the workbook shares among its cells alone.
"""

import csv
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final
from xml.parsers import expat

from connectors.errors import Fatal

_MAGIC: Final = b"PK\x03\x04"
_OLD_MAGIC: Final = b"\xd0\xcf\x11\xe0"
_SHEET: Final = re.compile(r"xl/worksheets/[^/]+\.xml")
_STRINGS: Final = "xl/sharedStrings.xml"
_MOST_SHARED: Final = 512 * 1024**2
_MOST_SHEET: Final = 4 * 1024**3
"""Bytes unpacked, at the most."""
_MOST_COLUMNS: Final = 1_000
_DAMAGED: Final = (
    zipfile.BadZipFile, expat.ExpatError, EOFError, OSError, LookupError, ValueError,
    NotImplementedError, RuntimeError, zlib.error,
)  # fmt: skip
_CHUNK: Final = 256 * 1024
_ESCAPED: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LINK: Final = re.compile(r"(?:HYPERLINK|ГИПЕРССЫЛКА)\(", re.IGNORECASE)


def is_workbook(path: Path) -> bool:
    """Whether the file is one. Raises `Fatal` for one of the old form, or with a password."""
    with path.open("rb") as file:
        start = file.read(4)
    if start == _OLD_MAGIC:
        raise Fatal(
            f"{path}: an old Excel workbook, or one with a password. Remedy: save it as .xlsx "
            "without one, or as CSV"
        )
    if start != _MAGIC:
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(_SHEET.fullmatch(name) for name in archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise Fatal(f"{path}: damaged or cut: {error}. Remedy: export it again") from None


def to_csv(path: Path, out: IO[str]) -> None:
    """Write the largest sheet. Raises `Fatal` for a workbook that is damaged or without measure."""
    writer = csv.writer(out)
    try:
        with zipfile.ZipFile(path) as archive:
            sheets = [one for one in archive.infolist() if _SHEET.fullmatch(one.filename)]
            largest = max(sheets, key=lambda one: one.file_size)
            shared = list(_shared(archive)) if _STRINGS in archive.namelist() else []
            for row in _rows(archive, largest.filename, shared):
                writer.writerow(_escapes(cell) for cell in row)
    except _DAMAGED as bad:
        raise Fatal(
            f"{path}: the workbook can't be read: {bad}. Remedy: save it as CSV UTF-8"
        ) from None


def _escapes(cell: str) -> str:
    """Characters that XML can't hold stand as `_x000D_`."""
    return _ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), cell) if "_x" in cell else cell


def _parsed(
    archive: zipfile.ZipFile, name: str, most: int, prepare: Callable[[Any], None]
) -> Iterator[None]:
    """Parse a part piece by piece. Raises `ValueError` for one that is too large, or that declares
    entities, which can stand for texts without measure."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.EntityDeclHandler = _refuse
    prepare(parser)
    size = 0
    with archive.open(name) as file:
        while chunk := file.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise ValueError(f"{name} is larger than {most // 1024**2:,} MiB")
            parser.Parse(chunk, False)
            yield
        parser.Parse(b"", True)
        yield


def _refuse(*_: object) -> None:
    raise ValueError("it declares entities")


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _shared(archive: zipfile.ZipFile) -> Iterator[str]:
    """The texts that cells name by their number."""
    reader = _Shared()
    for _ in _parsed(archive, _STRINGS, _MOST_SHARED, reader.attach):
        yield from reader.take()


class _Shared:
    def __init__(self) -> None:
        self._ready: list[str] = []
        self._parts: list[str] = []
        self._in_text = self._phonetic = False

    def attach(self, parser: Any) -> None:
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text

    def take(self) -> list[str]:
        ready, self._ready = self._ready, []
        return ready

    def _start(self, name: str, _: dict[str, str]) -> None:
        match _local(name):
            case "si":
                self._parts = []
            case "rPh":
                self._phonetic = True
            case "t":
                self._in_text = not self._phonetic

    def _end(self, name: str) -> None:
        match _local(name):
            case "si":
                self._ready.append("".join(self._parts))
            case "rPh":
                self._phonetic = False
            case "t":
                self._in_text = False

    def _text(self, data: str) -> None:
        if self._in_text:
            self._parts.append(data)


def _rows(archive: zipfile.ZipFile, name: str, shared: list[str]) -> Iterator[list[str]]:
    reader = _Sheet(shared)
    for _ in _parsed(archive, name, _MOST_SHEET, reader.attach):
        yield from reader.take()


class _Sheet:
    def __init__(self, shared: list[str]) -> None:
        self._shared = shared
        self._ready: list[list[str]] = []
        self._row: list[str] = []
        self._column, self._type = 0, ""
        self._said: dict[str, list[str]] = {}
        self._part = ""

    def attach(self, parser: Any) -> None:
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.CharacterDataHandler = self._text

    def take(self) -> list[list[str]]:
        ready, self._ready = self._ready, []
        return ready

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match _local(name):
            case "row":
                self._row = []
            case "c":
                self._column = _column(attributes.get("r", ""), len(self._row))
                self._type, self._said = attributes.get("t", "n"), {}
            case "v" | "t" | "f" as part:
                self._part = part

    def _end(self, name: str) -> None:
        match _local(name):
            case "row":
                self._ready.append(self._row)
            case "c" if self._column < _MOST_COLUMNS:
                self._row += [""] * (self._column - len(self._row))
                self._row.append(self._value())
            case "v" | "t" | "f":
                self._part = ""

    def _text(self, data: str) -> None:
        if self._part:
            self._said.setdefault(self._part, []).append(data)

    def _value(self) -> str:
        """What the cell shows; a link's formula where it has one, for that holds the address."""
        formula = "".join(self._said.get("f", ()))
        if _LINK.match(formula):
            return f"={formula}"
        value = "".join(self._said.get("v", self._said.get("t", [])))
        match self._type:
            case "s":
                return self._shared[int(value)] if value else ""
            case "b":
                return "true" if value == "1" else "false"
            case "e":
                return ""
        return value


def _column(reference: str, after: int) -> int:
    """The number of a cell's column, from 0, of a reference such as AB12."""
    number = 0
    for character in reference:
        if not "A" <= character <= "Z":
            break
        number = number * 26 + ord(character) - 64
    return max(number - 1, after) if number else after
