"""`veille sources` and `veille collect`: what can be watched, and trying one source alone."""

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import typer
from rich.table import Table

from connectors import post
from connectors.base import Connector, Context, Option, Spec, Step
from connectors.closed import CLOSED
from connectors.errors import BadSettings
from connectors.registry import CONNECTORS, build, find
from streams.commands.common import (
    FAILED,
    ConfigOption,
    JsonOption,
    err,
    load_settings,
    out,
    parse_sets,
    print_json,
    run,
    topics_path,
)
from streams.commands.recorded import recorded
from streams.errors import ConfigError
from streams.searching import TopicSearches
from streams.watch import TopicsFile

sources = typer.Typer(help="What can be watched.", no_args_is_help=True)


@sources.command("list")
def list_sources(
    name: Annotated[str, typer.Argument(help="One source, with its settings.")] = "",
    *,
    as_json: JsonOption = False,
) -> None:
    """Show each source: its door, what it sees, what it needs, its limits.

    [bold]Example[/bold]: veille sources list rss
    """
    specs = [_find(name).spec] if name else [one.spec for one in CONNECTORS.values()]
    if as_json:
        for spec in specs:
            print_json(_as_json(spec))
        if not name:
            for one in CLOSED.values():
                print_json({**one._asdict(), "access": "closed"})
        return
    table = Table("source", "door", "sees", "needs", "limits", box=None, show_lines=False)
    for spec in specs:
        table.add_row(spec.name, spec.door, spec.sees, spec.needs, spec.limits)
    out.print(table)
    if name:
        out.print(_options_table(specs[0].options))
        return
    out.print("\nWithout a lawful door:", style="bold")
    closed = Table("place", "why", "instead", box=None, show_lines=False)
    for one in CLOSED.values():
        closed.add_row(one.name, one.why, one.instead)
    out.print(closed)
    out.print("Settings of one: veille sources list NAME", style="dim")


def _options_table(options: Sequence[Option]) -> Table:
    table = Table("setting", "", "default", "what it is", box=None)
    for option in options:
        kind = "required" if option.required else "secret" if option.secret else ""
        default = "" if option.default is None else str(option.default)
        table.add_row(option.name, kind, default, option.help)
    return table


def _as_json(spec: Spec) -> dict[str, Any]:
    """A spec as plain JSON; "never polled" has no number in JSON."""
    found: dict[str, Any] = msgspec.to_builtins(spec)
    if math.isinf(spec.poll_seconds):
        found["poll_seconds"] = None
    return found


def collect(
    name: Annotated[str, typer.Argument(metavar="SOURCE", help="One of `veille sources list`.")],
    *,
    once: Annotated[bool, typer.Option("--once", help="One pass, then end.")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print posts as JSONL.")] = False,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE of the connector; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Stop after so many posts; 0: all.")] = 0,
    seconds: Annotated[
        float, typer.Option(min=0, help="Cut a stream after so long; 0: when it ends.")
    ] = 30.0,
    webhook: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Read a recorded delivery in place of the network; - is standard input. Its "
            "signature is not checked: the file is trusted. Repeatable.",
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(help="'Name: value' that --webhook deliveries came with; repeatable."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Try one source alone, with no broker, and print its posts.

    Private addresses are refused unless VEILLE_ALLOW_HOSTS or `--set base_url=` names them.

    [bold]Example[/bold]: veille collect rss --once --stdout --set urls=https://example.org/feed

    [bold]Example[/bold]: veille collect webhook --webhook delivery.json --stdout
    """
    if not ((once or webhook) and stdout):
        raise ConfigError(
            "`collect` tries a source once, to standard output. Remedy: add --once --stdout; "
            "to watch it all the time, name it in veille.yaml and run `veille up`"
        )
    settings = load_settings(config)
    options = parse_sets(sets or [])
    context = Context(
        options=options,
        allow_hosts=settings.allowed_hosts | _named_here(options),
        on_note=_note,
        searches=TopicSearches(TopicsFile(topics_path(config))),
    )
    connector = _built(name, context)
    if webhook:
        failures = run(_print_posts(recorded(name, connector, webhook, header or ()), limit))
    elif header:
        raise ConfigError("--header says what a recorded delivery came with. Remedy: add --webhook")
    else:
        failures = run(_collect(connector, limit, seconds))
    if failures:
        raise typer.Exit(FAILED)


def _named_here(options: Mapping[str, Any]) -> frozenset[str]:
    """The host and port of a `base_url` that was typed: whoever types an address of this machine
    means it. Where else it leads, by a redirect or in an answer, is refused as ever."""
    try:
        parts = urlsplit(str(options.get("base_url", "")))
        port = parts.port or {"http": 80, "ws": 80}.get(parts.scheme, 443)
    except ValueError:
        return frozenset()
    return frozenset({f"{parts.hostname}:{port}"}) if parts.hostname else frozenset()


async def _collect(connector: Connector, limit: int, seconds: float) -> int:
    """Print posts; returns how many items could not be read. Raises `ConnectorError`."""
    failures = 0
    try:
        async with asyncio.timeout(seconds or None):
            failures = await _print_posts(connector.posts(None), limit)
    except TimeoutError:
        err.print(f"cut after {seconds:.0f} s (see --seconds)", style="dim")
    return failures


async def _print_posts(steps: AsyncIterator[Step], limit: int) -> int:
    posts = failures = 0
    async for step in steps:
        if step.post:
            sys.stdout.buffer.write(post.encode(step.post) + b"\n")
            sys.stdout.flush()
            posts += 1
        if step.dead:
            failures += 1
            err.print(f"{step.dead.place}: {step.dead}", style="yellow", markup=False)
        if step.gap:
            err.print(f"gap: {step.gap}", style="yellow", markup=False)
        if step.on_safe:
            step.on_safe()
        if limit and posts >= limit:
            break
    return failures


def _find(name: str) -> type[Connector]:
    try:
        return find(name)
    except BadSettings as error:
        raise ConfigError(str(error)) from None


def _built(name: str, context: Context) -> Connector:
    try:
        return build(name, context)
    except BadSettings as error:
        raise ConfigError(f"{name}: {error}") from None


def _note(sentence: str) -> None:
    err.print(sentence, style="dim", markup=False)
