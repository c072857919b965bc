"""Sending dead letters again, and learning what becomes of them.

A letter goes back as the record it was, with its id in a header. Whichever agent finishes with it
says so in `veille.dead-letters`: an empty value takes the letter away, a new failure is the same
letter with one attempt more. Until one of the two is acknowledged, the letter stays where it is.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from connectors import letters, post
from connectors.kafka import Describe, partition_of
from connectors.kafka import pieces as in_pieces
from connectors.letters import DeadLetter
from connectors.post import utc_now
from connectors.reread import CannotReread, StillUnreadable, reread
from streams.broker import Topics, ensure_topics, started_producer
from streams.errors import BrokerUnavailable, VeilleError
from streams.headers import descriptions
from streams.settings import Settings
from streams.store.port import LetterFilter, Store

What = Literal["gone", "failed", "waiting", "refused"]
POLL_SECONDS: Final = 0.2


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a letter: `gone` for good, `failed` again, `waiting` for a worker that has
    not come to it, or `refused` because it can't be sent again at all; `reason` says why."""

    id: str
    what: What
    reason: str = ""
    attempts: int = 1


class Outgoing(msgspec.Struct, frozen=True):
    """A letter as the record to send."""

    letter: DeadLetter
    topic: str
    key: bytes
    value: bytes


def outgoing(letter: DeadLetter, settings: Settings) -> Outgoing:
    """Where it came from and what to send there. Raises `CannotReread`, `StillUnreadable`."""
    topics = Topics.of(settings.kafka.prefix)
    if letter.cut:
        raise CannotReread(
            f"only the first {len(letter.raw):,} of {letter.size:,} bytes were kept. Remedy: "
            f"look for the original at {letter.place}; then drop the letter"
        )
    if letter.stage == "collect":
        found = reread(letter, settings.sources)
        return Outgoing(letter, topics.posts, found.id.encode(), post.encode(found))
    topic = {"filter": topics.posts, "index": topics.mentions, "label": topics.labels}[letter.stage]
    return Outgoing(letter, topic, letter.key or _key_in(letter.raw), letter.raw)


def _key_in(raw: bytes) -> bytes:
    """The post's id, for letters that are older than the field `key`."""
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    for name in ("post_id", "mention_id"):
        if isinstance(found, dict) and isinstance(found.get(name), str):
            return str(found[name]).encode("utf-8", "replace")
    inner = found.get("post", found) if isinstance(found, dict) else {}
    return str(inner.get("id", "")).encode("utf-8", "replace") if isinstance(inner, dict) else b""


async def broker_of(settings: Settings, store: Store) -> Settings:
    """The settings with the broker's address: where it is embedded, `veille up` has told it.

    Raises `VeilleError` where none runs.
    """
    if settings.kafka.bootstrap_servers:
        return settings
    told = (await store.states("broker")).get("embedded", {})
    if not told.get("address"):
        raise VeilleError("no worker has run here yet. Remedy: start `veille up`, then try again")
    kafka = settings.kafka.model_copy(
        update={"bootstrap_servers": str(told["address"]), "in_memory": True}
    )
    return settings.model_copy(update={"kafka": kafka})


async def replay(
    settings: Settings,
    store: Store,
    chosen: Sequence[DeadLetter],
    *,
    seconds: float,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
) -> list[Outcome]:
    """Send letters again and wait, `seconds` at most for each piece of 500 KB, for the outcomes.

    Raises `VeilleError` when there is no broker; the letters then stay as they are.
    """
    told: list[Outcome] = []

    def tell(outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            told.append(outcome)
            on_outcome(outcome)

    ready, refused = await _prepare(settings, store, chosen)
    tell(refused)
    if not ready:
        return told
    told_address = not settings.kafka.bootstrap_servers
    settings = await broker_of(settings, store)
    if not settings.embedded_broker:
        await ensure_topics(settings.kafka)
    async with _producer(settings, told=told_address) as producer:
        described = descriptions(Topics.of(settings.kafka.prefix))
        sent: dict[bytes, Outgoing] = {one.letter.id.encode(): one for one in ready}
        for piece, _ in in_pieces([(id_, one.value) for id_, one in sent.items()]):
            some = [sent[id_] for id_, _ in piece]
            await _send(producer, some, described)
            outcomes = await _watch(store, [one.letter for one in some], seconds)
            tell(outcomes)
            if any(one.what == "waiting" for one in outcomes):
                break  # no worker takes them: more would but fill the broker
    left = {one.letter.id: one.letter for one in ready}.keys() - {one.id for one in told}
    tell(Outcome(id=id_, what="waiting", reason="not sent") for id_ in left)
    return told


async def _prepare(
    settings: Settings, store: Store, chosen: Sequence[DeadLetter]
) -> tuple[list[Outgoing], list[Outcome]]:
    ready: list[Outgoing] = []
    refused: list[Outcome] = []
    for letter in chosen:
        try:
            ready.append(outgoing(letter, settings))
        except CannotReread as error:
            refused.append(_outcome(letter, "refused", str(error)))
        except StillUnreadable as error:
            refused.append(await _failed_again(store, letter, str(error)))
    return ready, refused


async def _failed_again(store: Store, letter: DeadLetter, reason: str) -> Outcome:
    again = msgspec.structs.replace(letter, attempts=1, reason=reason, at=utc_now())
    await store.add_dead_letters([again])
    tried = msgspec.structs.replace(letter, attempts=letter.attempts + 1)
    return _outcome(tried, "failed", reason)


def _outcome(letter: DeadLetter, what: What, reason: str = "") -> Outcome:
    return Outcome(id=letter.id, what=what, reason=reason, attempts=letter.attempts)


@contextlib.asynccontextmanager
async def _producer(settings: Settings, *, told: bool) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer. `told`: the address is what the last `veille up` left in the store."""
    try:
        producer = await started_producer(settings.kafka)
    except BrokerUnavailable as error:
        if told:
            raise VeilleError(
                "`veille up` does not run here. Remedy: start it, then try again; the letters stay "
                "as they are"
            ) from error
        raise
    try:
        yield producer
    finally:
        await producer.stop()


async def _send(
    producer: AIOKafkaProducer, ready: Sequence[Outgoing], described: Mapping[str, Describe]
) -> None:
    try:
        futures = []
        for one in ready:
            count = len(await producer.partitions_for(one.topic))
            sent = producer.send(
                one.topic,
                value=one.value,
                key=one.key,
                partition=partition_of(one.key, count),
                headers=[
                    (letters.HEADER, one.letter.id.encode()),
                    *described[one.topic](one.value),
                ],
            )
            futures.append(await sent)
        await asyncio.gather(*futures)
    except KafkaError as error:
        raise BrokerUnavailable(
            f"the broker does not take the letters: {error}. Remedy: see `veille status`, then try "
            "again; none was lost"
        ) from error


async def _watch(store: Store, sent: Sequence[DeadLetter], seconds: float) -> list[Outcome]:
    """What becomes of each: gone, or tried once more, or neither in time."""
    deadline, before = time.monotonic() + seconds, {one.id: one for one in sent}
    told: dict[str, Outcome] = {}
    while len(told) < len(before):
        _, present = await store.dead_letters(
            limit=len(before), where=LetterFilter(ids=tuple(before))
        )
        there = {one.id: one for one in present}
        for id_, old in before.items():
            now = there.get(id_)
            if now is None:
                told[id_] = _outcome(old, "gone")
            elif now.attempts > old.attempts:
                told[id_] = _outcome(now, "failed", now.reason)
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(POLL_SECONDS)
    late = "no worker has come to it yet; it goes when one does. See `veille status`"
    return [told.get(id_) or _outcome(old, "waiting", late) for id_, old in before.items()]
