"""`veille store verify`: the store held against Kafka, mention by mention."""

from typing import Annotated

import typer

from streams.commands.bars import counting
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    counted,
    load_settings,
    out,
    parse_moment,
    print_json,
    run,
)
from streams.errors import ConfigError
from streams.settings import Settings
from streams.store import opened_store
from streams.store.port import Filter
from streams.verifying import Verified, Verify

_WORDS = {
    "missing": "missing in the store",
    "older": "older in the store than in Kafka",
    "standing": "in the store, though taken back",
    "extra": "in the store, but not in Kafka",
}


def verify(
    *,
    topics: Annotated[
        list[str] | None, typer.Option("--topic", help="Only these topics; may be repeated.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only posts since then, such as 7d or 2026-01-31.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Hold the store against Kafka's mentions: counts and ids. Ends with 1 if they differ.

    Reads all that Kafka keeps of them and all of the store, changes nothing, and may be run while
    workers write: it waits until they have stored what it has read.

    [bold]Example[/bold]: veille store verify --topic acme --since 7d
    """
    settings = load_settings(config)
    if not settings.kafka.bootstrap_servers:
        raise ConfigError(
            "kafka.bootstrap_servers is empty: there is no Kafka to hold the store against. "
            "Remedy: name the broker (VEILLE_KAFKA__BOOTSTRAP_SERVERS)"
        )
    where = Filter(topics=tuple(topics or ()), since=parse_moment(since, "--since"))
    found: Verified = run(_verify(settings, where, quiet=as_json))
    if as_json:
        print_json(found)
    else:
        _show(found)
    if not found.sound:
        raise typer.Exit(FAILED)


async def _verify(settings: Settings, where: Filter, *, quiet: bool) -> Verified:
    async with opened_store(settings) as store:
        with counting(quiet=quiet) as note:
            return await Verify(settings, store, where, note).run()


def _show(found: Verified) -> None:
    out.print(
        f"Kafka   {counted(found.read, 'record')}, {counted(found.expected, 'mention')} to be shown"
        + f", {found.unreadable:,} unreadable" * bool(found.unreadable)
    )
    if found.keeps_since:
        out.print(
            f"        keeps records since {found.keeps_since:%Y-%m-%d %H:%M} UTC; "
            f"{counted(found.before, 'mention')} of the store older"
        )
    out.print(f"Store   {counted(found.stored, 'mention')}")
    for name, words in _WORDS.items():
        if number := getattr(found, name):
            some = ", ".join(found.ids.get(name, [])[:3])
            out.print(f"        {number:,} {words}: {some}", style="red", soft_wrap=True)
    if found.waiting:
        waiting = counted(found.waiting, "record waits", "records wait")
        out.print(f"        {waiting} for a worker: is one running?")
    if found.sound:
        out.print("        the same as Kafka", style="green")
    else:
        out.print(
            "Remedy: `veille store rebuild` writes again what Kafka keeps; what no store accepts "
            "is among `veille dead-letters`"
        )
