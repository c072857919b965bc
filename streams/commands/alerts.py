"""`veille alerts`: incidents, listed and looked after."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from connectors.post import utc_now
from streams.alerts import acts, book, incidents
from streams.alerts.deeds import Deed, handle
from streams.alerts.records import Incident
from streams.commands import alerts_channels, alerts_replay
from streams.commands.alerts_backtest import backtest
from streams.commands.common import (
    ConfigOption,
    JsonOption,
    load_settings,
    out,
    parse_moment,
    print_json,
    run,
)
from streams.errors import ConfigError, VeilleError
from streams.store import opened_store
from streams.store.port import Store

app = typer.Typer(help="Incidents: what rang, why, and who looks after it.", no_args_is_help=True)
app.command("replay")(alerts_replay.replay)
alerts_channels.register(app)
app.command()(backtest)

_FIELDS: Final = (
    "id", "topic", "kind", "severity", "opened_at", "resolved_at", "observed", "expected",
)  # fmt: skip
_MORE: Final = ("status", "began_at", "until", "high", "score", "share", "usual_share")
Id = Annotated[str, typer.Argument(metavar="ID", help="As `veille alerts list` shows it.")]
By = Annotated[str, typer.Option(help="Who you are.")]


@app.command("list")
def list_(
    *,
    open_: Annotated[bool, typer.Option("--open", help="Those that are not over.")] = False,
    topic: Annotated[str, typer.Option(help="Of this topic.")] = "",
    since: Annotated[
        str | None, typer.Option(help="Opened since then: 2026-01-31, 24h, 7d.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those withdrawn or merged into others, too.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """List incidents, oldest first. Times are the posts' own.

    [bold]Example[/bold]: veille alerts list --open --json
    """
    start = parse_moment(since, "--since")
    found = [
        one
        for one in _with_store(config, book.incidents)
        if (everything or not hidden(one))
        and (not open_ or one.status in ("open", "acknowledged", "snoozed"))
        and (not topic or one.topic == topic)
        and (start is None or one.opened_at >= start)
    ]
    if as_json:
        for one in found:
            print_json(_line(one))
    elif found:
        out.print(_table(found))
    else:
        out.print("No incidents.", style="dim")


@app.command()
def show(incident_id: Id, *, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show all that is known of an incident."""
    one = _with_store(config, lambda store: _find(store, incident_id))
    if as_json:
        print_json(one)
        return
    table = Table(box=None, show_header=False)
    for name, value in msgspec.to_builtins(one).items():
        if name != "evidence":
            table.add_row(name.replace("_", " "), str(value))
    out.print(table)
    for post in one.evidence.posts:
        out.print(f"{post.created_at:%Y-%m-%d %H:%M} {post.author}: {post.text}", markup=False)


@app.command()
def ack(incident_id: Id, *, by: By, config: ConfigOption = None) -> None:
    """Say that you look after it: nobody else is called."""
    deed = Deed(at=utc_now(), what="acknowledged", by=by)
    _handle(config, incident_id, lambda one: acts.acknowledged(one, by), deed)


@app.command()
def snooze(
    incident_id: Id,
    *,
    for_: Annotated[str, typer.Option("--for", help="How long: 30m, 2h, 1d.")] = "2h",
    config: ConfigOption = None,
) -> None:
    """Silence it for a while."""
    until = _after(for_)
    deed = Deed(at=utc_now(), what="snoozed", until=until)
    _handle(config, incident_id, lambda one: acts.snoozed(one, until), deed)


@app.command()
def resolve(incident_id: Id, *, by: By = "", config: ConfigOption = None) -> None:
    """Say that it is over."""
    deed = Deed(at=utc_now(), what="resolved", by=by)
    _handle(config, incident_id, lambda one: acts.resolved(one, by), deed)


def hidden(one: Incident) -> bool:
    """Whether it is told of no more: untrue, or a part of another."""
    return one.status == "withdrawn" or incidents.is_part(one)


def _line(one: Incident) -> dict[str, Any]:
    """The fields that scripts rely on come first; all are there, also where there is no value."""
    told = {name: getattr(one, name) for name in (*_FIELDS, *_MORE)}
    more = {"merged": one.merged, "rule": one.rule, "source": one.source}
    return {**msgspec.to_builtins(told), **more}


def _table(found: list[Incident]) -> Table:
    """Ids as far as they tell incidents apart at a glance; `show` and the others take a part."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("id", no_wrap=True)
    table.add_column("topic", overflow="fold")
    table.add_column("what", overflow="fold")
    for name in ("severity", "status", "opened"):
        table.add_column(name, no_wrap=True)
    table.add_column("seen", justify="right")
    table.add_column("usual", justify="right")
    for one in found:
        opened = f"{one.opened_at:%Y-%m-%d %H:%M}"
        row = (one.id[:8], one.subject, one.rule or one.kind, one.severity, one.status, opened)
        table.add_row(*map(escape, row), f"{one.observed:g}", f"{one.expected:.1f}")
    return table


def _after(text: str) -> datetime:
    """That long from now."""
    before = parse_moment(text, "--for") if text[:1].isdigit() and text[-1:] in "mhdw" else None
    now = utc_now()
    if before is None or before >= now:
        raise ConfigError(f"--for {text!r}: not a span. Remedy: 30m, 2h or 1d")
    return now + (now - before)


def _handle(
    config: Any, incident_id: str, act: Callable[[Incident], incidents.Change], deed: Deed
) -> None:
    async def work(store: Store) -> Incident:
        found = await _find(store, incident_id)
        return await handle(store, found.id, act, deed) or found

    done: Incident = _with_store(config, work)
    out.print(f"{done.id} {done.subject}: {done.status}", markup=False, highlight=False)


async def _find(store: Store, incident_id: str) -> Incident:
    found = [one for one in await book.incidents(store) if one.id.startswith(incident_id)]
    if len(found) != 1 or not incident_id:
        what = "several incidents begin so" if found else "there is no such incident"
        raise VeilleError(f"{incident_id!r}: {what}. Remedy: veille alerts list --all")
    return found[0]


def _with_store(config: Any, work: Callable[[Store], Any]) -> Any:
    settings = load_settings(config)

    async def go() -> Any:
        async with opened_store(settings) as store:
            return await work(store)

    return run(go())
