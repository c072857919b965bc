"""Replays and labels beside a running `veille up`, whose broker no setting names."""

import asyncio
import json
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from connectors import post
from connectors.letters import DeadLetter
from connectors.post import Post
from streams.store.port import Store
from streams.store.sqlite import SqliteStore
from tests.support.veille import Process, veille, veille_json

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def asked(folder: Path, question: Callable[[Store], Any]) -> Any:
    async def ask() -> Any:
        store = SqliteStore(folder / "data" / "veille.sqlite3")
        await store.open()
        try:
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def test_a_replay_finds_the_broker_of_veille_up(tmp_path: Path) -> None:
    (tmp_path / "veille.yaml").write_text("sources: []\n", encoding="utf-8")
    (tmp_path / "topics.yaml").write_text('topics: [{id: a, query: "acmeron"}]\n', encoding="utf-8")
    env = {"VEILLE_CONFIG": str(tmp_path), "VEILLE_DATA_DIR": str(tmp_path / "data")}
    one = Post(id="s:1", source="s", created_at=NOW, collected_at=NOW, text="Acmeron")
    letter = DeadLetter(
        id="x", stage="filter", reason="a bug", place="p", raw=post.encode(one), at=NOW, key=b"s:1"
    )
    asked(tmp_path, lambda store: store.add_dead_letters([letter]))
    refused = veille("dead-letters", "replay", "x", env=env)
    assert (refused.returncode, b"veille up" in refused.stderr) == (1, True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Process("up", "--port", str(port), env=env, log=tmp_path / "up.log") as up:
        deadline = time.monotonic() + 60
        while not asked(tmp_path, lambda store: store.states("worker")):
            assert time.monotonic() < deadline, up.log.read_text()
            time.sleep(0.2)
        done = veille("dead-letters", "replay", "x", "--json", env=env)
        assert json.loads(done.stdout)["what"] == "gone", done.stderr
        assert done.returncode == 0
        found: list[dict[str, Any]] = []
        while not found:
            assert time.monotonic() < deadline
            found = [
                json.loads(row) for row in veille("search", "--json", env=env).stdout.splitlines()
            ]
        assert up.stop() == 0
    made = veille_json("label", found[0]["id"], "--sentiment", "neg", "--json", env=env)
    assert veille_json("search", "--sentiment", "neg", "--json", env=env)["label"] == made
    again = veille("dead-letters", "list", "--json", env=env)
    assert (again.returncode, again.stdout) == (0, b"")
    asked(tmp_path, lambda store: store.add_dead_letters([letter]))
    stopped = veille("dead-letters", "replay", "x", env=env)
    assert (stopped.returncode, b"does not run here" in stopped.stderr) == (1, True)


def test_a_post_added_by_hand_from_the_command_line(tmp_path: Path) -> None:
    topics = '{"topics": [{"id": "acme", "query": "acmeron"}, {"id": "other", "query": "zzz"}]}'
    (tmp_path / "topics.yaml").write_text(topics, encoding="utf-8")
    env = {"VEILLE_CONFIG": str(tmp_path), "VEILLE_DATA_DIR": str(tmp_path / "data")}
    text = ("--text", "Acmeron never answers", "--at", "2026-03-01", "--author", "a letter")
    made = veille_json("add", *text, "--topic", "other", "--by", "me", "--json", env=env)
    assert len(made["mentions"]) == 2
    assert len(made["chosen"]) == 1
    again = veille_json("add", *text, "--json", env=env)
    assert again["post_id"] == made["post_id"]
    status = veille_json("status", "--json", env=env)
    assert status["mentions"]["total"] == 2
    assert status["archive"]["size"]["posts"] == 2
    refused = veille("add", "--text", "nothing to see", env=env)
    assert refused.returncode == 2
    assert b"choose the topics" in refused.stderr
    assert veille("add", env=env).returncode == 2
    private = veille("add", "http://127.0.0.1:9/x", env=env)
    assert private.returncode == 1
    assert b"--text" in private.stderr
