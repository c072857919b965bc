"""Rows of a file as steps: JSONL and CSV, each malformed row a dead letter of its own."""

import csv
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from connectors.base import Step
from connectors.errors import BadSettings, SkipItem
from connectors.lines import KEPT_BYTES, Feed, LineReader, TooLong
from connectors.mapping import Mapper, Row, assign
from connectors.post import read

Steps = list[Step]
_ROWS: Final = 500
"""Rows of a table handed on at once."""
_BOM: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = ",;\t|"

_objects: msgspec.json.Decoder[Row] = msgspec.json.Decoder(dict[str, Any])


class Jsonl:
    """Reads one post a line. `number` is the last line read; lines up to `skip` are passed over.

    `name` is how dead letters call the file.
    """

    def __init__(self, name: str, reader: LineReader, mapper: Mapper, *, skip: int = 0) -> None:
        self.name, self.number = name, 0
        self._reader, self._mapper, self._skip = reader, mapper, skip

    def block(self) -> Steps | None:
        """The steps of one read (perhaps none); `None` at the end. Raises `BROKEN_STREAM`."""
        lines = self._reader.block()
        return None if lines is None else self._steps(lines)

    def last(self) -> Steps:
        """The steps of a last line without a line end."""
        return self._steps(self._reader.last())

    @property
    def offset(self) -> int:
        return self._reader.offset

    def _steps(self, lines: list[bytes]) -> Steps:
        self._mapper.now = datetime.now(UTC)
        steps: Steps = []
        for raw in lines:
            self.number += 1
            if self.number <= self._skip or not raw or raw.isspace():
                continue
            steps.append(self._step(raw))
        return steps

    def _step(self, raw: bytes) -> Step:
        if isinstance(raw, TooLong):
            error = ValueError(f"a line of {raw.length} bytes: the most is 1 MiB")
            return dead(self.name, self.number, raw, error)
        try:
            if self.number == 1 and raw.startswith(_BOM):
                raw = raw[3:]
            return Step(post=self._mapper.post(read(_objects, raw), raw))
        except (ValueError, msgspec.MsgspecError) as wrong:
            return dead(self.name, self.number, raw, wrong)


class Record(NamedTuple):
    """Fields of a table's record that begins in `line`; or why there are none, and what is there.
    An empty line has no fields and no error."""

    line: int
    fields: list[str]
    error: Exception | None = None
    raw: bytes = b""


class Records:
    """Records of a table, one after the other. One that does not parse is given up at its first
    line; the others may be good records. `feed.held` has the lines of the last one."""

    def __init__(self, feed: Feed, delimiter: str) -> None:
        self._feed = feed
        self._reader = csv.reader(feed, delimiter=delimiter, strict=True)

    def __iter__(self) -> "Records":
        return self

    def __next__(self) -> Record:
        self._feed.begin()
        try:
            fields = next(self._reader)
        except (csv.Error, ValueError) as error:
            several = len(self._feed.held) > 1
            raw = self._feed.give_back()
            reason = ValueError(f"quotes do not match: {error}") if several else error
            return Record(self._feed.number, [], reason, raw)
        return Record(self._feed.number - len(self._feed.held) + 1, fields)


class Csv:
    """Reads one post a record of a table whose first record names the columns.

    A record that does not parse is given up at its first line; reading goes on with the next.
    Raises `BadSettings` for declared columns that are not there.
    """

    def __init__(
        self,
        name: str,
        reader: LineReader,
        mapper: Mapper,
        *,
        columns: dict[str, str],
        delimiter: str = "",
        skip: int = 0,
    ) -> None:
        self.name, self.number = name, 0
        self._mapper, self._columns, self._skip = mapper, columns, skip
        self._delimiter = delimiter
        self._feed = Feed(reader)
        self._header: tuple[str, ...] = ()
        self._records: Records | None = None

    @property
    def offset(self) -> int:
        return self._feed.offset

    def block(self) -> Steps | None:
        """The steps of some records; `None` at the end. Raises `BROKEN_STREAM`."""
        if not self.begin():
            return None
        self._mapper.now = datetime.now(UTC)
        steps: Steps = []
        for _ in range(_ROWS):
            try:
                step = self._next()
            except StopIteration:
                return steps or None
            if step is not None:
                steps.append(step)
        return steps

    def last(self) -> Steps:
        return []

    def seek(self, offset: int, line: int, reader: LineReader) -> None:
        """Go on from a cursor; the header has been read."""
        self._feed = Feed(reader)
        self._feed.offset, self._feed.number = offset, line
        self.number = line
        self._records = Records(self._feed, self._delimiter)

    def begin(self) -> bool:
        """Read the header, if there is one."""
        return bool(self._header) or self._begin()

    def _begin(self) -> bool:
        try:
            line = next((line for line in self._feed if line.strip()), None)
            if line is None:
                return False
            self._delimiter = self._delimiter or guess_delimiter(line)
            header = next(csv.reader([line], delimiter=self._delimiter))
        except (csv.Error, ValueError) as error:
            raise BadSettings(
                f"{self.name}:{self._feed.number}: the names of the columns can't be read: "
                f"{error}. Remedy: the first line names the columns, in UTF-8"
            ) from None
        self._header = tuple(name.strip() for name in header)
        self._check()
        self._records = Records(self._feed, self._delimiter)
        return True

    def _check(self) -> None:
        found = ", ".join(f"{name:.40}" for name in self._header[:50])
        missing = [name for name in self._columns.values() if name not in self._header]
        if missing:
            raise BadSettings(
                f"{self.name}: no column {', '.join(missing)}. Remedy: columns found: {found}"
            )
        fields = assign(self._header, self._columns)
        if "text" not in fields and "title" not in fields:
            raise BadSettings(
                f"{self.name}: no column for the text. Remedy: columns: {{text: NAME}}, "
                f"NAME being one of {found}"
            )

    def _next(self) -> Step | None:
        assert self._records is not None  # noqa: S101 # `begin` comes first
        record = next(self._records)
        self.number = self._feed.number
        if record.error:
            skipped = self.number <= self._skip
            return None if skipped else dead(self.name, record.line, record.raw, record.error)
        if not record.fields or record.line <= self._skip:
            return None
        try:
            return Step(post=self._mapper.post(self._row(record.fields)))
        except (ValueError, msgspec.MsgspecError) as error:
            return dead(self.name, record.line, b"\n".join(self._feed.held), error)

    def _row(self, fields: list[str]) -> dict[str, str]:
        if len(fields) != len(self._header):
            raise ValueError(f"{len(fields)} fields, where the header has {len(self._header)}")
        return dict(zip(self._header, fields, strict=True))


def guess_delimiter(header: str) -> str:
    """The separator most frequent in the header: comma, semicolon, tab or bar."""
    counts = Counter(character for character in header if character in _DELIMITERS)
    return max(_DELIMITERS, key=lambda delimiter: counts[delimiter])


def dead(name: str, number: int, raw: bytes, error: Exception) -> Step:
    """The dead letter of one row."""
    reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else f"{error}"
    return Step(dead=SkipItem(reason[:300], place=f"{name}:{number}", raw=bytes(raw[:KEPT_BYTES])))
