"""The Faust application: a factory, with no side effect at import."""

import socket
from collections.abc import Sequence
from typing import Any

import faust

from connectors.kafka import BATCH_BYTES, BatchSender, ssl_context
from streams import slab
from streams.agents import FilterAgent, IndexAgent, LetterAgent
from streams.broker import Topics, librdkafka_config
from streams.criteria.matcher import compile as compile_topics
from streams.criteria.topics import Topic
from streams.heartbeat import Heartbeat
from streams.ledger import Ledger
from streams.offsets import LagGate, Progress
from streams.pipeline import Pipeline
from streams.sentiment.scorer import build_scorer
from streams.settings import Settings
from streams.store.port import Store


def create_app(
    settings: Settings, topics: Sequence[Topic], store: Store, *, instance: str = ""
) -> faust.App:
    """An application with three agents: filter, index, dead letters.

    `instance` names this worker among several and stays the same across restarts, so that Kafka
    gives a restarted worker its partitions back at once.
    """
    app = _bare_app(settings, instance)
    names = Topics.of(settings.kafka.prefix)
    parts = _Parts(app, settings, names)
    pipeline = Pipeline(compile_topics(topics), build_scorer())
    ledger = Ledger()

    @app.agent(_raw(app, names.posts), name="filter")  # type: ignore[untyped-decorator]
    async def filter_posts(stream: Any) -> None:
        agent = FilterAgent(
            pipeline=pipeline,
            sender=parts.sender(),
            mentions=names.mentions,
            dead=names.dead,
            ledger=ledger,
            crash=app.crash,
        )
        await agent.run(stream)

    @app.agent(_raw(app, names.mentions), name="index")  # type: ignore[untyped-decorator]
    async def index_mentions(stream: Any) -> None:
        agent = IndexAgent(
            store=store, sender=parts.sender(), dead=names.dead, ledger=ledger, crash=app.crash
        )
        await agent.run(stream)

    @app.agent(_raw(app, names.dead), name="dead-letters")  # type: ignore[untyped-decorator]
    async def keep_letters(stream: Any) -> None:
        await LetterAgent(store=store, ledger=ledger, crash=app.crash).run(stream)

    @app.task  # type: ignore[untyped-decorator]
    async def beat() -> None:
        await Heartbeat(app, store, ledger, instance or socket.gethostname()).run()

    return app


class _Parts:
    """What the agents share, built once the application's producer runs."""

    def __init__(self, app: faust.App, settings: Settings, names: Topics) -> None:
        self._app = app
        self._settings = settings
        self._names = names
        self._gates: dict[str, LagGate] = {}

    def sender(self) -> BatchSender:
        if self._settings.embedded_broker and not self._gates:
            progress = Progress(librdkafka_config(self._settings.kafka), self._settings.kafka.group)
            limit = self._settings.pipeline.max_lag_bytes
            self._gates[self._names.mentions] = LagGate(progress, self._names.mentions, limit)
        return BatchSender(self._app.producer._ensure_producer(), self._gates)


def _raw(app: faust.App, name: str) -> Any:
    return app.topic(name, key_serializer="raw", value_serializer="raw", internal=False)


def _bare_app(settings: Settings, instance: str) -> faust.App:
    slab.register()
    kafka = settings.kafka
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
        stream_buffer_maxsize=4,
        broker_commit_interval=settings.pipeline.commit_seconds,
        broker_max_poll_records=5000,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=20.0,
        consumer_max_fetch_size=1024 * 1024,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=instance or None,
        producer_acks=-1,
        producer_compression_type="lz4",
        producer_linger=0,
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
