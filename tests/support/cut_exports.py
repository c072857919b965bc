"""An export that is killed with -9 at each of its steps, and gone on with.

    python -m tests.support.cut_exports STORE FILE FORMAT

Prints how many steps there were, and fails at the first after which the file differs from that of
an export that was not cut.
"""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from streams.exporting import run, sinks
from streams.exporting.forms import form_of
from streams.exporting.marks import Job
from streams.exporting.parquet import ParquetSink, arrow
from streams.records import Mention
from streams.store.port import Filter
from streams.store.sqlite import SqliteStore


class _Steps:
    """Kills the process at the step of this number."""

    def __init__(self, fatal: int) -> None:
        self._left = fatal

    def step(self) -> bool:
        self._left -= 1
        return self._left == 0

    def before(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*given: Any, **named: Any) -> Any:
            if self.step():
                os.kill(os.getpid(), signal.SIGKILL)
            return work(*given, **named)

        return instead


class _HalfLines(sinks.LinesSink):
    """Dies with half of what it was given on the disk."""

    steps: _Steps

    def add(self, mentions: Sequence[Mention]) -> None:
        if not self.steps.step():
            super().add(mentions)
            return
        raw = self._packer.pack(self._form.lines(mentions)) + self._packer.seal()
        self._opened.write(raw[: len(raw) // 2 + 1])
        self._opened.flush()
        os.kill(os.getpid(), signal.SIGKILL)


async def _export(database: Path, path: Path, format_: str, fatal: int) -> None:
    steps = _Steps(fatal)
    os.fsync = steps.before(os.fsync)
    Path.replace = steps.before(Path.replace)  # type: ignore[method-assign]  # a step
    Path.unlink = steps.before(Path.unlink)  # type: ignore[method-assign]  # a step
    sink: sinks.Sink
    if format_ == "parquet":
        sink = ParquetSink(path)
    else:
        sink = _HalfLines(path, form_of(format_))
        sink.steps = steps
    there = path.with_name(f"{path.name}.resume").exists()
    if path.exists() and not there:
        return
    job = Job(store="", format=format_, options={}, where=Filter())
    job = run.begin(path, job, sink, resume=there, overwrite=False)
    store = SqliteStore(database)
    await store.open()
    await run.export(store, path, job, sink, lambda mark: None)
    await store.close()


def _child(database: Path, path: Path, format_: str, fatal: int = 0) -> bool:
    """Whether it came to its end. Raises `RuntimeError` where it failed without being killed."""
    child = os.fork()
    if not child:
        code = 1
        try:
            asyncio.run(_export(database, path, format_, fatal))
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"step {fatal}: failed")
    return os.WIFEXITED(status)


def main(database: Path, path: Path, format_: str, read: Callable[[Path], Any]) -> int:
    """How many steps an export has."""
    run.SEALED, run.MAX_PAGE = 100, 40  # type: ignore[misc, attr-defined]  # smaller for the test
    if format_ == "parquet":
        arrow()  # once, and not in every child
    _child(database, path, format_)
    expected = read(path)
    step = 0
    while True:
        step += 1
        shutil.rmtree(path.parent)
        path.parent.mkdir()
        if _child(database, path, format_, step):
            break
        _child(database, path, format_)
        if read(path) != expected:
            raise RuntimeError(f"step {step}: another file")
        left = [each.name for each in path.parent.iterdir() if each != path]
        if set(left) - {f"{path.name}.parts"}:
            raise RuntimeError(f"step {step}: {left} was left")
    return step


def _read(path: Path) -> Any:
    """What is in it, unpacked."""
    if path.suffix == ".parquet":
        import pyarrow.parquet

        return pyarrow.parquet.read_table(path).to_pylist()
    raw = path.read_bytes()
    if path.suffix == ".gz":
        import gzip

        raw = gzip.decompress(raw)
    return raw


if __name__ == "__main__":
    sys.stdout.write(f"{main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], _read)}\n")
