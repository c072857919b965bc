"""`veille store rebuild` from the real Kafka: a store that is lost is filled again, id by id."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from elasticsearch import Elasticsearch as Client

from connectors.letters import DeadLetter
from connectors.post import Post
from streams.broker import Topics, ensure_topics
from streams.criteria.loading import load_topics
from streams.criteria.matcher import compile as compile_topics
from streams.pipeline import Pipeline
from streams.records import Label, encode
from streams.sentiment.scorer import build_scorer
from streams.settings import Kafka
from tests.faults.arena import Arena, record
from tests.support.replays import START, make_posts, stored
from tests.support.veille import veille, veille_json

pytestmark = [pytest.mark.kafka]

POISON = [b"not JSON", b'{"type":"mention","id":3}', None]


def publish(arena: Arena, posts: Sequence[Post]) -> None:
    """What workers made of the posts stands in Kafka, with dead letters and poison among it."""
    address, prefix = (
        arena.env[f"VEILLE_KAFKA__{name}"] for name in ("BOOTSTRAP_SERVERS", "PREFIX")
    )
    asyncio.run(ensure_topics(Kafka(bootstrap_servers=address, prefix=prefix)))
    topics = Topics.of(prefix)
    pipeline = Pipeline(compile_topics(load_topics(arena.folder / "topics.yaml")), build_scorer())
    producer = Producer({"bootstrap.servers": address})
    for post in posts:
        for made in pipeline.process(post, START):
            producer.produce(topics.mentions, encode(made), post.id.encode())
    for number, value in enumerate(POISON):
        producer.produce(topics.mentions, value, b"poison")
        letter = DeadLetter(
            id=f"{number}", stage="index", reason="bad", place="x", raw=value or b"", at=START
        )
        producer.produce(topics.dead, encode(letter), letter.id.encode())
    assert producer.flush(60) == 0


def letters(arena: Arena) -> int:
    """Dead letters in the store, each met once."""
    done = veille("dead-letters", "--json", env=arena.env)
    assert done.returncode == 0, done.stderr.decode()
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(letter.get("attempts", 1) == 1 for letter in found)
    return len(found)


def rebuilt(arena: Arena, *options: str) -> dict[str, Any]:
    """The summary of a rebuild that went well."""
    found: dict[str, Any] = veille_json("store", "rebuild", "--json", *options, env=arena.env)
    return found


def test_a_destroyed_file_is_filled_again_from_kafka(kafka_arena: Arena) -> None:
    posts = make_posts(600)
    publish(kafka_arena, posts)
    path = Path(kafka_arena.env["VEILLE_DATA_DIR"]) / "veille.sqlite3"
    path.parent.mkdir()
    path.write_bytes(b"\xff" * 5000)
    assert veille("status", env=kafka_arena.env).returncode == 1

    began = time.monotonic()
    report = rebuilt(kafka_arena)
    took = time.monotonic() - began
    assert Path(report["salvaged"]["aside"]).read_bytes() == b"\xff" * 5000
    assert "nothing can be read" in report["salvaged"]["reason"]
    assert report["filled"]["unreadable"] == len(POISON)
    figure = kafka_arena.account(posts)
    assert letters(kafka_arena) == len(POISON)
    assert veille_json("store", "check", "--json", env=kafka_arena.env)["sound"]

    again = rebuilt(kafka_arena)
    assert again["salvaged"] is None
    assert again["filled"]["read"] == report["filled"]["read"]
    assert again["filled"]["letters"] == 0
    kafka_arena.account(posts)
    assert letters(kafka_arena) == len(POISON)
    record(
        fault="SQLite beside Kafka: the file is destroyed wholly",
        behaviour="`veille store rebuild` keeps it aside and fills a new one from what Kafka "
        "keeps; a second run changes nothing",
        remedy="stop the workers, `veille store rebuild`",
        figure=f"{figure}; {report['filled']['read']:,} records in {took:.1f} s",
    )


def test_labels_come_back_and_letters_taken_back_do_not(kafka_arena: Arena) -> None:
    posts = make_posts(50)
    publish(kafka_arena, posts)
    rebuilt(kafka_arena)
    chosen = min(stored(kafka_arena.env))
    label = Label(mention_id=chosen, labeled_at=START, by="ann", sentiment="pos")
    address, prefix = (
        kafka_arena.env[f"VEILLE_KAFKA__{name}"] for name in ("BOOTSTRAP_SERVERS", "PREFIX")
    )
    producer = Producer({"bootstrap.servers": address})
    producer.produce(Topics.of(prefix).labels, encode(label), chosen.encode())
    producer.produce(Topics.of(prefix).dead, b"", b"0")
    assert producer.flush(60) == 0

    report = rebuilt(kafka_arena, "--restart")
    assert report["filled"]["labels"] == 1
    found = stored(kafka_arena.env)[chosen].label
    assert found is not None
    assert (found.sentiment, found.by) == ("pos", "ann")
    assert letters(kafka_arena) == len(POISON) - 1
    record(
        fault="SQLite beside Kafka: filled again where staff labelled and sent letters again",
        behaviour="labels are read from `veille.labels` and win as before; a dead letter that "
        "went well when it was sent again does not come back",
        figure="1 label, 1 letter taken back",
    )


@pytest.mark.long
@pytest.mark.elasticsearch
def test_indices_that_were_deleted_are_filled_again_from_kafka(arena: Arena) -> None:
    posts = make_posts(600)
    publish(arena, posts)
    rebuilt(arena)
    arena.account(posts)
    prefix = arena.env["VEILLE_STORE__PREFIX"]
    with Client(arena.env["VEILLE_STORE__URL"]) as client:
        client.indices.delete(index=f"{prefix}-*")
    done = veille("store", "check", "--json", env=arena.env)
    assert done.returncode == 1
    assert f"{prefix}-retractions is missing" in done.stdout.decode()

    report = rebuilt(arena)
    figure = arena.account(posts)
    assert letters(arena) == len(POISON)
    assert veille_json("store", "check", "--json", env=arena.env)["sound"]
    record(
        fault="Elasticsearch: every index is deleted",
        behaviour="`veille store rebuild` fills new ones from what Kafka keeps",
        remedy="`veille store rebuild`",
        figure=f"{figure}; {report['filled']['read']:,} records",
    )


@pytest.mark.long
def test_a_filling_that_is_killed_goes_on(kafka_arena: Arena) -> None:
    posts = make_posts(5000)
    publish(kafka_arena, posts)
    path = Path(kafka_arena.env["VEILLE_DATA_DIR"]) / "veille.sqlite3"
    with kafka_arena.process("store", "rebuild", log="rebuild") as first:
        deadline = time.monotonic() + 60
        while not saved_progress(path):
            assert time.monotonic() < deadline
            assert first.running
            time.sleep(0.002)
        first.kill()
    report = rebuilt(kafka_arena)
    assert report["filled"]["resumed"]
    figure = kafka_arena.account(posts)
    assert letters(kafka_arena) == len(POISON)
    whole = rebuilt(kafka_arena, "--restart")
    assert whole["filled"]["read"] > report["filled"]["read"]
    kafka_arena.account(posts)
    record(
        fault="`veille store rebuild` from Kafka: kill -9 half-way",
        behaviour="run again, it goes on where what is stored ends",
        remedy="`veille store rebuild` again",
        figure=f"{figure}; {report['filled']['read']:,} of {whole['filled']['read']:,} records "
        "read by the second run",
    )


def saved_progress(path: Path) -> bool:
    """Whether a rebuild has noted how far it is."""
    import sqlite3

    if not path.exists():
        return False
    try:
        db = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
        try:
            sql = "SELECT count(*) FROM states WHERE kind = 'rebuild'"
            return bool(db.execute(sql).fetchone()[0])
        finally:
            db.close()
    except sqlite3.OperationalError:
        return False  # its tables are not made yet
