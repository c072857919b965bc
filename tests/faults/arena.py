"""Where Veille is broken on purpose: an installation, numbered posts on their way through it, and
the account at the end.

A test makes an `Arena`, starts parts (`worker`, `replay`, `collect`), injures something, heals it,
and calls `arena.account(posts)`: it waits until everything has been drained and compares the store
with the pure function's answer id by id. `record(...)` tells `docs/reliability.md` of it.
"""

import contextlib
import dataclasses
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.post import Post
from streams.broker import Topics
from tests.support.replays import (
    Difference,
    assert_same,
    counted,
    expected,
    installation_in,
    stored,
    write_jsonl,
)
from tests.support.veille import ROOT, Process

RECORDS: Final = ROOT / ".faults"
"""What the last runs recorded, a file a test; `tests/faults/report.py` makes the page of it."""


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the table: one fault, what happens, what is safe, what to do, how it came out."""

    test: str
    fault: str
    behaviour: str
    remedy: str
    figure: str


def record(*, fault: str, behaviour: str, figure: object, remedy: str = "nothing to do") -> None:
    """Call at the end of a fault test, after its assertions: the test that runs has shown this.

    `behaviour` says what happens and what is safe, `remedy` what the user is to do, `figure` what
    was counted or measured. A test may record several faults.
    """
    node = os.environ["PYTEST_CURRENT_TEST"].rsplit(" (", 1)[0]
    test = node.split("[", 1)[0].removeprefix("tests/faults/")
    row = Row(test=test, fault=fault, behaviour=behaviour, remedy=remedy, figure=str(figure))
    RECORDS.mkdir(exist_ok=True)
    name = "".join(sign if sign.isalnum() else "-" for sign in f"{test} {fault}")
    path = RECORDS / f"{name[:200]}.json"
    path.write_text(json.dumps(dataclasses.asdict(row), ensure_ascii=False), encoding="utf-8")


def until(condition: Callable[[], bool], what: str, *, seconds: float = 60) -> float:
    """Wait for a condition; the seconds it took. Fails with `what` after `seconds`."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


def pass_by(seconds: float) -> None:
    """Let a random moment pass, to injure at another one: never to wait for something."""
    threading.Event().wait(seconds)


class Replay:
    """`veille replay` in the background; its summary comes at the end."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @property
    def running(self) -> bool:
        return self._process.running

    def summary(self, seconds: float = 240) -> dict[str, Any]:
        """Wait for its end; the test fails with its output where it fails."""
        assert self._process.process is not None
        code = self._process.process.wait(seconds)
        text = self._process.log.read_text(encoding="utf-8", errors="replace")
        assert code == 0, text[-4000:]
        found: dict[str, Any] = json.loads(text[text.index("{") :])
        return found


@dataclasses.dataclass(frozen=True)
class Arena:
    """An installation of its own: on real servers as far as `env` names them, else embedded."""

    folder: Path
    env: dict[str, str]

    @classmethod
    def make(cls, folder: Path, *, kafka: str = "", elasticsearch: str = "") -> "Arena":
        folder.mkdir(parents=True, exist_ok=True)
        return cls(folder, installation_in(folder, kafka=kafka, elasticsearch=elasticsearch))

    def process(self, *arguments: str, log: str, env: Mapping[str, str] = {}) -> Process:
        """`veille …` of this installation, not started; its output goes to `<folder>/<log>.log`."""
        return Process(*arguments, env={**self.env, **env}, log=self.folder / f"{log}.log")

    def worker(self, instance: str = "w", **env: str) -> Process:
        """`veille worker`, not started: use it as a context manager, or `start` it."""
        arguments = ("worker", "--instance", instance) if instance else ("worker",)
        return self.process(*arguments, log=f"worker-{instance}", env=env)

    @contextlib.contextmanager
    def replay(self, posts: Sequence[Post], *, speed: str = "max") -> Iterator[Replay]:
        """The posts go through `veille replay` while the body runs."""
        path = write_jsonl(posts, self.folder / "posts.jsonl")
        log = f"replay-{time.monotonic_ns()}"
        with self.process("replay", str(path), "--json", "--speed", speed, log=log) as one:
            yield Replay(one)

    @contextlib.contextmanager
    def collect(self, posts: Sequence[Post], *, seconds: float = 5.0) -> Iterator["Feed"]:
        """`veille connect` reads a file that grows by these posts over so many seconds."""
        path = self.folder / "feed.jsonl"
        path.touch()
        self._write_sources(path)
        feed = Feed(self.process("connect", log="connect"), path, posts, seconds)
        try:
            yield feed.start()
        finally:
            feed.close()

    def _write_sources(self, path: Path) -> None:
        source = {"id": "feed", "connector": "file", "path": str(path)}
        settings = {"sources": [source | {"tail": True, "collected_at": "created"}]}
        (self.folder / "veille.yaml").write_text(json.dumps(settings), encoding="utf-8")

    @contextlib.contextmanager
    def broker(self) -> Iterator["Broker"]:
        """Offsets and topics of this installation, as Kafka tells them."""
        broker = Broker(self.env)
        try:
            yield broker
        finally:
            broker.close()

    def drained(self, *, seconds: float = 120) -> float:
        """Wait until the group has committed all that is in the broker; the seconds it took."""
        with self.broker() as broker:
            return until(lambda: broker.lag() == 0, "everything is committed", seconds=seconds)

    def account(self, posts: Sequence[Post]) -> Difference:
        """The store is the pure function's answer: lost 0, extra 0, wrong version 0."""
        return assert_same(stored(self.env), expected(posts, self.folder))

    def settled(self, posts: Sequence[Post], *, seconds: float = 120) -> Difference:
        """`account`, once as many mentions are there as should be and none is under way."""
        wanted = expected(posts, self.folder)
        with contextlib.suppress(AssertionError):  # the account tells which are missing
            until(lambda: counted(self.env) == len(wanted), "all are stored", seconds=seconds)
        self.drained(seconds=seconds)
        return assert_same(stored(self.env), wanted)

    def logs(self, name: str) -> str:
        """What a part has written so far: `worker-w`, `connect`."""
        path = self.folder / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


class Kept:
    """Processes that are started again when they end, as Docker, systemd or a supervisor does."""

    def __init__(self, *processes: Process) -> None:
        self.processes = processes
        self.restarts = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def steady(self) -> threading.Lock:
        """While held, nothing is started again: to stop a part and see how it ends."""
        return self._lock

    def __enter__(self) -> "Kept":
        self._start_ended()
        self.restarts = 0
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)
        for process in self.processes:
            if process.running:
                process.kill()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            with self._lock:
                self._start_ended()

    def _start_ended(self) -> None:
        for process in self.processes:
            if not process.running:
                process.start()
                self.restarts += 1


class Feed:
    """A file that grows while `veille connect` reads it."""

    def __init__(self, process: Process, path: Path, posts: Sequence[Post], seconds: float) -> None:
        self.process = process
        self._path, self._posts, self._seconds = path, posts, seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._grow, daemon=True)

    def start(self) -> "Feed":
        self.process.start()
        self._thread.start()
        return self

    @property
    def done(self) -> bool:
        """Whether every post is in the file."""
        return not self._thread.is_alive()

    def wait(self, seconds: float = 120) -> None:
        """Until every post is in the file."""
        self._thread.join(seconds)
        assert self.done, "the feed has not ended"

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        if self.process.running:
            self.process.kill()

    def append(self, posts: Sequence[Post]) -> None:
        """More posts at the end of the file."""
        written = write_jsonl(posts, self._path.with_suffix(".part")).read_bytes()
        with self._path.open("ab") as file:
            file.write(written)

    def _grow(self) -> None:
        size = max(1, int(len(self._posts) * 0.1 / max(self._seconds, 0.1)))
        for start in range(0, len(self._posts), size):
            self.append(self._posts[start : start + size])
            if self._stop.wait(0.1):
                return


class Broker:
    """What Kafka tells of an installation's topics and group; unreachable is no error."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.topics = Topics.of(env["VEILLE_KAFKA__PREFIX"])
        self.group = env["VEILLE_KAFKA__GROUP"]
        where = {"bootstrap.servers": env["VEILLE_KAFKA__BOOTSTRAP_SERVERS"], "log_level": "0"}
        self.admin = AdminClient(where)
        self._consumer = Consumer({**where, "group.id": self.group, "enable.auto.commit": False})

    def lag(self) -> int | None:
        """Records of all topics that the group has not committed; `None` when it is not told."""
        lags = [self._lag(name) for name in (self.topics.posts, self.topics.mentions)]
        lags.append(self._lag(self.topics.dead))
        known = [lag for lag in lags if lag is not None]
        return sum(known) if len(known) == len(lags) else None

    def committed(self, topic: str) -> int | None:
        """Offsets committed, over all partitions; `None` when it is not told."""
        try:
            rows = self._consumer.committed(self._partitions(topic), timeout=5)
        except KafkaException:
            return None
        return sum(max(0, int(row.offset)) for row in rows)

    def offsets(self, topic: str) -> dict[int, int]:
        """What is committed, by partition."""
        rows = self._consumer.committed(self._partitions(topic), timeout=5)
        return {row.partition: max(0, int(row.offset)) for row in rows}

    def ends(self, topic: str) -> int | None:
        """Where the next records will be written, over all partitions; `None`: not told."""
        ask = self._consumer.get_watermark_offsets
        try:
            return sum(int(ask(partition, timeout=5)[1]) for partition in self._partitions(topic))
        except KafkaException:
            return None

    def owners(self) -> int:
        """Members of the group that have partitions."""
        return sum(bool(one.assignment.topic_partitions) for one in self._members())

    def instances(self) -> set[str | None]:
        """Names of the group's members; `None` for those that keep no place in it."""
        return {one.group_instance_id for one in self._members()}

    def _members(self) -> Sequence[Any]:
        found = self.admin.describe_consumer_groups([self.group])[self.group].result(10)
        members: Sequence[Any] = found.members
        return members

    def _lag(self, topic: str) -> int | None:
        end, done = self.ends(topic), self.committed(topic)
        return None if end is None or done is None else end - done

    def close(self) -> None:
        self._consumer.close()

    def _partitions(self, topic: str) -> list[TopicPartition]:
        found = self._consumer.list_topics(topic, timeout=5).topics[topic]
        if not found.partitions:
            raise KafkaException(found.error)
        return [TopicPartition(topic, number) for number in found.partitions]
