"""Where an export goes: a file of lines that grows, or parts that become one table."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec

from streams.errors import ConfigError
from streams.exporting.forms import Form
from streams.exporting.marks import Mark, sync_folder
from streams.exporting.packing import packer_of
from streams.records import Mention


class Sink(Protocol):
    """Takes mentions. Methods raise `OSError` where the disk does not take them, and `open`
    raises `ConfigError` where less is there than the mark says."""

    def open(self, mark: Mark) -> None:
        """Cut off what came after the mark."""
        ...

    def add(self, mentions: Sequence[Mention]) -> None: ...

    def seal(self, mark: Mark) -> Mark:
        """Make durable what was added; the mark with where it ends."""
        ...

    def finish(self) -> None:
        """Give the whole its name. What was finished before may be finished again."""
        ...

    def close(self) -> None: ...

    def forget(self) -> None:
        """Remove what an export that was cut left."""
        ...


def part_of(path: Path) -> Path:
    """What it is called until it is whole."""
    return path.with_name(f"{path.name}.part")


class LinesSink:
    """Lines, compressed as the name's end says. Each seal ends a piece of the compression."""

    def __init__(self, path: Path, form: Form) -> None:
        self._path = path
        self._form = form
        self._packer = packer_of(path)
        self._file: BinaryIO | None = None

    def open(self, mark: Mark) -> None:
        part = part_of(self._path)
        if mark.read and not part.exists():
            return
        there = part.stat().st_size if part.exists() else 0
        if there < mark.size:
            raise ConfigError(
                f"{part} has {there:,} bytes, and had {mark.size:,} when the export was cut. "
                "Remedy: put it back, or start again with --overwrite"
            )
        self._file = part.open("r+b" if part.exists() else "w+b")
        self._file.truncate(mark.size)
        self._file.seek(mark.size)
        if not mark.size:
            self._file.write(self._packer.pack(self._form.head))

    def add(self, mentions: Sequence[Mention]) -> None:
        self._opened.write(self._packer.pack(self._form.lines(mentions)))

    def seal(self, mark: Mark) -> Mark:
        file = self._opened
        file.write(self._packer.seal())
        file.flush()
        os.fsync(file.fileno())
        return msgspec.structs.replace(mark, size=file.tell())

    def finish(self) -> None:
        self.close()
        part = part_of(self._path)
        if part.exists():
            part.replace(self._path)
            sync_folder(self._path.parent)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def forget(self) -> None:
        part_of(self._path).unlink(missing_ok=True)

    @property
    def _opened(self) -> BinaryIO:
        assert self._file is not None, "opened first"  # noqa: S101  # for the type checker
        return self._file
