"""The programs that other services may start from, run against a real Kafka: what they count is
what the store counts."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from connectors.kafka import acknowledged
from streams import records
from streams.broker import Topics, ensure_topics, running_producer
from streams.headers import new_sender
from streams.records import Mention, Record, Retraction
from streams.settings import Kafka as KafkaSettings
from streams.store.rules import tone
from tests.support import fetch
from tests.support.fixtures import require
from tests.support.mentions import mention
from tests.support.replays import installation_in, make_posts, stored, write_jsonl
from tests.support.servers import Kafka
from tests.support.veille import Process, environment, veille_json

pytestmark = [pytest.mark.kafka]

GARBAGE = b'{"type":"mention","version":'
LAST = mention(99, version=7, tone="unscored")
"""The last of what is sent by hand."""
BY_HAND: Sequence[Record] = (
    mention(1, version=5, tone="neg"),
    mention(1, version=9, tone="pos"),
    mention(1, version=5, tone="neg"),
    mention(2, version=5),
    mention(2, version=6, deleted=True),
    mention(2, version=5),
    Retraction(post_id="test:3", version=8, topics=["other"]),
    mention(3, version=7),
    mention(3, version=7, topic="other", tone="neg"),
    mention(3, version=8, topic="third", tone="neg"),
    LAST,
)


@dataclass(frozen=True)
class Filled:
    """A topic of mentions, and what the store made of it."""

    address: str
    topic: str
    tones: dict[str, int]


@pytest.fixture(scope="module")
def filled(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Edits, deletions, late versions and repeats; some by a worker, some by hand."""
    require("the programs' languages", fetch.missing_for_consumers())
    folder = tmp_path_factory.mktemp("consumers")
    env = installation_in(folder, kafka=kafka.address)
    settings = KafkaSettings(bootstrap_servers=kafka.address, prefix=env["VEILLE_KAFKA__PREFIX"])
    topic = Topics.of(settings.prefix).mentions
    asyncio.run(_send(settings, topic))
    path = write_jsonl(make_posts(500), folder / "posts.jsonl")
    with Process("worker", "--instance", "w", env=env, log=folder / "worker.log") as worker:
        veille_json("replay", str(path), "--json", env=env)
        found: dict[str, Mention] = {}
        while LAST.id not in found:
            assert worker.running, worker.log.read_text()
            found = stored(env)
        assert worker.stop() == 0
    tones: dict[str, int] = {**Counter(tone(one) for one in found.values())}
    assert all(tones[name] for name in ("neg", "neu", "pos", "unscored"))
    return Filled(kafka.address, topic, tones)


async def _send(settings: KafkaSettings, topic: str) -> None:
    await ensure_topics(settings)
    items = [(_key(one), records.encode(one)) for one in BY_HAND]
    async with running_producer(settings) as producer:
        sender = new_sender(producer, settings)
        await acknowledged(await sender.send(topic, [*items, (b"odd", GARBAGE)]))


def _key(record: Record) -> bytes:
    return (record.post.id if isinstance(record, Mention) else record.post_id).encode()


def python(*arguments: str) -> list[str]:
    return [sys.executable, str(fetch.CONSUMERS / "tones.py"), *arguments]


def java(*arguments: str) -> list[str]:
    program = str(fetch.CONSUMERS / "Tones.java")
    return ["java", "--class-path", fetch.kafka_classpath(), program, *arguments]


def node(*arguments: str) -> list[str]:
    fetch.node_modules()
    return ["node", str(fetch.CONSUMERS / "tones.js"), *arguments]


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    env = environment(NODE_PATH=str(fetch.cache_dir() / "node" / "node_modules"))
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True)


PROGRAMS: Sequence[Callable[..., list[str]]] = (python, java, node)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_counts_what_the_store_counts(
    filled: Filled, program: Callable[..., list[str]]
) -> None:
    running = start(program(filled.address, filled.topic))
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert json.loads(out) == filled.tones
    assert len([line for line in err.splitlines() if "not a record of" in line]) == 1


def test_a_topic_that_is_not_there_is_an_error(filled: Filled) -> None:
    for running in [start(one(filled.address, "of.nobody")) for one in PROGRAMS]:
        out, err = running.communicate(timeout=60)
        assert (running.returncode, out) == (1, "")
        assert filled.address in err


def test_the_node_program_s_packages_are_pinned_by_hash() -> None:
    locked = json.loads((fetch.CONSUMERS / "package-lock.json").read_bytes())["packages"]
    for name, package in locked.items():
        if name:
            assert package["integrity"].startswith("sha512-"), name
            assert "resolved" not in package, name
