"""How fast `veille import` is: an export of 100,000 rows, whole, into an empty store.

Reading alone (from bytes to posts), then the whole command in a process of its own: posts judged by
one topic that a tenth of them meets, archived, stored. Processor time is what counts: the wall's
depends on who else works here.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

from streams.importing.profiles import profiles_in
from streams.importing.reading import Wanted, items_of, plan
from tests.support.exports import brandwatch
from tests.support.veille import veille


def read(path: Path) -> tuple[int, float]:
    """Posts and processor seconds."""

    async def count() -> int:
        found = plan(path, path.name, Wanted(), profiles_in())
        return sum([len(some) async for some in items_of(found)])

    began = time.process_time()
    return asyncio.run(count()), time.process_time() - began


def whole(path: Path, folder: Path) -> tuple[dict[str, int], float, float, float]:
    """What the command told; seconds by the clock and of the processor; megabytes of memory."""
    (folder / "veille.yaml").write_text("sources: []\n")
    (folder / "topics.yaml").write_text("topics:\n  - {id: acme, query: acme}\n")
    env = {"VEILLE_CONFIG": str(folder), "VEILLE_DATA_DIR": str(folder / "data")}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = veille("import", str(path), "--json", env=env, seconds=3600)
    clock = time.monotonic() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr.decode())
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), clock, spent, after.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        path = folder / "export.csv"
        with path.open("w", encoding="utf-8") as file:
            file.writelines(brandwatch(rows))
        size = path.stat().st_size / 1e6
        posts, seconds = read(path)
        print(f"{rows:,} rows, {size:.0f} MB")
        print(f"read: {posts / seconds:,.0f} rows a second of the processor")
        told, clock, spent, memory = whole(path, folder)
        if told["posts"] != rows or told["stored"] != rows // 10:
            raise SystemExit(f"not all came in: {told}")
        print(
            f"whole: {told['posts']:,} posts, {told['stored']:,} mentions; {spent:.1f} s of the "
            f"processor ({rows / spent:,.0f} rows a second), {clock:.1f} s by the clock, at most "
            f"{memory:.0f} MB of memory"
        )


if __name__ == "__main__":
    main()
