"""`veille add`: a post that a person found, judged and kept as any other."""

from pathlib import Path
from typing import Annotated

import typer

from connectors.article import fetch
from connectors.base import Context
from connectors.errors import ConnectorError
from connectors.post import utc_now
from streams.adding import Added, Given, add, post_of
from streams.archive import opened_archive
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    counted,
    load_config_topics,
    load_settings,
    login,
    out,
    parse_moment,
    print_json,
    run,
)
from streams.errors import ConfigError, VeilleError
from streams.settings import Settings
from streams.store import opened_store


def add_post(
    url: Annotated[str, typer.Argument(help="Where it stands; empty with --text alone.")] = "",
    *,
    text: Annotated[str, typer.Option(help="What it says; else the page at URL is fetched.")] = "",
    title: Annotated[str, typer.Option(help="Its title.")] = "",
    author: Annotated[str, typer.Option(help="Who wrote it.")] = "",
    at: Annotated[str | None, typer.Option(help="When it was written, such as 2026-03-01.")] = None,
    seen_in: Annotated[str, typer.Option(help="Where you saw it, for the journal.")] = "",
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic it belongs to, whether it meets it or not; repeatable."),
    ] = None,
    by: Annotated[str, typer.Option(help="Whose word it is \\[default: your login].")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Add a post by hand: the page at a URL, or a text.

    It goes into the topics it meets, and into those you name.

    [bold]Example[/bold]: veille add --text "Vorkalune never answers" --author "a letter"
    """
    if not url and not text:
        raise ConfigError("nothing to add. Remedy: a URL, or --text")
    given = Given(
        url=url, title=title, text=text, author=author, seen_in=seen_in,
        created_at=parse_moment(at, "--at"),
    )  # fmt: skip
    made: Added = run(_add(load_settings(config), config, given, topic or [], by or login()))
    if as_json:
        print_json(made)
        return
    out.print(f"{made.post_id}: {counted(len(made.mentions), 'mention')}", highlight=False)
    if made.waiting:
        out.print("No worker has judged it yet: is `veille up` running?", style="yellow")


async def _add(
    settings: Settings, config: Path | None, given: Given, chosen: list[str], by: str
) -> Added:
    topics = load_config_topics(config)
    if not given.text:
        given = await _fetched(settings, given)
    async with opened_store(settings) as store, opened_archive(settings, store) as archive:
        return await add(
            store, settings, topics, post_of(given, utc_now()),
            by=by, chosen=chosen, archive=archive, seen_in=given.seen_in,
        )  # fmt: skip


async def _fetched(settings: Settings, given: Given) -> Given:
    try:
        page = await fetch(Context(allow_hosts=settings.allowed_hosts), given.url)
    except ConnectorError as error:
        raise VeilleError(f"{error}. Or say what it says: --text") from None
    return Given(
        url=page.url, text=page.text, title=given.title or page.title, lang=page.lang,
        author=given.author or page.author, created_at=given.created_at or page.created,
        seen_in=given.seen_in,
    )  # fmt: skip
