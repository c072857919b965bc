"""What staff do, through a worker and both brokers: replays, labels, erasures. And it lasts."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors import post
from connectors.kafka import BatchSender, acknowledged
from connectors.letters import DeadLetter
from connectors.post import Author, Post
from streams import records
from streams.broker import Topics, running_producer
from streams.records import Mention, mention_id
from streams.settings import Kafka as KafkaSettings
from streams.store.port import Filter, Store
from streams.store.sqlite import SqliteStore
from tests.support.mentions import mention
from tests.support.veille import Process, veille, veille_json

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TOPICS = 'topics:\n  - {id: acme, query: "acmeron"}\n'
Env = dict[str, str]


@pytest.fixture
def env(request: pytest.FixtureRequest, broker_address: str, tmp_path: Path) -> Env:
    """Settings of an installation of its own: SQLite, and the broker under test."""
    (tmp_path / "topics.yaml").write_text(TOPICS, encoding="utf-8")
    name = f"c{uuid.uuid4().hex[:8]}"
    return {
        "VEILLE_CONFIG": str(tmp_path),
        "VEILLE_DATA_DIR": str(tmp_path / "data"),
        "VEILLE_KAFKA__BOOTSTRAP_SERVERS": broker_address,
        "VEILLE_KAFKA__IN_MEMORY": str("memory" in request.node.name).lower(),
        "VEILLE_KAFKA__PREFIX": name,
        "VEILLE_KAFKA__GROUP": name,
    }


@pytest.fixture
def worker(env: Env, tmp_path: Path) -> Iterator[Process]:
    with Process("worker", "--instance", "w", env=env, log=tmp_path / "worker.log") as process:
        until(lambda: bool(asked(env, lambda store: store.states("worker"))))
        yield process


def asked(env: Env, question: Callable[[Store], Any]) -> Any:
    async def ask() -> Any:
        store = SqliteStore(Path(env["VEILLE_DATA_DIR"]) / "veille.sqlite3")
        await store.open()
        try:
            return await question(store)
        finally:
            await store.close()

    return asyncio.run(ask())


def until(wanted: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < deadline, "it does not come to be"
        time.sleep(0.1)


def send(env: Env, items: Sequence[tuple[bytes, bytes]]) -> None:
    """To `<prefix>.posts`."""
    kafka = KafkaSettings(bootstrap_servers=env["VEILLE_KAFKA__BOOTSTRAP_SERVERS"])
    topic = Topics.of(env["VEILLE_KAFKA__PREFIX"]).posts

    async def run() -> None:
        async with running_producer(kafka) as producer:
            await acknowledged(await BatchSender(producer).send(topic, items))

    asyncio.run(run())


def item(number: int, text: str = "Acmeron is awful", **more: Any) -> tuple[bytes, bytes]:
    fields = {"id": f"file:{number}", "source": "file", "created_at": NOW, "collected_at": NOW}
    author = Author(id=str(number), handle=f"user{number}")
    made = Post(**{**fields, "text": text, "author": author, **more})
    return made.id.encode(), post.encode(made)


def stored(env: Env) -> dict[str, Mention]:
    page = asked(env, lambda store: store.search(Filter(hidden="any"), limit=1000))
    return {found.post.id: found for found in page.mentions}


def letters(env: Env) -> dict[str, DeadLetter]:
    _, found = asked(env, lambda store: store.dead_letters(limit=1000))
    return {letter.id: letter for letter in found}


def outcomes(env: Env, *arguments: str) -> tuple[dict[str, str], int]:
    """What `veille dead-letters replay` says of each letter, and its exit code."""
    done = veille("dead-letters", "replay", *arguments, "--json", env=env)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {one["id"]: one["what"] for one in told}, done.returncode


def kept(env: Env, *new: DeadLetter) -> None:
    asked(env, lambda store: store.add_dead_letters(new))


def letter(name: str, stage: Any, key: bytes, raw: bytes, **more: Any) -> DeadLetter:
    return DeadLetter(
        id=name, stage=stage, reason="a bug", place="p", raw=raw, at=NOW, key=key, **more
    )


def test_poison_fails_again_as_the_same_letter(env: Env, worker: Process) -> None:
    send(env, [(b"file:1", b"not json"), item(2)])
    until(lambda: len(letters(env)) == 1)
    ((id_, first),) = letters(env).items()
    assert (first.raw, first.key, first.source, first.attempts) == (
        b"not json",
        b"file:1",
        "file",
        1,
    )
    for attempts in (2, 3):
        assert outcomes(env, "--all") == ({id_: "failed"}, 1)
        assert {i: one.attempts for i, one in letters(env).items()} == {id_: attempts}
    until(lambda: set(stored(env)) == {"file:2"})


def test_after_a_fix_a_replay_leaves_nothing_behind(env: Env, worker: Process) -> None:
    made = mention(7)
    kept(
        env,
        letter("filtered", "filter", *item(1)),
        letter("unmatched", "filter", *item(2, text="nothing of ours")),
        letter("indexed", "index", b"test:7", records.encode(made)),
        letter("collected", "collect", b"", item(3)[1]),
        letter("cut", "filter", b"file:4", b"{", size=100_000),
    )
    told, code = outcomes(env, "--all")
    gone = dict.fromkeys(("filtered", "unmatched", "indexed", "collected"), "gone")
    assert told == {**gone, "cut": "refused"}
    assert code == 1
    assert set(letters(env)) == {"cut"}
    until(lambda: set(stored(env)) == {"file:1", "test:7", "file:3"})
    assert veille("dead-letters", "drop", "cut", "--yes", env=env).returncode == 0
    assert letters(env) == {}
    assert outcomes(env, "--all") == ({}, 0)


def test_a_replay_without_a_worker_waits_and_is_done_when_one_comes(
    env: Env, tmp_path: Path
) -> None:
    kept(env, letter("early", "filter", *item(1)))
    assert outcomes(env, "early", "--wait", "1") == ({"early": "waiting"}, 1)
    assert set(letters(env)) == {"early"}, "it stays until its outcome is acknowledged"
    with Process("worker", "--instance", "w", env=env, log=tmp_path / "worker.log"):
        until(lambda: not letters(env))
    assert set(stored(env)) == {"file:1"}


def test_a_label_lasts_through_a_new_score(env: Env, worker: Process) -> None:
    send(env, [item(1)])
    until(lambda: "file:1" in stored(env))
    id_ = mention_id("acme", "file:1")
    assert stored(env)["file:1"].sentiment.label == "neg"
    made = veille_json("label", id_, "--sentiment", "pos", "--note", "irony", "--json", env=env)
    assert made["sentiment"] == "pos"
    until(lambda: stored(env)["file:1"].label is not None)
    assert veille("label", id_, "--irrelevant", env=env).returncode == 0
    until(lambda: (label := stored(env)["file:1"].label) is not None and label.relevant is False)
    later = datetime(2026, 3, 2, tzinfo=UTC)
    edit = {"state": "edited", "updated_at": later, "collected_at": later}
    send(env, [item(1, text="Acmeron is awful, edited", **edit), item(1)])
    until(lambda: stored(env)["file:1"].post.text.endswith("edited"))
    label = stored(env)["file:1"].label
    assert label is not None
    assert (label.sentiment, label.note) == ("pos", "irony")
    hidden = Filter(sentiments=("pos",), hidden="only")
    assert asked(env, lambda store: store.count(hidden)).total == 1
    assert veille("label", id_, "--clear", env=env).returncode == 0
    until(lambda: asked(env, lambda store: store.count(Filter(sentiments=("neg",)))).total == 1)


def test_an_erased_author_is_not_read_back(env: Env, worker: Process) -> None:
    send(env, [item(1), item(2)])
    until(lambda: len(stored(env)) == 2)
    plan = veille_json("erase", "--author", "file:@user1", "--dry-run", "--json", env=env)
    assert (plan["mentions"], plan["dry_run"], len(stored(env))) == (1, True, 2)
    done = veille_json("erase", "--author", "file:@user1", "--yes", "--json", env=env)
    assert done["mentions"] == 1
    mine = Author(id="1", handle="renamed")
    send(env, [item(1), item(3), item(4, author=mine)])
    until(lambda: "file:3" in stored(env))
    assert set(stored(env)) == {"file:2", "file:3"}


def test_commands_name_what_is_wrong(env: Env) -> None:
    for arguments, said in (
        (("dead-letters", "replay"), b"no dead letter is named"),
        (("dead-letters", "drop"), b"--all"),
        (("dead-letters", "list", "--stage", "x"), b"no stage"),
        (("dead-letters", "show", "nothing"), b"no such dead letter"),
        (("label", "nothing", "--sentiment", "neg"), b"no such mention"),
        (("label", "x"), b"nothing to say"),
        (("label", "x", "--sentiment", "bad"), b"unknown"),
        (("erase",), b"--author"),
        (("erase", "--author", "nobody"), b"SOURCE:ID"),
    ):
        done = veille(*arguments, env=env)
        assert done.returncode == 2, (arguments, done.stderr)
        assert said in done.stderr, (arguments, done.stderr)
