"""`veille label`: a staff correction from the command line."""

import getpass
from datetime import timedelta
from typing import Annotated, Final

import msgspec
import typer

from connectors.kafka import BatchSender, acknowledged
from connectors.post import utc_now
from streams import records
from streams.broker import Topics, ensure_topics, running_producer
from streams.commands.common import ConfigOption, JsonOption, load_settings, out, print_json, run
from streams.errors import ConfigError, StoreError
from streams.records import LABELS, Label
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import Store

_JUST_AFTER: Final = timedelta(milliseconds=1)


def label(
    mention_id: Annotated[str, typer.Argument(help="As `veille search --json` shows it.")],
    *,
    sentiment: Annotated[str, typer.Option(help="pos, neg, neu or unscored.")] = "",
    relevant: Annotated[
        bool | None, typer.Option("--relevant/--irrelevant", help="Whether it belongs here.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why.")] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take back what was said.")] = False,
    by: Annotated[str, typer.Option(help="Whose word it is [default: your login].")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Correct a mention; it wins over what was computed, now and after a replay.

    What is not named stays as it was said before.

    [bold]Example[/bold]: veille label 0c5e90bb7a3e6dcd1f64c4f9ef9c0a11 --sentiment neg
    """
    if sentiment and sentiment not in LABELS:
        raise ConfigError(f"--sentiment {sentiment!r}: unknown. Remedy: {', '.join(LABELS)}")
    if not (sentiment or clear or relevant is not None or note is not None):
        raise ConfigError("nothing to say. Remedy: --sentiment, --relevant, --note or --clear")
    change = Label(
        mention_id=mention_id,
        labeled_at=utc_now(),
        by=by or getpass.getuser(),
        sentiment=sentiment or None,
        relevant=relevant,
        note=note or "",
    )
    made: Label = run(_label(load_settings(config), change, keep_note=note is None, clear=clear))
    if as_json:
        print_json(made)
    else:
        out.print("Taken back." if clear else "Kept.")


async def _label(settings: Settings, change: Label, *, keep_note: bool, clear: bool) -> Label:
    async with opened_store(settings) as store:
        before = (await store.labels([change.mention_id])).get(change.mention_id)
        made = merged(None if clear else before, change, keep_note=keep_note)
        await _known(store, made)
        await send(settings, store, made)
    return made


async def _known(store: Store, made: Label) -> None:
    """A label of no mention would wait for ever: most likely a slip of the pen."""
    if await store.get(made.mention_id) is None:
        raise ConfigError(
            f"{made.mention_id!r}: no such mention is stored. Remedy: veille search --json"
        )


def merged(before: Label | None, change: Label, *, keep_note: bool) -> Label:
    """The change, with what it does not name as it was."""
    if before is None:
        return change
    return msgspec.structs.replace(
        change,
        labeled_at=max(change.labeled_at, before.labeled_at + _JUST_AFTER),
        sentiment=change.sentiment or before.sentiment,
        relevant=before.relevant if change.relevant is None else change.relevant,
        note=before.note if keep_note else change.note,
        tags=before.tags,
        assigned=before.assigned,
        done=before.done,
        spam=before.spam,
    )


async def send(settings: Settings, store: Store, made: Label) -> None:
    """To where it is safe: Kafka in a cluster, the store where the broker forgets.

    Raises `VeilleError`.
    """
    if settings.embedded_broker:
        for refused in await store.add_labels([made]):
            raise StoreError(f"{made.mention_id!r}: {refused.reason}")
        return
    await ensure_topics(settings.kafka)
    async with running_producer(settings.kafka) as producer:
        item = (made.mention_id.encode(), records.encode(made))
        topic = Topics.of(settings.kafka.prefix).labels
        await acknowledged(await BatchSender(producer).send(topic, [item]))
