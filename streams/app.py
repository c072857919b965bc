"""The Faust application: a factory, with no side effect at import."""

import asyncio
import os
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import faust
import msgspec

from connectors.kafka import BATCH_BYTES, BatchSender, acknowledged, ssl_context
from streams import slab
from streams.agents import FilterAgent, IndexAgent, LabelAgent, LetterAgent
from streams.alerts.channel import Channel
from streams.alerts.evidence import Explainer
from streams.alerts.notifier import Notifier
from streams.alerts.records import Incident
from streams.alerts.touched import Touched
from streams.alerts.watch import AGAIN_SECONDS, AlertWatch
from streams.archive.keeper import Keeper
from streams.archive.port import Archive
from streams.avro_copy import AvroCopy, Writers
from streams.books import Books
from streams.broker import Topics, librdkafka_config
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.errors import BrokerUnavailable, ConfigError
from streams.gaps import Gaps
from streams.headers import new_sender
from streams.heartbeat import Heartbeat
from streams.ledger import Ledger
from streams.offsets import LagGate, Progress
from streams.pipeline import Judge, Pipeline
from streams.retention import Retention
from streams.sentiment.scorer import build_scorer
from streams.settings import Sentiment, Settings
from streams.store.port import Store
from streams.watch import TopicsFile, TopicsWatch

_AnyAgent = FilterAgent | IndexAgent | LetterAgent | LabelAgent

GONE_SECONDS: Final = 0.5
"""Between looks at which topics the broker has."""
ROLES: Final = ("filter", "index", "dead-letters", "labels")
"""The agents of a worker. All by default; a cluster may run some of them in workers apart."""


def create_app(
    settings: Settings,
    topics: Sequence[Topic],
    store: Store,
    *,
    instance: str = "",
    roles: Collection[str] = ROLES,
    pipeline: Judge | None = None,
    topics_file: TopicsFile | None = None,
    lives: Mapping[str, str] | None = None,
    keep_place: bool = True,
    channels: Sequence[Channel] = (),
    archive: Archive | None = None,
    avro: Writers | None = None,
) -> faust.App:
    """An application with the agents named in `roles`; `pipeline` stands in for the usual one.

    `topics` are those of `topics_file`, whose later changes are taken in while it runs.

    `instance` names this worker among several and stays the same across restarts, so that Kafka
    gives a restarted worker its partitions back at once: those it had, and so none of a topic made
    anew meanwhile, unless `keep_place` is false. `lives` tells by topic which of its lives it is in
    (`streams.checks`): offsets of another one mean nothing. `archive` is given every post, and
    closed at the end. `avro`, where it is given, writes a copy of mentions.
    """
    app = _bare_app(settings, instance if keep_place else "")
    refuse_weak_acks(app.conf.producer_acks)
    judges = "filter" in roles and pipeline is None  # else its engine need not even be there
    usual = new_pipeline(topics, settings.sentiment) if judges else new_pipeline([])
    parts = _Parts(app, settings, pipeline or usual, store, lives or {}, archive=archive, avro=avro)
    bodies = {
        parts.names.posts: ("filter", parts.filter),
        parts.names.mentions: ("index", parts.index),
        parts.names.dead: ("dead-letters", parts.letters),
        parts.names.labels: ("labels", parts.labels),
    }
    for topic, (role, body) in bodies.items():
        if role in roles:
            app.agent(_raw(app, topic), name=role)(body)

    app.ledger = parts.ledger
    app.abandon = parts.abandon
    app.broker_starts_empty = settings.embedded_broker

    if "index" in roles and settings.alerts.enabled:
        static = {topic.id: topic for topic in topics}
        watched = (lambda: usual.matcher.topics) if judges else lambda: static
        watch, notifier = parts.alerts(watched, holder_of(instance), channels)
        app.task(watch.run)
        app.task(notifier.run)

    if "index" in roles:
        app.task(Retention(store, settings.store).run)

    if topics_file and "filter" in roles:
        app.task(TopicsWatch(topics_file, usual.matcher).run)

    @app.task  # type: ignore[untyped-decorator]  # Faust is untyped here
    async def watch_topics() -> None:
        await _until_gone(app)

    @app.task  # type: ignore[untyped-decorator]  # Faust is untyped here
    async def beat() -> None:
        pipe = settings.pipeline
        await Heartbeat(app, store, parts.ledger, instance, pipe, lives=lives or {}).run()

    return app


async def _until_gone(app: faust.App) -> None:
    """End the worker when a topic is deleted, and leave the group: at its next start it makes the
    topic again, and has to be given its partitions."""
    gone: set[str] = set()
    while not gone:
        await asyncio.sleep(GONE_SECONDS)
        gone = app.consumer.gone()
    names = ", ".join(sorted(gone))
    await app.consumer.leave()
    await app.crash(
        BrokerUnavailable(f"the broker has no topic {names} any more: starting again to make it")
    )


def new_pipeline(topics: Sequence[Topic], sentiment: Sentiment = Sentiment()) -> Pipeline:
    """The pipeline over these topics with the engine chosen. Raises `ConfigError`."""
    return Pipeline(compile_topics(topics), build_scorer(settings=sentiment))


class _Parts:
    """The bodies of the agents and what they share, built once Faust's producer runs."""

    def __init__(
        self,
        app: faust.App,
        settings: Settings,
        pipeline: Judge,
        store: Store,
        lives: Mapping[str, str],
        *,
        archive: Archive | None = None,
        avro: Writers | None = None,
    ) -> None:
        self._avro = avro
        self._keeper = Keeper(archive, store) if archive else None
        self.names = Topics.of(settings.kafka.prefix)
        self.ledger = Ledger()
        self._app = app
        self._settings = settings
        self._store = store
        self._pipeline = pipeline
        self._lives = lives
        self._gaps = Gaps(store)
        self._touched = Touched()
        self._agents: list[_AnyAgent] = []

    async def abandon(self) -> None:
        """To be called before the store is closed: see `_Agent.abandon`."""
        for agent in self._agents:
            await agent.abandon()
        if self._keeper:
            await self._keeper.close()

    def _life(self, topic: str) -> str:
        return self._lives.get(topic, self._settings.kafka.life)

    def _books(self, stage: str, topic: str) -> Books:
        return Books(self._store, stage, self._life(topic))

    async def _note_gap(self, place: str, before: int, missed: int) -> None:
        life = self._life(place.rpartition("/")[0])
        await self._gaps.note(place, before, missed, life)

    async def filter(self, stream: Any) -> None:
        agent = FilterAgent(
            pipeline=self._pipeline,
            sender=self._sender(),
            mentions=self.names.mentions,
            dead=self.names.dead,
            ledger=self.ledger,
            crash=self._app.crash,
            books=self._books("filter", self.names.posts),
            keeper=self._keeper,
        )
        await self._run(agent, stream)

    async def index(self, stream: Any) -> None:
        sender = self._sender()
        agent = IndexAgent(
            store=self._store,
            sender=sender,
            dead=self.names.dead,
            ledger=self.ledger,
            crash=self._app.crash,
            books=self._books("index", self.names.mentions),
            touched=self._touched,
            copy=AvroCopy(sender, self.names.avro, self._avro) if self._avro else None,
        )
        await self._run(agent, stream)

    async def letters(self, stream: Any) -> None:
        agent = LetterAgent(store=self._store, ledger=self.ledger, crash=self._app.crash)
        await self._run(agent, stream)

    async def _run(self, agent: _AnyAgent, stream: Any) -> None:
        agent.on_gap = self._note_gap
        self._agents.append(agent)
        await agent.run(stream)

    async def labels(self, stream: Any) -> None:
        agent = LabelAgent(
            store=self._store,
            sender=self._sender(),
            dead=self.names.dead,
            ledger=self.ledger,
            crash=self._app.crash,
            touched=self._touched,
        )
        await self._run(agent, stream)

    def alerts(
        self,
        topics: Callable[[], Mapping[str, Topic]],
        holder: str,
        channels: Sequence[Channel],
    ) -> tuple[AlertWatch, Notifier]:
        """What looks after incidents, over all that the agents write, and what tells people."""
        settings = self._settings
        notifier = Notifier(
            self._store,
            settings.alerts,
            channels,
            base_url=settings.web.base_url,
            topic_names={topic.id: topic.name for topic in topics().values() if topic.name},
            holds=lambda: watch.holds,
        )
        watch = AlertWatch(
            self._store,
            settings.alerts,
            topics,
            self._touched,
            holder=holder,
            publish=self._publish,
            on_change=notifier.on_change,
            explain=Explainer(self._store, topics),
            again=max(AGAIN_SECONDS, settings.store.refresh_seconds + 1.5),
        )
        return watch, notifier

    async def _publish(self, incidents: Sequence[Incident]) -> None:
        items = [(one.id.encode(), msgspec.json.encode(one)) for one in incidents]
        await acknowledged(await self._sender().send(self.names.alerts, items))

    def _sender(self) -> BatchSender:
        gates = {}
        if self._settings.embedded_broker:
            kafka = self._settings.kafka
            progress = Progress(librdkafka_config(kafka), kafka.group)
            limit = self._settings.pipeline.max_lag_bytes
            gates[self.names.mentions] = LagGate(progress, self.names.mentions, limit)
        producer = self._app.producer._ensure_producer()
        return new_sender(producer, self._settings.kafka, gates)


def holder_of(instance: str) -> str:
    """A name for this worker that stays the same across restarts, where it was given one."""
    return instance or f"{socket.gethostname()}-{os.getpid()}"


def refuse_weak_acks(acks: object) -> None:
    """Raises `ConfigError` unless a record is sent only when all copies in step have it."""
    if acks not in (-1, "all"):
        raise ConfigError(
            f"PRODUCER_ACKS={acks}: records would count as sent before they are safe. Remedy: take "
            "that variable of Faust's out of the environment"
        )


def _raw(app: faust.App, name: str) -> Any:
    return app.topic(name, key_serializer="raw", value_serializer="raw", internal=False)


def _bare_app(settings: Settings, instance: str) -> faust.App:
    slab.register()
    kafka = settings.kafka
    # The broker in memory lets a worker in only once the one before it, killed, has timed out.
    session = 3.0 if settings.embedded_broker else 10.0
    return faust.App(
        kafka.group,
        broker=[f"slab://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        store="memory://",
        datadir=str(settings.data_dir / "faust"),
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_buffer_maxsize=16,
        broker_commit_interval=settings.pipeline.commit_seconds,
        broker_max_poll_records=5000,
        broker_session_timeout=session,
        broker_heartbeat_interval=session / 5,
        broker_rebalance_timeout=20.0,
        consumer_max_fetch_size=1024 * 1024,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance or None,
        producer_acks=-1,
        producer_compression_type="zstd",
        producer_linger=0,
        # Faust's 1200 s: a topic that is gone would hold a worker for twenty minutes.
        producer_request_timeout=30.0,
        producer_max_batch_size=BATCH_BYTES,
    )


def _credentials(settings: Settings) -> Any:
    kafka = settings.kafka
    if kafka.security_protocol == "PLAINTEXT":
        return None
    context = ssl_context(str(kafka.ca_file) if kafka.ca_file else None)
    if kafka.security_protocol == "SSL":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=kafka.username,
        password=kafka.password.get_secret_value(),
        mechanism=kafka.sasl_mechanism,
        ssl_context=context if "SSL" in kafka.security_protocol else None,
    )
