"""`veille replay`, embedded: the whole way against the same work with no broker between.

    python -m benchmarks.replay [--posts 100000] [FILE.jsonl]

The peer is one process that reads, judges and writes to SQLite in a loop: what the work itself
costs. Without FILE the posts are made up: English, some 240 characters, one in five mentioned.
Peak memory is that of all of Veille's processes together.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.worker import make_posts
from connectors import file, post
from connectors.post import utc_now
from streams.app import new_pipeline
from streams.criteria.loading import load_topics
from streams.store.sqlite import SqliteStore


def write_topics(folder: Path) -> Path:
    """A hundred topics: made-up brands, three airlines' names and some phrases."""
    queries = [f"brand{number}" for number in range(90)]
    queries += ["jetblue", "southwestair", "delta", '"never again"', "refund*"]
    queries += [f'"no such phrase {number}"' for number in range(5)]
    path = folder / "topics.yaml"
    rows = [{"id": f"t{number}", "query": query} for number, query in enumerate(queries)]
    path.write_text(json.dumps({"topics": rows}))
    return path


def replay(path: Path, folder: Path) -> tuple[dict[str, float], int]:
    """The summary of `veille replay`, and the peak memory of its processes in bytes."""
    env = {**os.environ, "VEILLE_CONFIG": str(folder), "VEILLE_DATA_DIR": str(folder / "data")}
    command = [sys.executable, "-m", "streams.cli", "replay", str(path), "--json"]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE)
    peak = [0]
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(process.pid, peak, done))
    watch.start()
    output, _ = process.communicate()
    done.set()
    watch.join()
    return json.loads(output), peak[0]


def _watch(root: int, peak: list[int], done: threading.Event) -> None:
    while not done.wait(0.2):
        peak[0] = max(peak[0], sum(_resident(pid) for pid in _tree(root)))


def _tree(root: int) -> list[int]:
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            )
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


async def bare(path: Path, folder: Path) -> tuple[int, float]:
    """Read, judge, write, in one loop: posts and seconds."""
    pipeline = new_pipeline(load_topics(folder / "topics.yaml"))
    store = SqliteStore(folder / "bare.sqlite3")
    await store.open()
    started, posts = time.perf_counter(), 0
    waiting = []
    for steps in file.read([path], {"collected_at": "created"}):
        for step in steps:
            if step.post:
                posts += 1
                again = post.decode(post.encode(step.post))  # what a broker between would cost
                waiting += pipeline.process(again, utc_now())
        if len(waiting) > 2000:
            await store.write(waiting)
            waiting = []
    await store.write(waiting)
    elapsed = time.perf_counter() - started
    await store.close()
    return posts, elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--posts", type=int, default=100_000)
    parser.add_argument("file", type=Path, nargs="?")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_topics(folder)
        path = options.file or folder / "posts.jsonl"
        if not options.file:
            posts = make_posts(options.posts)
            path.write_bytes(b"".join(post.encode(one) + b"\n" for one in posts))
        summary, peak = replay(path, folder)
        count, seconds = asyncio.run(bare(path, folder))
    rate = summary["posts_per_second"]
    print(json.dumps(summary))
    print("| way | posts/s | of the bare loop | peak memory |")
    print("|---|---|---|---|")
    print(f"| veille replay | {rate:,.0f} | {rate / (count / seconds):.2f} | {peak / 1e6:.0f} MB |")
    print(f"| bare loop, one process | {count / seconds:,.0f} | 1.00 | |")


if __name__ == "__main__":
    main()
