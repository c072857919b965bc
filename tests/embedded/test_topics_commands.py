"""History, difference, roll-back and back-fill from a terminal."""

import asyncio
import getpass
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.post import Post, encode
from streams.archive.sqlite import SqliteArchive
from streams.criteria.loading import load_topics
from streams.store.sqlite import SqliteStore
from streams.topics.desk import Desk
from streams.topics.editing import TopicsEditor
from tests.support.veille import veille_here

FILE = "topics:\n  # The one.\n  - id: acme\n    query: 'acme'\n"


async def prepare(path: Path, data: Path) -> None:
    """An edit in the history, and posts in the archive."""
    store = SqliteStore(data / "veille.sqlite3")
    await store.open()
    desk = Desk(TopicsEditor(path), store)
    base = desk.editor.block("acme").digest
    await desk.save("acme", {"query": "acme OR akme"}, base=base, by="ann", note="a slip")
    base = desk.editor.block("acme").digest
    await desk.save("acme", {"query": "pear"}, base=base, by="bob")
    await store.close()
    archive = SqliteArchive(data / "posts.db")
    now = datetime.now(UTC)
    texts = ["acme is great", "akme", "pear", "nothing"]
    for number, text in enumerate(texts):
        at = now - timedelta(minutes=number)
        one = Post(id=f"s:{number}", source="s", created_at=at, collected_at=at, text=text)
        await archive.append([encode(one)])
    await archive.close()


def test_a_topic_goes_back_and_catches_what_was_kept(tmp_path: Path) -> None:
    data, path = tmp_path / "data", tmp_path / "topics.yaml"
    data.mkdir()
    path.write_text(FILE)
    asyncio.run(prepare(path, data))
    env = {"VEILLE_CONFIG": str(tmp_path), "VEILLE_DATA_DIR": str(data)}

    lines = veille_here("topics", "history", "acme", "--json", env=env).stdout.splitlines()
    changes = [json.loads(line) for line in lines]
    assert [(one["by"], one.get("note", "")) for one in changes] == [("bob", ""), ("ann", "a slip")]
    first = changes[1]["id"][:8]
    shown = veille_here("topics", "diff", "acme", first, env=env)
    assert shown.returncode == 1
    assert b"+  query: 'pear'" in shown.stdout

    veille_here("topics", "rollback", "acme", first, "--note", "better", env=env)
    assert load_topics(path)[0].query == "acme OR akme"
    assert "# The one." in path.read_text()
    newest = veille_here("topics", "history", "acme", "--limit", "1", env=env).stdout
    assert f"rolled back by {getpass.getuser()}: better" in newest.decode()

    for _ in range(2):
        found = json.loads(
            veille_here("topics", "backfill", "acme", "--store", "--json", env=env).stdout
        )
        assert (found["read"], found["hits"], found["stored"]) == (4, 2, 2)
    assert len(veille_here("export", "--topic", "acme", env=env).stdout.splitlines()) == 2
