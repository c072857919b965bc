"""`veille up` as a newcomer runs it: a page within seconds, mentions, kill -9, a clean stop."""

import contextlib
import json
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.veille import Process, veille, veille_json

SETTINGS = """
sources:
  - {id: sample, connector: sample, rate: 20, history_hours: 2, seed: 5, crisis_after: 0}
  - {id: broken, connector: rss, urls: ["http://127.0.0.1:1/feed"]}
"""
TOPICS = """
topics:
  - {id: brand, query: "Vorkalune OR Воркалюн*"}
"""


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "veille.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    return {"VEILLE_CONFIG": str(tmp_path), "VEILLE_DATA_DIR": str(tmp_path / "data")}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Up:
    """A running `veille up`."""

    def __init__(self, env: dict[str, str], log: Path) -> None:
        self.port = free_port()
        self.process = Process("up", "--port", str(self.port), env=env, log=log)

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
            return json.load(answer)

    def total(self) -> int:
        with contextlib.suppress(urllib.error.URLError, OSError):
            return int(self.get("/api/v1/counts")["total"])
        return -1

    def until(self, wanted: Callable[[], bool], seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not wanted():
            assert time.monotonic() < deadline, self.process.log.read_text()
            assert self.process.running, self.process.log.read_text()
            time.sleep(0.2)

    def children(self) -> dict[str, int]:
        """Process ids of the parts, by their command."""
        assert self.process.process is not None
        found = {}
        parent = str(self.process.process.pid)
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (entry / "stat").read_text().rsplit(")", 1)[1].split()[1] == parent:
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if len(words) > 3:  # a part that has just died has no command line
                        found[words[3].decode()] = int(entry.name)
        return found


@pytest.fixture
def up(env: dict[str, str], tmp_path: Path) -> Iterator[Up]:
    one = Up(env, tmp_path / "up.log")
    with one.process:
        yield one


def test_mentions_appear_and_a_failing_source_stops_no_other(up: Up, env: dict[str, str]) -> None:
    up.until(lambda: up.total() > 50)
    sources = up.get("/api/v1/sources")["sources"]
    assert sources["sample"]["state"] == "running"
    assert sources["broken"]["state"] == "failing"
    assert "127.0.0.1" in sources["broken"]["reason"]
    status = veille_json("status", "--json", env=env)
    assert status["workers"][0]["alive"]
    assert status["workers"][0]["missed"] == 0
    other = veille("up", "--port", str(up.port), env=env)
    assert other.returncode == 2
    assert b"--port" in other.stderr


def test_a_killed_worker_is_started_again_and_goes_on(up: Up) -> None:
    up.until(lambda: up.total() > 20)
    before = up.children()["worker"]
    os.kill(before, signal.SIGKILL)
    seen = up.total()
    up.until(lambda: up.children().get("worker", before) != before)
    up.until(lambda: up.total() > seen + 20)


def test_sigterm_stops_all_parts_in_time(up: Up) -> None:
    up.until(lambda: up.total() > 0)
    parts = up.children()
    assert set(parts) == {"connect", "worker", "web"}
    started = time.monotonic()
    assert up.process.stop() == 0, up.process.log.read_text()
    assert time.monotonic() - started < 12
    assert not any(Path(f"/proc/{pid}").exists() for pid in parts.values())


def test_kill_9_of_the_whole_leaves_no_orphan_and_resumes_from_what_is_stored(
    env: dict[str, str], tmp_path: Path
) -> None:
    first = Up(env, tmp_path / "first.log")
    with first.process:
        first.until(lambda: first.total() > 50)
        parts = first.children()
        first.process.kill()
    deadline = time.monotonic() + 15
    while any(Path(f"/proc/{pid}").exists() for pid in parts.values()):
        assert time.monotonic() < deadline, "parts live on without their parent"
        time.sleep(0.2)
    before = veille_json("status", "--json", env=env)["mentions"]["total"]
    second = Up(env, tmp_path / "second.log")
    with second.process:
        second.until(lambda: second.total() > before)
