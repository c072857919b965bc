"""Alerts as people meet them: a replay, the commands, and a worker that is killed."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.alerts import book
from tests.support.crisis import counts, posts
from tests.support.replays import store_of, write_jsonl
from tests.support.veille import Process, veille, veille_here

TOPICS = 'topics:\n  - {id: brand, query: acmeron, rules: ["negative >= 30 in 15m"]}\n'


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    (tmp_path / "veille.yaml").write_text("sources: []\n", encoding="utf-8")
    return {"VEILLE_CONFIG": str(tmp_path), "VEILLE_DATA_DIR": str(tmp_path / "data")}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = posts(counts(days=5.5, rate=2, crisis=(4.5, 1.0, 12.0)))
    return write_jsonl(made, tmp_path_factory.mktemp("posts") / "posts.jsonl")


def listed(env: Mapping[str, str], *options: str) -> list[dict[str, Any]]:
    done = veille_here("alerts", "list", "--json", *options, env=env)
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_replay_opens_each_incident_once_and_people_handle_it(
    env: dict[str, str], recorded: Path
) -> None:
    for _ in range(2):
        assert veille("replay", str(recorded), "--json", env=env).returncode == 0
        found = listed(env)
        assert [one["kind"] for one in found] == ["negative-spike", "rule"]
        assert all(one["opened_at"].startswith("2026-03-06T1") for one in found)
        assert all(one["resolved_at"] for one in found)
    first = found[0]["id"]
    assert found[0]["observed"] > found[0]["expected"] > 0
    assert listed(env, "--topic", "brand", "--since", "2026-03-06") == found
    assert listed(env, "--open") == listed(env, "--topic", "other") == []
    assert b"negative-spike" in veille_here("alerts", "show", first, env=env).stdout
    for command in (("ack", first, "--by", "ada"), ("snooze", first, "--for", "2h"),
                    ("resolve", first, "--by", "ada")):  # fmt: skip
        assert veille_here("alerts", *command, env=env).returncode == 0
    shown = json.loads(veille_here("alerts", "show", first, "--json", env=env).stdout)
    assert (shown["acknowledged_by"], shown["status"]) == ("ada", "resolved")
    wrong = veille_here("alerts", "snooze", first, "--for", "soon", env=env)
    assert wrong.returncode == 2
    assert b"30m" in wrong.stderr
    assert veille_here("alerts", "show", "nothing", env=env).returncode == 1


def test_a_rule_that_cannot_be_read_is_refused_with_its_place(env: dict[str, str]) -> None:
    path = Path(env["VEILLE_CONFIG"]) / "topics.yaml"
    path.write_text(TOPICS.replace("30 in 15m", "30 per 15m"), encoding="utf-8")
    done = veille("topics", "check", env=env)
    worker = veille("worker", env={**env, "VEILLE_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    for refused in (done, worker):
        assert refused.returncode == 2, refused.stderr.decode()
        assert b"column 16" in refused.stderr
        assert b"topics.yaml:2" in refused.stderr


def test_kill_9_between_detection_and_delivery(
    env: dict[str, str], recorded: Path, tmp_path: Path
) -> None:
    process = Process("replay", str(recorded), env=env, log=tmp_path / "replay.log")
    with process:
        assert process.process is not None
        until_found(env, process)
        os.kill(worker_of(process.process.pid), signal.SIGKILL)
        assert process.process.wait(120) == 0, process.log.read_text()
    found = listed(env, "--all")
    assert [one["kind"] for one in found] == ["negative-spike", "rule"]
    versions, told = asyncio.run(kept(env))
    assert versions == told, "all that is stored was told, in its last version"


def until_found(env: Mapping[str, str], process: Process) -> None:
    deadline = time.monotonic() + 60
    while not asyncio.run(kept(env))[0]:
        assert process.running, process.log.read_text()
        assert time.monotonic() < deadline, process.log.read_text()
        time.sleep(0.05)


async def kept(env: Mapping[str, str]) -> tuple[dict[str, int], dict[str, int]]:
    """The versions of incidents, and those that were told."""
    if not Path(env["VEILLE_DATA_DIR"]).is_dir():
        return {}, {}
    store = store_of(env)
    await store.open()
    try:
        incidents = {one.id: one.version for one in await book.incidents(store)}
        return incidents, await book.told(store)
    finally:
        await store.close()


def worker_of(parent: int) -> int:
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent and (
                b"worker" in (entry / "cmdline").read_bytes()
            ):
                return int(entry.name)
    raise AssertionError("no worker runs")
