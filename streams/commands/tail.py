"""`veille tail`: the last mentions of a topic, and what comes."""

import contextlib
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Final

import msgspec
import typer

from connectors.letters import printable
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    load_config_topics,
    load_settings,
    parse_moment,
    run,
)
from streams.errors import ConfigError
from streams.exporting.rows import pages
from streams.records import Mention, Record, Retraction, encode
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import Filter, Store
from streams.store.rules import tone
from streams.tailing import FromKafka, FromStore, Once, Stream

_SIGNS: Final = {"pos": "+", "neg": "-", "neu": ".", "unscored": "?"}
_FROM: Final = ("kafka", "store")
_TEXT: Final = 160
MOST: Final = 100_000
"""Mentions of the past that are held at once."""


def tail(
    topics: Annotated[
        list[str] | None, typer.Argument(metavar="TOPIC…", help="Ids of topics; none: all.")
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    lines: Annotated[
        int, typer.Option("--lines", "-n", min=0, max=1_000, help="The last so many first.")
    ] = 10,
    since: Annotated[
        str | None, typer.Option(help="Instead of --lines: what came since a time, or 24h, 7d.")
    ] = None,
    origin: Annotated[
        str,
        typer.Option("--from", help="kafka or store \\[default: kafka where there is a broker]."),
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Take topics that are not watched yet, too.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the last mentions of topics, oldest first, and with --follow those that come.

    From Kafka they are the records of the topic of mentions: new versions, deletions and
    retractions too. From the store, --since means when a post was written.

    [bold]Example[/bold]: veille tail acme --follow --json | jq -r .post.url
    """
    settings = load_settings(config)
    chosen = origin or ("store" if settings.embedded_broker else "kafka")
    if chosen not in _FROM:
        raise ConfigError(f"--from {origin!r}: unknown. Remedy: one of {', '.join(_FROM)}")
    if chosen == "kafka" and settings.embedded_broker:
        raise ConfigError(
            "--from kafka: no broker is set. Remedy: VEILLE_KAFKA__BOOTSTRAP_SERVERS, "
            "or --from store"
        )
    moment = parse_moment(since, "--since")
    wanted = topics or []
    watched = {topic.id for topic in load_config_topics(config)} if wanted and not wait else set()
    with contextlib.suppress(KeyboardInterrupt):
        if not wait and not watched.issuperset(wanted):
            run(_refuse_unknown(settings, wanted, watched))
        run(_tail(settings, wanted, chosen, moment, lines, follow=follow, as_json=as_json))


async def _refuse_unknown(settings: Settings, wanted: Sequence[str], watched: set[str]) -> None:
    """A topic that is neither watched nor has mentions: a slip of the pen would be silence."""
    async with opened_store(settings) as store:
        known = watched.union(await store.topics())
    for topic in wanted:
        if topic not in known:
            near = get_close_matches(topic, known, n=5) or sorted(known)[:20]
            raise ConfigError(
                f"no topic {topic!r}. Remedy: one of {', '.join(near)}, or --wait for one that is "
                "yet to come"
            )


async def _tail(
    settings: Settings,
    topics: Sequence[str],
    origin: str,
    since: datetime | None,
    lines: int,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    """What comes is listened to before what there is is read: nothing falls between the two."""
    replayed = origin == "kafka" and since is not None
    async with AsyncExitStack() as stack:
        stream: Stream = FromKafka(settings.kafka, topics)
        store = None
        if not replayed:
            store = await stack.enter_async_context(opened_store(settings))
            if origin == "store":
                stream = FromStore(store, topics)
        if follow or replayed:
            stack.push_async_callback(stream.close)
            await stream.begin(since)
        told = (
            [] if store is None else await _past(store, Filter(topics=tuple(topics)), since, lines)
        )
        _write(told, as_json=as_json)
        once = Once(told)
        while follow or (replayed and not await stream.caught_up()):
            _write(once(await stream.next()), as_json=as_json)


async def _past(store: Store, where: Filter, since: datetime | None, lines: int) -> list[Mention]:
    """The last ones, oldest first; at most `MOST` of those since a moment."""
    limit = lines if since is None else MOST
    asked = pages(store, msgspec.structs.replace(where, since=since), limit=limit)
    return [mention async for page in asked for mention in page][::-1]


def _write(records: Sequence[Record], *, as_json: bool) -> None:
    """At once, so that a pipe has them; a reader that goes away (`| head`) ends it quietly."""
    try:
        for record in records:
            line = encode(record) if as_json else printable(_line(record).encode()).encode()
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()
        raise typer.Exit(FAILED) from None


def _line(record: Record) -> str:
    if isinstance(record, Retraction):
        still = ", ".join(record.topics) or "none"
        return f"{'':16}  -  {record.post_id} was edited or deleted; topics it still meets: {still}"
    post = record.post
    text = "(deleted)" if record.deleted else _clip(f"{post.title} {post.text}")
    said = (record.topic, _SIGNS[tone(record)], post.source, post.author.handle or post.author.name)
    return "  ".join([f"{post.created_at:%Y-%m-%d %H:%M}", *(_clip(one) for one in said), text])


def _clip(text: str) -> str:
    return " ".join(text.split())[:_TEXT]
