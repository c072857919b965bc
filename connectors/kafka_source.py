"""`kafka`: posts from topics of JSON records, such as another system's.

Offsets are the cursor; no consumer group is joined and nothing is committed. A pass reads to where
the topics ended when it began. See docs/connectors/kafka.md.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)

from connectors import http
from connectors.addresses import resolve
from connectors.base import Context, Cursor, Gap, Option, Spec, Step
from connectors.errors import BadSettings, Fatal, Retriable, SkipItem
from connectors.fields import count, mapping
from connectors.kafka import ssl_context
from connectors.mapping import COMMON, Mapper, Rules
from connectors.options import TIMEOUT, Options
from connectors.post import Post
from connectors.text import line

_AT_ONCE: Final = 500
_MECHANISMS: Final = ("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_CLOSED: Final = (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
_KEPT_BYTES: Final = 65_536
_ENVELOPE: Final = 5
"""Bytes that schema registries put before a record: a zero and the schema's number."""


class KafkaSource:
    """Cursor: `{topic: {partition: the next offset}}`."""

    spec: ClassVar[Spec] = Spec(
        name="kafka",
        door="Kafka topics of JSON records",
        sees="whatever the topics hold",
        needs="the brokers' address; the names of fields, where they are not the common ones",
        limits="none but the brokers'",
        group="doors",
        options=(
            Option("bootstrap_servers", "Brokers, such as kafka.example.org:9092.", required=True),
            Option("topics", "Topics to read.", (), required=True),
            Option("start", "Where the first start begins: earliest or latest.", "earliest"),
            Option("columns", "Post field: JSON field (a.b for nested), where names differ.", {}),
            Option("defaults", "Post field: value, for what a record lacks.", {}),
            Option("source", "Name of the source the posts bear.", "kafka"),
            Option("html", "Whether texts are HTML.", False),
            Option("tls", "Whether the brokers speak TLS.", "no"),
            Option("ca_file", "Authority that signed the brokers' certificates.", ""),
            Option("sasl", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, where one logs in.", ""),
            Option("user", "Name to log in with.", ""),
            Option("password", "Password to log in with.", "", secret=True),
            TIMEOUT,
        ),
        poll_seconds=5.0,
    )

    def __init__(self, context: Context) -> None:
        options = Options(self.spec, context.options)
        self._context = context
        self._timeout = options.seconds("timeout", 0.1, 600)
        self._servers = options.many("bootstrap_servers")
        for server in self._servers:
            host, _, port = server.rpartition(":")
            if not host or not port.isdigit():
                raise BadSettings(
                    f"kafka: 'bootstrap_servers' has {server!r:.120}; give host:port, such as "
                    "kafka.example.org:9092"
                )
        self._topics = options.many("topics")
        self._start = options.choice("start", ("earliest", "latest"))
        self._rules = Rules(
            source=options.text("source"),
            columns={name: str(column) for name, column in options.pairs("columns").items()},
            defaults=options.pairs("defaults"),
            html=options.switch("html"),
        )
        self._mapper = Mapper(self._rules, context.on_note)
        self._security = _security(options)
        self._password = options.text("password")

    async def posts(self, cursor: Cursor) -> AsyncIterator[Step]:
        """One pass over every partition, to where it ended when the pass began."""
        for server in self._servers:
            host, _, port = server.rpartition(":")
            await resolve(host, int(port), self._context.allow_hosts)
        consumer = AIOKafkaConsumer(
            *self._topics,
            bootstrap_servers=self._servers,
            client_id="veille",
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            request_timeout_ms=int(self._timeout * 1000),
            **self._security,
        )
        try:
            async with asyncio.timeout(self._timeout):
                await consumer.start()
            async for step in self._read(consumer, mapping(cursor)):
                yield step
        except TimeoutError:
            raise Retriable(f"kafka: {self._servers[0]} did not answer in time") from None
        except _CLOSED as error:
            raise Fatal(
                f"kafka: {self._servers[0]} refused: {self._said(error)}. Remedy: check 'sasl', "
                "'user', 'password', and the rights to read the topics"
            ) from None
        except (KafkaError, OSError) as error:
            raise Retriable(f"kafka: {self._servers[0]}: {self._said(error)}") from None
        finally:
            await consumer.stop()

    def _said(self, error: Exception) -> str:
        said = line(str(error), limit=200) or type(error).__name__
        return said.replace(self._password, "***") if self._password else said

    async def _read(self, consumer: AIOKafkaConsumer, known: dict[str, Any]) -> AsyncIterator[Step]:
        async with asyncio.timeout(self._timeout):
            ends, first = await self._bounds(consumer)
        at: dict[TopicPartition, int] = {}
        for place, end in ends.items():
            saved = count(mapping(known.get(place.topic)).get(str(place.partition)))
            fresh = saved is None and self._start == "latest" and place.topic not in known
            at[place] = end if fresh else max(saved or 0, first[place])
            if saved is not None and not first[place] <= saved <= end:
                at[place] = first[place]
                yield Step(gap=self._gap(place, saved, first[place]))
        consumer.unsubscribe()
        consumer.assign(list(at))
        for place, offset in at.items():
            consumer.seek(place, offset)
        yield Step(cursor=_cursor(at))
        while any(at[place] < end for place, end in ends.items()):
            async with asyncio.timeout(self._timeout):
                got = await consumer.getmany(timeout_ms=1000, max_records=_AT_ONCE)
            for place, rows in got.items():
                self._mapper.now = http.current_time(self._context)
                for row in rows:
                    at[place] = row.offset + 1
                    if row.value:
                        yield self._step(row)
            for place, offset in at.items():  # also past markers of transactions
                at[place] = max(offset, await consumer.position(place))
            yield Step(cursor=_cursor(at))

    async def _bounds(
        self, consumer: AIOKafkaConsumer
    ) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Where each partition ends and begins now. Raises `Fatal` for a topic that is missing."""
        there = await consumer.topics()
        missing = [topic for topic in self._topics if topic not in there]
        if missing:
            raise Fatal(
                f"kafka: {self._servers[0]} has no topic {', '.join(missing):.200}. Remedy: check "
                "'topics', and the rights to read them"
            )
        places = [
            TopicPartition(topic, number)
            for topic in self._topics
            for number in sorted(consumer.partitions_for_topic(topic) or ())
        ]
        return await consumer.end_offsets(places), await consumer.beginning_offsets(places)

    def _gap(self, place: TopicPartition, saved: int, first: int) -> Gap:
        where = f"{place.topic}[{place.partition}]"
        reason = f"{where} no longer holds offset {saved}; it is read from {first} on"
        return Gap(since=str(saved), until=str(first), reason=reason)

    def _step(self, row: ConsumerRecord) -> Step:
        place = f"{row.topic}[{row.partition}] offset {row.offset}"
        value: bytes = row.value
        try:
            at = datetime.fromtimestamp(row.timestamp / 1000, UTC) if row.timestamp > 0 else None
            return Step(post=self._post(value, at))
        except (ValueError, OverflowError) as error:
            said = f"{place}: {line(str(error), limit=200)}"
            return Step(dead=SkipItem(said, place=place, raw=value[:_KEPT_BYTES]))

    def reread(self, raw: bytes) -> Post:
        """The post of a record that could not be read before. Raises `ValueError`."""
        self._mapper.now = http.current_time(self._context)
        return self._post(raw, None)

    def _post(self, value: bytes, at: datetime | None) -> Post:
        """`at` is when the record was written, for those that name no time."""
        if value[:1] == b"\0" and value[_ENVELOPE : _ENVELOPE + 1] == b"{":
            value = value[_ENVELOPE:]
        try:
            row = msgspec.json.decode(value, type=dict[str, Any])
        except RecursionError:
            raise ValueError("the record is nested too deeply") from None
        for column in self._rules.columns.values():
            if column not in row and (found := _dug(row, column)) is not None:
                row[column] = found
        named = self._rules.columns.get("created_at")
        names = {name.lower() for name in row}
        if at and named not in row and not names & set(COMMON["created_at"]):
            row["timestamp"] = at.isoformat()
        return self._mapper.post(row, value)


def _dug(row: Mapping[str, Any], path: str) -> Any:
    """The value at `a.b.c`, or nothing."""
    found: Any = row
    for name in path.split("."):
        found = mapping(found).get(name)
    return found


def _cursor(at: Mapping[TopicPartition, int]) -> Cursor:
    kept: dict[str, dict[str, int]] = {}
    for place, offset in at.items():
        kept.setdefault(place.topic, {})[str(place.partition)] = offset
    return kept


def _security(options: Options) -> dict[str, Any]:
    mechanism, secure = options.choice("sasl", _MECHANISMS), options.switch("tls")
    user, password = options.text("user"), options.text("password")
    if bool(mechanism) != bool(user and password):
        raise BadSettings(
            f"kafka: 'sasl' is {mechanism!r}; set it together with 'user' and 'password'"
        )
    found: dict[str, Any] = {
        "security_protocol": ("SASL_" if mechanism else "") + ("SSL" if secure else "PLAINTEXT")
    }
    if mechanism:
        found |= {
            "sasl_mechanism": mechanism,
            "sasl_plain_username": user,
            "sasl_plain_password": password,
        }
    if secure:
        try:
            found["ssl_context"] = ssl_context(options.text("ca_file") or None)
        except OSError as error:
            shown = options.text("ca_file")
            raise BadSettings(f"kafka: 'ca_file' is {shown!r:.120}; {error.strerror}") from None
    return found
