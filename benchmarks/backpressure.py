"""Back-pressure: a store far too slow for minutes; the sources wait and memory stays flat.

`python -m benchmarks.backpressure --minutes 10` runs an embedded installation on an invented
source without end. The store is real SQLite behind a brake: each write takes as long as if the
store were `--factor` times slower. The memory of every process is sampled each second; the last
third of the samples over the first is to be about 1.
"""

import argparse
import asyncio
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from streams.memory_broker import MemoryBroker
from streams.settings import Settings
from streams.store.port import WriteReport
from streams.store.sqlite import SqliteStore

FULL_SPEED: Final = 5000.0
"""Mentions a second that a store on this kind of machine takes at its usual speed."""
SETTLING_SECONDS: Final = 30.0
"""Imports, caches and the first full queues: memory grows, and should."""
TOPICS: Final = "topics:\n  - {id: all, query: acmeron}\n"
PAD: Final = " and some more words about nothing in particular" * 8


class SlowStore(SqliteStore):
    """Takes so many mentions a second and no more."""

    def __init__(self, path: Path, rate: float) -> None:
        super().__init__(path)
        self._rate = rate

    async def write(self, records: Sequence[Any]) -> WriteReport:
        began = time.monotonic()
        report = await super().write(records)
        await asyncio.sleep(max(0.0, len(records) / self._rate - (time.monotonic() - began)))
        return report


@dataclasses.dataclass(frozen=True)
class Sample:
    """Megabytes of each part's process."""

    at: float
    sizes: dict[str, float]


def main() -> None:
    """Run, print a row a process and a line for the whole."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--factor", type=float, default=100.0)
    parser.add_argument("--part", choices=["worker", "connect"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.part:
        _part(asked.part, asked.factor)
        return
    with tempfile.TemporaryDirectory() as folder, MemoryBroker() as broker:
        env = _prepare(Path(folder), broker.address)
        samples = _measure(env, asked.minutes * 60, asked.factor)
        stored = asyncio.run(_stored(env))
    _print(samples, stored, asked.factor)


def _prepare(folder: Path, address: str) -> dict[str, str]:
    """An installation whose source is a file larger than can be stored in the time."""
    path = folder / "posts.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for number in range(400_000):
            file.write(json.dumps({"id": f"{number}", "text": f"acmeron {number}{PAD}"}) + "\n")
    source = {"id": "posts", "connector": "file", "path": str(path)}
    (folder / "veille.yaml").write_text(json.dumps({"sources": [source]}), encoding="utf-8")
    (folder / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    return {
        **os.environ,
        "VEILLE_CONFIG": str(folder),
        "VEILLE_DATA_DIR": str(folder / "data"),
        "VEILLE_KAFKA__BOOTSTRAP_SERVERS": address,
        "VEILLE_KAFKA__IN_MEMORY": "true",
    }


def _measure(env: dict[str, str], seconds: float, factor: float) -> list[Sample]:
    command = [sys.executable, "-m", "benchmarks.backpressure", "--factor", str(factor), "--part"]
    children = {
        part: subprocess.Popen([*command, part], env=env, stdin=subprocess.DEVNULL)
        for part in ("worker", "connect")
    }
    processes = {"broker": os.getpid()} | {part: one.pid for part, one in children.items()}
    samples: list[Sample] = []
    began = time.monotonic()
    try:
        while time.monotonic() - began < seconds:
            assert all(one.poll() is None for one in children.values()), "a part has ended"
            sizes = {part: _megabytes(pid) for part, pid in processes.items()}
            samples.append(Sample(time.monotonic() - began, sizes))
            time.sleep(1)
    finally:
        for one in children.values():
            one.kill()
            one.wait()
    return samples


def _megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _part(part: str, factor: float) -> None:
    """The worker with its slow store, or the sources."""
    from streams.connect import run_connect
    from streams.settings import config_dir, load
    from streams.watch import TopicsFile
    from streams.worker import run_worker

    settings = load()
    topics = TopicsFile(config_dir() / "topics.yaml")
    if part == "connect":
        asyncio.run(run_connect(settings, topics))
        return
    slow = SlowStore(_file(settings), FULL_SPEED / factor)
    run_worker(settings, topics, instance="slow", store=slow)


def _file(settings: Settings) -> Path:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings.data_dir / "veille.sqlite3"


async def _stored(env: dict[str, str]) -> int:
    from streams.store import open_store
    from streams.store.port import Filter

    store = open_store(Settings(data_dir=Path(env["VEILLE_DATA_DIR"])))
    await store.open()
    try:
        return (await store.count(Filter())).total
    finally:
        await store.close()


def _print(samples: Sequence[Sample], stored: int, factor: float) -> None:
    steady = [one for one in samples if one.at >= min(SETTLING_SECONDS, samples[-1].at / 4)]
    third = max(1, len(steady) // 3)
    print(f"store {factor:.0f} times too slow for {samples[-1].at / 60:.1f} minutes")
    print(f"{stored:,} mentions stored, {stored / samples[-1].at:.0f} a second")
    print(f"{'process':<10}{'first third':>14}{'last third':>14}{'peak':>10}{'flatness':>10}")
    for part in samples[0].sizes:
        sizes = [one.sizes[part] for one in steady]
        first, last = fmean(sizes[:third]), fmean(sizes[-third:])
        print(
            f"{part:<10}{first:>11.1f} MB{last:>11.1f} MB{max(sizes):>7.0f} MB{last / first:>10.3f}"
        )


if __name__ == "__main__":
    main()
