"""`file`: posts from JSONL and CSV files, plain, gzip or zstd; `-` is standard input."""

import asyncio
import contextlib
import dataclasses
import hashlib
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, ClassVar, Final, Literal, cast

import msgspec

from connectors.base import Context, Cursor, Option, Spec, Step
from connectors.errors import BadSettings, Fatal
from connectors.lines import BROKEN_STREAM, STDIN, LineReader, Readable, opened
from connectors.mapping import Mapper, Rules, check_rules
from connectors.options import Options
from connectors.post import Post
from connectors.post import read as read_json
from connectors.rows import Csv, Jsonl, Steps, dead

Note = Callable[[str], None]
Format = Literal["jsonl", "csv"]

_SUFFIXES: Final[Mapping[str, Format]] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip
_PACKED: Final = frozenset({".gz", ".zst", ".zstd"})
_COLLECTED: Final = ("now", "created")
_TAIL_SECONDS: Final = 1.0
_HEAD_BYTES: Final = 256
_IDLE: Final[Steps] = []


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a file was left: lines and bytes read. `head` tells another file of the same name."""

    line: int = 0
    offset: int = 0
    head: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of the connector, checked."""

    paths: tuple[str, ...]
    rules: Rules
    format: Format | None = None
    delimiter: str = ""
    tail: bool = False


class File:
    """Reads files once, from where they were left; with `tail`, goes on as they grow."""

    spec: ClassVar[Spec] = Spec(
        name="file",
        door="files on this machine, standard input",
        sees="whatever the files hold",
        needs="nothing",
        limits="none but the disk's",
        group="doors",
        options=(
            Option("path", "A file; `-` is standard input.", ()),
            Option("paths", "Several files, instead of `path`.", ()),
            Option("format", "jsonl or csv, where the file's name does not tell.", ""),
            Option("columns", "Post field: column, where the names differ.", {}),
            Option("defaults", "Post field: value, for what a row lacks.", {}),
            Option("source", "Name of the source the posts bear.", "file"),
            Option("delimiter", "Separator of a CSV file; guessed from its first line.", ""),
            Option("html", "Whether texts are HTML.", False),
            Option("tail", "Whether to go on as the file grows (plain JSONL).", False),
            Option("collected_at", "now, or created: reading twice gives equal posts.", "now"),
        ),
        poll_seconds=math.inf,
    )

    def __init__(self, context: Context) -> None:
        self._settings = settings_of(context.options)
        self._note = context.on_note

    def reread(self, raw: bytes) -> Post:
        """The post of a JSON line that could not be read before. Raises `ValueError`: a table's
        row means nothing without its header."""
        mapper = Mapper(self._settings.rules)
        mapper.now = datetime.now(UTC)
        row = read_json(msgspec.json.Decoder(dict[str, Any]), raw.removeprefix(b"\xef\xbb\xbf"))
        return mapper.post(row, raw)

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over what the files hold after `cursor`: {path: {line, offset, head}}."""
        batches = _read(self._settings, cursor, self._note)
        if any(_may_block(path) for path in self._settings.paths):
            async for steps in _threaded(batches):
                for step in steps:
                    yield step
            return
        for steps in batches:
            for step in steps:
                yield step
            await asyncio.sleep(_TAIL_SECONDS if steps is _IDLE else 0)


def read(
    paths: Sequence[str | Path],
    options: Mapping[str, Any] | None = None,
    *,
    cursor: Cursor = None,
    on_note: Note = lambda _: None,
) -> Iterator[Steps]:
    """The steps of files in batches, without an event loop: what `veille replay` reads.

    `options` are the connector's, but `path`, `paths` and `tail`. A batch comes from one read
    of 64 KiB or 500 rows, may be empty, and its last step carries the cursor.
    Raises `Fatal`, at once for wrong options and missing files.
    """
    chosen = {**(options or {}), "paths": [str(path) for path in paths], "tail": False}
    chosen.pop("path", None)
    return _read(settings_of(chosen), cursor, on_note)


def settings_of(options: Mapping[str, Any]) -> Settings:
    """The options, checked. Raises `BadSettings` naming the option, its value and the remedy."""
    given = Options(File.spec, options)
    rules = Rules(
        source=given.text("source"),
        columns={name: str(column) for name, column in given.pairs("columns").items()},
        defaults=given.pairs("defaults"),
        collected=cast('Literal["now", "created"]', given.choice("collected_at", _COLLECTED)),
        html=_switch(options, "html"),
    )
    check_rules(rules)
    settings = Settings(
        paths=tuple(given.many("paths") or given.many("path")),
        rules=rules,
        format=cast("Format | None", given.choice("format", ("", "jsonl", "csv")) or None),
        delimiter=_delimiter(options),
        tail=_switch(options, "tail"),
    )
    if not settings.paths:
        raise BadSettings("file: set 'path': a file, or - for standard input")
    if settings.tail:
        _check_tail(settings)
    Mapper(rules)
    return settings


def _read(settings: Settings, cursor: Cursor, note: Note) -> Iterator[Steps]:
    for path in settings.paths:
        if path != STDIN and not Path(path).exists():
            raise Fatal(f"{path}: no such file. Remedy: check the path and the directory")
    positions = _positions(cursor)
    files = [_File(path, settings, positions, note) for path in settings.paths]
    return _together(files) if settings.tail else _in_turn(files)


def _in_turn(files: "list[_File]") -> Iterator[Steps]:
    for file in files:
        with contextlib.closing(file.batches()) as batches:
            yield from batches


def _together(files: "list[_File]") -> Iterator[Steps]:
    """Files that grow, side by side: `_IDLE` when none of them has anything new."""
    generators = [file.batches() for file in files]
    try:
        while True:
            found = [steps for generator in generators for steps in (next(generator),)]
            yield from (steps for steps in found if steps)
            if not any(found):
                yield _IDLE
    finally:
        for generator in generators:
            generator.close()


class _File:
    """One file: opens it where it was left, reads it, keeps the cursor."""

    def __init__(
        self, path: str, settings: Settings, positions: dict[str, Position], note: Note
    ) -> None:
        self._path, self._settings, self._positions = path, settings, positions
        self._note = note
        self._name = "stdin" if path == STDIN else path
        self._mapper = Mapper(settings.rules, lambda text: note(f"{self._name}: {text}"))
        self._head = ""
        self._plain = False

    def batches(self) -> Generator[Steps, None, None]:
        stream, rows = self._open()
        try:
            while True:
                try:
                    steps = rows.block()
                except BROKEN_STREAM as error:
                    yield [_cut_off(self._name, rows, error)]
                    return
                if steps:
                    yield self._with_cursor(steps, rows)
                elif steps is None:
                    if not self._settings.tail:
                        break
                    yield _IDLE
                    if self._replaced(rows.offset):
                        stream.close()
                        stream, rows = self._open()
            last = rows.last()
            if last:
                yield self._with_cursor(last, rows)
        finally:
            if self._path != STDIN:
                stream.close()

    def _open(self) -> tuple[Readable, Jsonl | Csv]:
        stream, self._plain = opened(self._path)
        at = self._position(stream)
        skip = 0 if self._plain else at.line
        rows: Jsonl | Csv
        if self._format() == "jsonl":
            rows = Jsonl(self._name, self._reader(stream, at.offset), self._mapper, skip=skip)
            rows.number = at.line if self._plain else 0
            return stream, rows
        rows = Csv(
            self._name,
            LineReader(stream),
            self._mapper,
            columns=dict(self._settings.rules.columns),
            delimiter=self._settings.delimiter,
            skip=skip,
        )
        if self._plain and at.offset and rows.begin():
            rows.seek(at.offset, at.line, self._reader(stream, at.offset))
        return stream, rows

    def _reader(self, stream: Readable, offset: int) -> LineReader:
        if self._plain and offset:
            cast("IO[bytes]", stream).seek(offset)
        return LineReader(stream, offset=offset if self._plain else 0)

    def _position(self, stream: Readable) -> Position:
        """Where to begin: the start, when the file is not the one that was read before."""
        if self._path == STDIN:
            return Position()
        self._head = _fingerprint(self._path)
        known = self._positions.get(self._path)
        if known is None:
            return Position()
        size = Path(self._path).stat().st_size
        if (known.head and known.head != self._head) or (self._plain and known.offset > size):
            self._note(f"{self._name}: this is another file than before; it is read from its start")
            return Position()
        return known

    def _format(self) -> Format:
        if self._settings.format:
            return self._settings.format
        suffixes = [suffix.lower() for suffix in Path(self._path).suffixes]
        suffix = next((s for s in reversed(suffixes) if s not in _PACKED), "")
        return _SUFFIXES.get(suffix, "jsonl")

    def _with_cursor(self, steps: Steps, rows: Jsonl | Csv) -> Steps:
        if self._path == STDIN or not Path(self._path).is_file():
            return steps
        if not self._head:  # the file's first line was not whole when it was opened
            self._head = _fingerprint(self._path)
        offset = rows.offset if self._plain else 0
        self._positions[self._path] = Position(rows.number, offset, self._head)
        cursor = msgspec.to_builtins(self._positions)
        steps[-1] = dataclasses.replace(steps[-1], cursor=cursor)
        return steps

    def _replaced(self, offset: int) -> bool:
        """Whether a growing file was cut or exchanged for another (log rotation)."""
        try:
            shrunk = Path(self._path).stat().st_size < offset
            return shrunk or (bool(self._head) and _fingerprint(self._path) != self._head)
        except OSError:
            return False


def _cut_off(name: str, rows: Jsonl | Csv, error: Exception) -> Step:
    reason = f"the file is damaged or cut here; what follows is not read: {error}"
    return dead(name, rows.number + 1, b"", ValueError(reason))


def _fingerprint(path: str) -> str:
    """A digest of the first line, or of its first bytes; empty while there is no whole line."""
    if not Path(path).is_file():
        return ""
    with Path(path).open("rb") as file:
        start = file.read(_HEAD_BYTES)
    line, found, _ = start.partition(b"\n")
    whole = found or len(start) == _HEAD_BYTES
    return hashlib.blake2b(line, digest_size=8).hexdigest() if whole else ""


def _positions(cursor: Cursor) -> dict[str, Position]:
    """Raises `BadSettings` for a cursor of another connector."""
    if cursor is None:
        return {}
    try:
        return msgspec.convert(cursor, dict[str, Position])
    except msgspec.ValidationError as error:
        raise BadSettings(f"file: the saved cursor is not one of files: {error}") from None


def _may_block(path: str) -> bool:
    """Whether a read may wait for another process: standard input, a pipe."""
    return path == STDIN or (Path(path).exists() and not Path(path).is_file())


async def _threaded(batches: Iterator[Steps]) -> AsyncIterator[Steps]:
    """Batches read in a thread of their own, at most two ahead; a daemon, since nothing can
    interrupt a read from a terminal."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[Steps | BaseException | None] = asyncio.Queue()
    room = threading.Semaphore(2)
    over = threading.Event()

    def give(item: Steps | BaseException | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens
            loop.call_soon_threadsafe(queue.put_nowait, item)

    def work() -> None:
        try:
            for steps in batches:
                room.acquire()
                if over.is_set():
                    return
                give(steps)
                if steps is _IDLE:
                    time.sleep(_TAIL_SECONDS)
            give(None)
        except BaseException as error:  # noqa: BLE001  # raised again in the loop
            give(error)

    threading.Thread(target=work, name="veille-file", daemon=True).start()
    try:
        while (item := await queue.get()) is not None:
            room.release()
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        over.set()
        room.release()


def _switch(options: Mapping[str, Any], name: str) -> bool:
    given = options.get(name, False)
    if isinstance(given, str):
        given = {"true": True, "yes": True, "false": False, "no": False}.get(given.lower(), given)
    if not isinstance(given, bool):
        raise BadSettings(f"file: {name}: {given!r:.60}. Remedy: true or false")
    return given


def _delimiter(options: Mapping[str, Any]) -> str:
    given = options.get("delimiter") or ""
    if given in ("\\t", "tab"):
        return "\t"
    if not isinstance(given, str) or len(given) > 1 or given in ('"', "\n", "\r"):
        raise BadSettings(f"file: delimiter: {given!r:.60}. Remedy: one character, or `tab`")
    return given


def _check_tail(settings: Settings) -> None:
    """Only plain lines can be followed: a table's or an archive's record may be half written."""
    for path in settings.paths:
        suffixes = {suffix.lower() for suffix in Path(path).suffixes}
        table = settings.format == "csv" or suffixes & {".csv", ".tsv"}
        if path == STDIN or table or suffixes & _PACKED:
            raise BadSettings(
                f"file: tail: {path} can't be followed. Remedy: plain JSONL files only"
            )
