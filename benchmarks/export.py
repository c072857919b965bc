"""A store exported into files, in each form: rows a second of processor time, and peak memory.

    python -m benchmarks.export DIRECTORY [--mentions 1000000] [FORM …]

DIRECTORY is a store's, as `python -m benchmarks.pages_data DIRECTORY` fills it. Each export is a
process of its own, which reads the whole store; its peak is told after a tenth and at the end, so
that growth shows. The first line is the same reading with nothing written.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from streams.exporting import run
from streams.exporting.forms import form_of
from streams.exporting.marks import Job, Mark
from streams.exporting.parquet import ParquetSink
from streams.exporting.sinks import LinesSink
from streams.store.paging import MAX_PAGE
from streams.store.port import Filter
from streams.store.sqlite import SqliteStore

READ: Final = "read"
FORMS: Final = (READ, "a.jsonl", "a.jsonl.zst", "a.jsonl.gz", "a.csv", "a.parquet", "a.bulk")


def _peak() -> int:
    """Bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Watch:
    """Hears how far the export has come."""

    def __init__(self, total: int) -> None:
        self._early = total // 10
        self.early = 0

    def __call__(self, mark: Mark) -> None:
        if mark.rows >= self._early and not self.early:
            self.early = _peak()


async def one(directory: Path, name: str, total: int) -> dict[str, Any]:
    """Export once, in this process."""
    store = SqliteStore(directory / "veille.sqlite3")
    await store.open()
    watch, began, cpu = Watch(total), time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="veille-export-") as folder:
        path = Path(folder) / name
        if name == READ:
            rows, size = await _read(store, watch), 0
        else:
            form = path.suffixes[0].removeprefix(".")
            sink = ParquetSink(path) if form == "parquet" else LinesSink(path, form_of(form))
            job = Job(store="", format=form, options={}, where=Filter())
            job = run.begin(path, job, sink, resume=False, overwrite=False)
            rows = (await run.export(store, path, job, sink, watch)).rows
            size = path.stat().st_size
    spent, wall = time.process_time() - cpu, time.perf_counter() - began
    await store.close()
    return {
        "form": name, "rows": rows, "size": size, "cpu": spent, "wall": wall,
        "early": watch.early, "peak": _peak(),
    }  # fmt: skip


async def _read(store: SqliteStore, watch: Watch) -> int:
    rows, cursor = 0, ""
    while True:
        page = await store.search(Filter(), limit=MAX_PAGE, cursor=cursor, order="oldest")
        rows, cursor = rows + len(page.mentions), page.cursor
        watch(Mark(rows=rows))
        if not cursor:
            return rows


def main() -> None:
    """Print a line for each form."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("forms", nargs="*", default=FORMS)
    parser.add_argument("--mentions", type=int, default=1_000_000)
    parser.add_argument("--one", action="store_true", help="In this process, told as JSON.")
    given = parser.parse_args()
    if given.one:
        found = asyncio.run(one(given.directory, given.forms[0], given.mentions))
        print(json.dumps(found))
        return
    for name in given.forms:
        command = [sys.executable, "-m", "benchmarks.export", str(given.directory), name]
        command += ["--one", "--mentions", str(given.mentions)]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        print(_line(**told), flush=True)


def _line(
    *, form: str, rows: int, size: int, cpu: float, wall: float, early: int, peak: int
) -> str:
    return (
        f"{form:<12} {rows:>9,} rows  {rows / cpu:>8,.0f}/s cpu {rows / wall:>8,.0f}/s wall  "
        f"{size / 1e6:>7,.0f} MB file  "
        f"peak {early / 1e6:,.0f} MB after a tenth, {peak / 1e6:,.0f} MB in all"
    )


if __name__ == "__main__":
    main()
