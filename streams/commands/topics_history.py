"""`veille topics history`, `diff`, `rollback`: what was changed, and how to take it back."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.text import Text

from streams.commands.common import (
    ConfigOption,
    JsonOption,
    load_settings,
    out,
    print_json,
    run,
    topics_path,
)
from streams.commands.users import login_here
from streams.criteria.describe import printable
from streams.errors import ConfigError
from streams.store import opened_store
from streams.store.journal import Entry
from streams.topics.desk import Desk
from streams.topics.editing import TopicsEditor, Unknown
from streams.topics.history import difference, text_of

TopicArgument = Annotated[str, typer.Argument(help="The topic's id.")]
_NOW: Final = "now"


def history(
    topic: TopicArgument,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many changes.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List the changes of a topic, newest first: who, when, and why.

    [bold]Example[/bold]: veille topics history outage
    """
    found = run(_entries(topic, limit, config))
    for entry in found:
        if as_json:
            print_json(entry)
        else:
            out.print(Text(printable(_line(entry))), soft_wrap=True)
    if not found and not as_json:
        out.print(Text(printable(f"{topic}: no change is known")))


def diff(
    topic: TopicArgument,
    before: Annotated[str, typer.Argument(help="Id of a change, of 8 letters or more.")],
    after: Annotated[str, typer.Argument(help="Id of another, or now.")] = _NOW,
    *,
    config: ConfigOption = None,
) -> None:
    """Show the difference of two versions of a topic; exit code 1 where there is one.

    [bold]Example[/bold]: veille topics diff outage 3f2a9c01
    """
    shown: str = run(_difference(topic, before, after, config))
    if shown:
        out.print(Text(printable(shown)), soft_wrap=True)
        raise typer.Exit(1)


def rollback(
    topic: TopicArgument,
    version: Annotated[str, typer.Argument(help="Id of the change to go back to.")],
    *,
    note: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    config: ConfigOption = None,
) -> None:
    """Write a topic into its file as a change left it: an edit like any other.

    [bold]Example[/bold]: veille topics rollback outage 3f2a9c01
    """
    run(_rollback(topic, version, note, config))
    out.print(Text(printable(f"{topic}: rolled back to {version}")))


@asynccontextmanager
async def _desk(config: Path | None) -> AsyncIterator[Desk]:
    async with opened_store(load_settings(config)) as store:
        yield Desk(TopicsEditor(topics_path(config)), store)


async def _entries(topic: str, limit: int, config: Path | None) -> list[Entry]:
    async with _desk(config) as desk:
        return (await desk.history.of(topic, limit=limit)).entries


async def _difference(topic: str, before: str, after: str, config: Path | None) -> str:
    async with _desk(config) as desk:
        texts = [await _text(desk, topic, name) for name in (before, after)]
    return difference(*texts, names=(before, after))


async def _text(desk: Desk, topic: str, name: str) -> str:
    if name == _NOW:
        return desk.editor.block(topic).text
    return text_of(await desk.history.find(topic, name))


async def _rollback(topic: str, version: str, note: str, config: Path | None) -> None:
    async with _desk(config) as desk:
        try:
            base = desk.editor.block(topic).digest
        except Unknown:
            base = ""
        edit = await desk.rollback(topic, version, base=base, by=login_here(), note=note)
    if edit.before == edit.after:
        raise ConfigError(f"{topic} is written so already. Remedy: choose another version")


def _line(entry: Entry) -> str:
    verb = {"add": "added", "edit": "changed", "remove": "removed", "rollback": "rolled back"}
    what = verb.get(entry.action.partition(".")[2], entry.action)
    note = f": {entry.note}" if entry.note else ""
    return f"{entry.id[:8]}  {entry.at:%Y-%m-%d %H:%M:%S}  {what} by {entry.by}{note}"
