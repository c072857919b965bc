"""How long a person waits: from the post that decides to the message that says so.

    python -m benchmarks.alert_latency [--topics 20] [--cluster]

Starts Veille embedded (with `--cluster`: on a real Kafka and a real Elasticsearch, as the tests
start them) with a topic for each try, whose rule asks for 20 negative mentions in 15 minutes. 19
are sent to each; then, a second apart, the twentieth. What is measured is the time from its
being written into the source's file to the arrival of a signed webhook on a local server.
"""

import argparse
import asyncio
import contextlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.support.hook_server import HookServer, hook_server
from tests.support.servers import Elasticsearch, Kafka, free_port
from tests.support.veille import Process

LEAST: Final = 20
SECRET: Final = "0123456789abcdef0123456789abcdef"  # noqa: S105 # of this run alone
PATIENCE_SECONDS: Final = 120


def topics(count: int) -> str:
    """A topic for each try, named by a word of its own."""
    rule = f'rules: ["negative >= {LEAST} in 15m"]'
    lines = [f"  - {{id: t{n}, query: acmeron{n}x, {rule}}}" for n in range(count)]
    return "\n".join(["topics:", *lines, ""])


def settings(feed: Path, hook: int) -> str:
    """A growing file as the source, a webhook as the channel."""
    return json.dumps(
        {
            "allow_hosts": "127.0.0.1",
            "sources": [{"id": "feed", "connector": "file", "path": str(feed), "tail": True}],
            "alerts": {
                "channels": [
                    {
                        "id": "hook",
                        "webhook": f"http://127.0.0.1:{hook}/hook",
                        "secret_env": "BENCH_SECRET",
                    }
                ]
            },
        }
    )


def line(topic: int, number: int) -> str:
    """A negative post about a topic, written now."""
    words = " ".join(
        "".join(random.choices("abcdefghij", k=6)) for _ in range(3)
    )  # else they'd be one story
    text = f"acmeron{topic}x is awful, I hate it: {words}"
    now = datetime.now(UTC).isoformat()
    return json.dumps({"id": f"{topic}-{number}", "created_at": now, "text": text}) + "\n"


@contextlib.contextmanager
def started(folder: Path, *, cluster: bool) -> Iterator[None]:
    """Veille, until the body ends."""
    env = {
        "VEILLE_CONFIG": str(folder),
        "VEILLE_DATA_DIR": str(folder / "data"),
        "BENCH_SECRET": SECRET,
    }
    with ExitStack() as stack:
        if cluster:
            kafka = stack.enter_context(Kafka())
            store = stack.enter_context(Elasticsearch())
            env |= {
                "VEILLE_KAFKA__BOOTSTRAP_SERVERS": kafka.address,
                "VEILLE_STORE__URL": store.url,
            }
            for part in ("worker", "connect"):
                stack.enter_context(Process(part, env=env, log=folder / f"{part}.log"))
        else:
            port = str(free_port())
            stack.enter_context(Process("up", "--port", port, env=env, log=folder / "up.log"))
        yield


async def measured(folder: Path, count: int, hook: HookServer) -> list[float]:
    """Seconds of each try."""
    feed = folder / "feed.jsonl"
    with feed.open("a", encoding="utf-8") as file:
        file.writelines(line(n, number) for n in range(count) for number in range(LEAST - 1))
    await asyncio.sleep(20)
    sent: dict[str, float] = {}
    came: dict[str, float] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    seen = 0
    while len(came) < count and time.monotonic() < deadline:
        if len(sent) < count:
            with feed.open("a", encoding="utf-8") as file:
                file.write(line(len(sent), LEAST - 1))
            sent[f"t{len(sent)}"] = time.monotonic()
        for _ in range(20):
            await asyncio.sleep(0.05)
            for posted in hook.posted[seen:]:
                came.setdefault(posted.json["incident"]["topic"], time.monotonic())
            seen = len(hook.posted)
    early = [topic for topic, at in came.items() if at < sent.get(topic, at + 1)]
    if early or len(came) < count:
        sys.exit(f"{len(came)} of {count} arrived, {len(early)} too early: {hook.posted[:1]}")
    return sorted(came[topic] - at for topic, at in sent.items())


async def run(count: int, *, cluster: bool) -> list[float]:
    """Start, measure, stop."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "feed.jsonl").touch()
        (folder / "topics.yaml").write_text(topics(count), encoding="utf-8")
        async with hook_server() as hook:
            (folder / "veille.yaml").write_text(settings(folder / "feed.jsonl", hook.port))
            with started(folder, cluster=cluster):
                return await measured(folder, count, hook)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topics", type=int, default=20, help="tries")
    parser.add_argument("--cluster", action="store_true", help="on real servers")
    asked = parser.parse_args()
    found = asyncio.run(run(asked.topics, cluster=asked.cluster))
    p95 = found[min(len(found) - 1, int(0.95 * len(found)))]
    sys.stdout.write(
        f"{'cluster' if asked.cluster else 'embedded'}: {len(found)} alerts, median "
        f"{statistics.median(found):.1f} s, p95 {p95:.1f} s, slowest {found[-1]:.1f} s\n"
    )


if __name__ == "__main__":
    main()
