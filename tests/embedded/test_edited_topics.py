"""Topics edited while a replay runs: no post of a topic that stays is missed."""

import json
import threading
import time
from pathlib import Path

from tests.support.veille import veille, veille_json

COUNT = 6000


def write(path: Path, *rows: str) -> None:
    new = path.with_suffix(".new")
    new.write_text("topics:\n" + "".join(f"- {row}\n" for row in rows), encoding="utf-8")
    new.replace(path)


def test_no_post_is_missed_while_topics_change(tmp_path: Path) -> None:
    topics = tmp_path / "topics.yaml"
    write(topics, "{id: stays, query: acmeron}")
    env = {"VEILLE_CONFIG": str(tmp_path), "VEILLE_DATA_DIR": str(tmp_path / "data")}
    posts = tmp_path / "posts.jsonl"
    rows = [
        {"id": f"{n}", "text": f"acmeron brenza {n}", "created_at": "2026-03-01T10:00:00Z"}
        for n in range(COUNT)
    ]
    posts.write_text("".join(json.dumps(row) + "\n" for row in rows))

    done = threading.Event()

    def edit() -> None:
        for number in range(100):
            if done.wait(0.4):
                return
            other = f"brenza AND {'' if number % 2 else 'NOT '}{number}"
            write(topics, "{id: stays, query: acmeron}", f"{{id: moves, query: '{other}'}}")
        write(topics, "{id: stays, query: acmeron}", "{id: comes, query: brenza}")

    editor = threading.Thread(target=edit)
    editor.start()
    started = time.monotonic()
    try:
        summary = veille_json("replay", str(posts), "--json", "--speed", "600", env=env)
    finally:
        done.set()
        editor.join()
    assert time.monotonic() - started > COUNT / 600, "topics changed many times meanwhile"
    assert summary["published"] == COUNT
    exported = veille("export", "--topic", "stays", env=env).stdout.splitlines()
    assert {json.loads(line)["post"]["id"] for line in exported} == {
        f"file:{n}" for n in range(COUNT)
    }
    assert summary["mentions"] > COUNT, "topics that came met the posts after them"
